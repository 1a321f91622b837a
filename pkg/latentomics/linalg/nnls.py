"""Non-negative least squares for many right-hand sides at once."""

import torch

SWEEPS = 20  # of coordinate descent between two attempts to end exactly
ROUNDS = 200
CHUNK = 2**22  # entries of the small systems solved at once


def nnls(X, S):
    r"""Return how much of each row of `S` each row of `X` holds.

    .. math:: \arg\min_{E \ge 0} \|X - E S\|_F^2

    (book: ``eq-nnls``). Coordinate descent finds which entries are above 0; then each
    row of E is the least-squares solution on these, if it passes the conditions of an
    optimum, and goes on descending if not.

    Parameters
    ----------
    X : tensor of shape (N, M)
    S : tensor of shape (K, M)
        Rows that are 0 get 0.

    Returns
    -------
    tensor of shape (N, K)
    """
    gram, target = S @ S.T, S @ X.T
    scale = gram.diagonal().clamp(min=torch.finfo(S.dtype).tiny)
    E = (target / scale[:, None]).clamp(min=0) / len(S)
    open_ = torch.arange(X.shape[0], device=X.device)
    for _ in range(ROUNDS):
        now, b = E[:, open_], target[:, open_]
        for _ in range(SWEEPS):
            for k in range(len(S)):
                now[k] = (now[k] + (b[k] - gram[k] @ now) / scale[k]).clamp(min=0)
        E[:, open_], right = _exact(gram, b, now)
        open_ = open_[~right]
        if not len(open_):
            break
    return E.T


def _exact(gram, b, E):
    """Solve on the entries above 0; return what is better, and where it is right."""
    size = max(1, CHUNK // gram.numel())
    parts = [
        _exact_chunk(gram, part, now)
        for part, now in zip(b.split(size, dim=1), E.split(size, dim=1), strict=True)
    ]
    solved, right = (torch.cat(p, dim=-1) for p in zip(*parts, strict=True))
    return torch.where(right, solved, E), right


def _exact_chunk(gram, b, E):
    alive = (E > 0).T
    both = alive[:, :, None] & alive[:, None, :]
    eye = torch.eye(len(gram)).to(gram)
    L, failed = torch.linalg.cholesky_ex(torch.where(both, gram, eye))
    solved = torch.cholesky_solve(torch.where(alive, b.T, 0)[..., None], L)[..., 0].T
    rounding = 100 * torch.finfo(gram.dtype).eps * b.abs().amax(dim=0)
    slope = gram @ solved - b
    right = (solved >= 0).all(dim=0) & (slope >= -rounding).all(dim=0)
    return solved, right & (failed == 0)
