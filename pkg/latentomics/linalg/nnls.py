"""Non-negative least squares for many right-hand sides at once."""

import torch
from scipy import optimize

from latentomics.arrays import as_numpy, as_tensor, binary_size

SWEEPS = 20  # of coordinate descent before each attempt at an exact solution
ROUNDS = 10
PIVOTS = 10  # exchanges of wrong entries within one such attempt
CHUNK = 2**22  # entries of the small systems solved at once


def nnls(X, S):
    r"""Return the non-negative weights of the rows of `S` in each row of `X`.

    .. math:: \arg\min_{E \ge 0} \|X - E S\|_F^2

    (book: ``eq-nnls``). Coordinate descent finds the positive entries; each row of E is
    then solved by least squares on these. Rows that fail the optimality conditions
    descend further, and SciPy solves those that still fail at the end.

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
    for _ in range(ROUNDS):
        now, b = E[:, open_], target[:, open_]
        for _ in range(SWEEPS):
            for k in range(len(S)):
                now[k] = (now[k] + b[k] - gram[k] @ now).clamp(min=0)
        E[:, open_], right = _exact(gram, b, now)
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


def _exact(gram, b, E):
    """Solve on the positive entries; return the new `E`, and where it is optimal."""
    size = max(1, CHUNK // gram.numel())
    parts = [
        _exact_chunk(gram, part, now)
        for part, now in zip(b.split(size, dim=1), E.split(size, dim=1), strict=True)
    ]
    solved, right = (torch.cat(p, dim=-1) for p in zip(*parts, strict=True))
    return torch.where(right, solved, E), right


def _exact_chunk(gram, b, E):
    alive = (E > 0).T
    rounding = 100 * torch.finfo(gram.dtype).eps * b.abs().amax(dim=0)
    for _ in range(PIVOTS):
        solved = _solved_on(gram, b, alive)
        fits = (gram @ solved - b >= -rounding).T
        right = ((solved >= 0).T & fits).all(dim=1)
        if right.all():
            break
        alive = torch.where(right[:, None], alive, (solved > 0).T | ~fits)
    return solved, right


def _solved_on(gram, b, alive):
    """Solve on the entries `alive` (N, K), others 0; collinear ones share weight."""
    both = alive[:, :, None] & alive[:, None, :]
    eye = torch.eye(len(gram)).to(gram)
    ridge = 10 * torch.finfo(gram.dtype).eps
    L, _ = torch.linalg.cholesky_ex(torch.where(both, gram + ridge * eye, eye))
    right = torch.where(alive, b.T, 0)[..., None]
    return torch.cholesky_solve(right, L)[..., 0].T
