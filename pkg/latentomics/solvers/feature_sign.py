"""Exact elastic-net paths by feature-sign search."""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack, lstsq, qr, solve_triangular
from sklearn.exceptions import ConvergenceWarning

STRIDE = 0.8  # least ratio of successive penalties, so that few features enter
TURNS = 1000  # most sets of signs tried at one penalty
SLACK = 1e-9  # relative excess over the threshold allowed to a zero weight
SOLVED = 1e-12  # residual of a system, relative to the threshold, left as it is
ROUNDING = 1e-9  # residual of a solved system, relative to the threshold
LOOSE = 1e-5  # relative to the threshold; beyond it weights are not called exact
PIVOT = 1e-5  # relative to the largest; below it features are nearly dependent
REFINED = 3  # most solutions of a system, each of what the one before left over
FURTHEST = 2  # most last steps to extrapolate; a tiny one is little but rounding
SINGULAR = 1e-13  # relative to the largest eigenvalue; below it they are dependent


def elastic_net_path(X, y, ratio, lams):
    r"""Return the weights of one response at each penalty.

    .. math:: \min_w \frac1{2n} \|y - Xw\|^2
        + \lambda \Big(\alpha \|w\|_1 + \frac{1 - \alpha}2 \|w\|^2\Big)

    Feature-sign search [1]: given the nonzero weights and their signs, the optimality
    conditions (book: ``eq-elastic-net-kkt``) are linear. On the way to their solution,
    the first weight to reach 0 stays there; once none does, features that violate the
    conditions enter. The loss falls throughout, so no set of signs recurs. Each penalty
    starts from the solution at the one before, on a path from the penalty at which all
    weights are 0, with the signs that a straight line through the last two foresees.

    Parameters
    ----------
    X : array of shape (n, p)
        Centred.
    y : array of shape (n,)
        Centred.
    ratio : float from 0 to 1
        :math:`\alpha`; 0 is ridge regression, in closed form.
    lams : array of shape (n_lams,)
        :math:`\lambda > 0`, falling.

    Returns
    -------
    ndarray of shape (p, n_lams)
        Exact up to rounding: unless a warning says otherwise, the conditions hold to
        1e-5 of their threshold (usually 1e-12). Equal features, which the lasso cannot
        tell apart, share their weight.

    Raises
    ------
    ValueError
        If `lams` rise.

    Warns
    -----
    ConvergenceWarning
        If the conditions do not hold to 1e-5 after 1000 sets of signs at one penalty,
        or once only rounding is left to improve: by how much they are broken.

    References
    ----------
    [1] Lee, Battle, Raina & Ng (2007). NIPS 19:801-808, algorithm 1.
    """
    if (np.diff(lams) > 0).any():
        raise ValueError(f"lams must not rise; got {lams}")
    if not ratio:
        return _ridge(X, y, lams)
    if ratio == 1:  # equal features would make every system singular
        first, groups, sizes = _equal_columns(X)
        if len(first) < X.shape[1]:
            W = elastic_net_path(X[:, first], y, ratio, lams)
            return (W / sizes[:, None])[groups]
    W, slope = np.empty((X.shape[1], len(lams))), X.T @ y / len(y)
    lam = np.abs(slope).max() / ratio  # at this penalty all weights are 0
    here, before = _Point(lam, np.zeros(X.shape[1]), slope), None
    for k, goal in enumerate(lams):
        while here.lam > goal:
            lam = max(STRIDE * here.lam, goal)
            start = _foreseen(here, before, ratio, lam)
            here, before = _Point(lam, *settled(X, y, ratio, lam, *start)), here
        W[:, k] = here.w
    return W


class _Point(NamedTuple):
    """The solution at one penalty."""

    lam: float
    w: np.ndarray
    slope: np.ndarray  # X^T (y - X w) / n


def _foreseen(here, before, ratio, lam):
    """Return weights and signs to start from at `lam`, on a line through two points.

    Between two penalties at which signs change, a path of the lasso is straight.
    """
    w, signs = here.w.copy(), np.sign(here.w)
    if before:
        ahead = min((here.lam - lam) / (before.lam - here.lam), FURTHEST)
        w_next = w + ahead * (w - before.w)
        slope = here.slope + ahead * (here.slope - before.slope)
        enters = (w == 0) & (np.abs(slope) > ratio * lam)
        signs[enters] = np.sign(slope[enters])
        leaves = w * w_next < 0
        w[leaves] = signs[leaves] = 0
    return w, signs


def settled(X, y, ratio, lam, w, signs):
    """Return the exact weights at one penalty, and X^T (y - X w) / n there.

    Starts from `w`, none of which may be opposite to its sign in `signs`.
    """
    bound, rent, before = ratio * lam, lam - ratio * lam, None
    for _ in range(TURNS):
        goal = _with_signs(X, y, signs, bound, rent, w)
        turned = np.flatnonzero(goal * signs < 0)
        if len(turned):
            parts = w[turned] / (w[turned] - goal[turned])
            w = w + parts.min() * (goal - w)
            signs[turned[parts == parts.min()]] = 0
            w[signs == 0] = 0
            continue
        w, slope = goal, _slope(X, y, goal)
        moved = (signs == 0) & (np.abs(slope) > bound * (1 + SLACK))
        if not moved.any() or np.array_equal(signs, before):
            break  # signs recur where only rounding is left
        before = signs.copy()
        signs[moved] = np.sign(slope[moved])
    else:
        slope = _slope(X, y, w)
    left = slope - rent * w
    over = np.where(w, np.abs(left - bound * np.sign(w)), np.abs(left) - bound)
    if over.max() > LOOSE * bound:
        warnings.warn(
            f"the weights at lam={lam:g} are not exact: the optimality conditions are "
            f"broken by {over.max() / bound:.1g} of their threshold",
            ConvergenceWarning,
            stacklevel=3,
        )
    return w, slope


def _slope(X, y, w):
    inside = np.flatnonzero(w)
    return X.T @ (y - X[:, inside] @ w[inside]) / len(y)


def _with_signs(X, y, signs, bound, rent, w):
    """Return the weights of given signs that solve the optimality conditions.

    If none do, the loss falls without bound on a line from `w`: return weights on it
    beyond the first that reaches 0.
    """
    n, inside = len(y), np.flatnonzero(signs)
    goal = np.zeros_like(signs)
    if not len(inside):
        return goal
    A, w = X[:, inside] / np.sqrt(n), w[inside]
    target = A.T @ y / np.sqrt(n) - bound * signs[inside]

    def left(x):
        return target - A.T @ (A @ x) - rent * x

    solve = _solver(A, rent)
    if solve:
        x, rest = 0, target
        for _ in range(REFINED):
            x = x + solve(rest)
            rest = left(x)
            if np.abs(rest).max() <= SOLVED * bound:
                break
        goal[inside] = x
        return goal
    found, rank = _least_norm(A.T @ A, target)
    line = left(found) / np.square(A).sum(axis=0)
    if rank < len(inside) and np.abs(left(found)).max() > ROUNDING * bound:
        # on this line X w is constant but for rounding, and the L1 norm falls until
        # it is 0
        slope, curvature = left(w) @ line, np.square(A @ line).sum()
        enough = max(bound * np.abs(w).sum() / slope, 1)
        found = w + min(enough, slope / curvature if curvature else np.inf) * line
    goal[inside] = found
    return goal


def _solver(A, rent):
    """Return the function that solves with the matrix A^T A + rent I.

    None if features are dependent and the rent is 0.
    """
    n, k = A.shape
    if not rent or k <= n:
        solve = _cholesky(_raised(A.T @ A, rent))
        if solve or not rent:
            return solve
    elif solve := _cholesky(_raised(A @ A.T, rent)):
        return lambda b: (b - A.T @ solve(A @ b)) / rent
    root = np.vstack([A, np.sqrt(rent) * np.eye(k)])  # not squared, so accurate
    R = qr(root, mode="r", overwrite_a=True, check_finite=False)[0][:k]
    return lambda b: solve_triangular(R, solve_triangular(R, b, trans="T"))


def _raised(M, rent):
    """Add a number to the diagonal, in place."""
    M.flat[:: len(M) + 1] += rent
    return M


def _cholesky(M):
    """Return the function that solves with M; None if M is nearly singular."""
    size = np.sqrt(M.diagonal())
    factor, failed = lapack.dpotrf(M / np.outer(size, size))
    pivots = factor.diagonal()
    if failed or pivots.min() < PIVOT * pivots.max():
        return None
    return lambda b: lapack.dpotrs(factor, b / size)[0] / size


def _least_norm(M, b):
    """Return the least-squares solution of least norm of a scaled system, and its rank.

    Equal features share their weight.
    """
    size = np.sqrt(M.diagonal())
    M, b = M / np.outer(size, size), b / size
    x, _, rank, _ = lstsq(M, b, SINGULAR, True, True, False, "gelsy")
    return x / size, rank


def _equal_columns(X):
    """Return the first column of each group of equal ones, all groups, their sizes."""
    numbers = {}
    groups = [numbers.setdefault(column.tobytes(), len(numbers)) for column in X.T]
    _, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    return first, groups, sizes


def _ridge(X, y, lams):
    """Return the minimisers in closed form."""
    root = np.linalg.qr(X.T, mode="r").T  # X X^T is root root^T, and n by n if n < p
    U, sizes, _ = np.linalg.svd(root / np.sqrt(len(y)), full_matrices=False)
    kept = sizes > max(X.shape) * np.finfo(float).eps * sizes[0]  # others are rounding
    weights = (U.T @ y)[kept, None] / (sizes[kept, None] ** 2 + lams)
    return X.T @ (U[:, kept] @ weights) / len(y)
