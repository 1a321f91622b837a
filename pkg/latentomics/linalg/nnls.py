"""Non-negative least squares for many right-hand sides at once."""

import torch
from scipy import optimize

from latentomics.arrays import as_numpy, as_tensor, binary_size

SWEEPS = 20  # of coordinate descent before each attempt at an exact solution
FEW = 150  # samples; with 5, 30 and 78 signatures SciPy is ahead below 150 to 300
ROUNDS = 10
PIVOTS = 10  # exchanges of wrong entries within one such attempt
CHUNK = 2**22  # entries of the systems solved at once, if they were as large as gram


def nnls(X, S):
    r"""Return the non-negative weights of the rows of `S` in each row of `X`.

    .. math:: \arg\min_{E \ge 0} \|X - E S\|_F^2

    (book: ``eq-nnls``). Coordinate descent, in float32 at first, finds the positive
    entries; each row of E is then solved by least squares on these, and wrong entries
    are exchanged. Rows that fail the optimality conditions descend further, and SciPy
    solves those that still fail at the end. Fewer than 150 rows all go to SciPy, which
    then takes less time.

    Parameters
    ----------
    X : tensor of shape (N, M)
    S : tensor of shape (K, M)
        Zero rows get weight 0.

    Returns
    -------
    tensor of shape (N, K)
    """
    units = binary_size(X, 1), binary_size(S, 1)  # else squares overflow or vanish
    X, S = X / units[0], S / units[1]
    size = S.norm(dim=1, keepdim=True).clamp(min=torch.finfo(S.dtype).tiny)
    gram, target = (S / size) @ (S / size).T, (S / size) @ X.T
    E = target.clamp(min=0) / len(S)
    open_ = torch.arange(X.shape[0], device=X.device)
    for turn in range(ROUNDS if len(X) >= FEW else 0):
        b = target[:, open_]
        rough = torch.float32 if turn == 0 else b.dtype  # enough to find the signs
        near = _swept(*(M.to(rough) for M in (gram, b, E[:, open_]))).to(b)
        E[:, open_], right = _exact(gram, b, near)
        open_ = open_[~right]
        if not len(open_):
            break
    E = (E / size).T
    if len(open_):
        E[open_] = _one_by_one(X[open_], S).to(E)
    return E * units[0] / units[1].T


def _one_by_one(X, S):
    """Solve by SciPy: nearly equal signatures need its one-at-a-time exchanges."""
    X, S = as_numpy(X), as_numpy(S)
    found = [optimize.nnls(S.T, x, maxiter=100 * len(S))[0] for x in X]
    return as_tensor(found, device="cpu")


def _swept(gram, b, E):
    """Return weights after some sweeps of coordinate descent."""
    E = E.clone(memory_format=torch.contiguous_format)
    for _ in range(SWEEPS):
        for k in range(len(E)):
            E[k] = (E[k] + b[k] - gram[k] @ E).clamp(min=0)
    return E


def _exact(gram, b, E):
    """Solve on the positive entries; return the new `E`, and where it is optimal."""
    order = (E > 0).sum(dim=0).argsort(stable=True)  # a chunk's systems are of one size
    found, right = E.clone(), torch.zeros_like(order, dtype=torch.bool)
    for part in order.split(max(1, CHUNK // gram.numel())):
        solved, right[part] = _exact_chunk(gram, b[:, part].T, (E[:, part] > 0).T)
        found[:, part] = torch.where(right[part], solved.T, E[:, part])
    return found, right


def _exact_chunk(gram, b, alive):
    """Solve on the entries `alive`, exchanging wrong ones; all of shape (N, K)."""
    rounding = 100 * torch.finfo(gram.dtype).eps * b.abs().amax(dim=1, keepdim=True)
    found, right = torch.zeros_like(b), torch.zeros_like(alive[:, 0])
    open_ = torch.arange(len(b), device=b.device)
    for _ in range(PIVOTS):
        solved = _solved_on(gram, b[open_], alive)
        fits = solved @ gram - b[open_] >= -rounding[open_]
        done = ((solved >= 0) & fits).all(dim=1)
        found[open_], right[open_] = solved, done
        open_, alive = open_[~done], ((solved > 0) | ~fits)[~done]
        if not len(open_):
            break
    return found, right


def _solved_on(gram, b, alive):
    """Solve on the entries `alive`, others 0; collinear ones share weight."""
    count = alive.sum(dim=1, keepdim=True)
    first = (~alive).argsort(dim=1, stable=True)[:, : int(count.max())]
    inside = torch.arange(first.shape[1], device=b.device) < count
    both = inside[:, :, None] & inside[:, None, :]
    eye = torch.eye(first.shape[1]).to(gram)
    ridge = 10 * torch.finfo(gram.dtype).eps
    system = gram[first[:, :, None], first[:, None, :]] + ridge * eye
    L, _ = torch.linalg.cholesky_ex(torch.where(both, system, eye))
    right = torch.where(inside, b.gather(1, first), 0)[..., None]
    solved = torch.cholesky_solve(right, L)[..., 0]
    return torch.zeros_like(b).scatter(1, first, torch.where(inside, solved, 0))
