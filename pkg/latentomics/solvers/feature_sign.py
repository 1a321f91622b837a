"""Exact elastic-net paths by feature-sign search."""

import warnings

import numpy as np
from scipy.linalg import lapack
from sklearn.exceptions import ConvergenceWarning

STRIDE = 0.8  # least ratio of successive penalties, so that few features enter
TURNS = 1000  # most sets of signs tried at one penalty
SLACK = 1e-9  # relative excess over the threshold allowed to a zero weight
ROUNDING = 1e-9  # residual of a solved system, relative to the threshold
PIVOT = 1e-3  # relative to the largest; below it features are nearly dependent
SINGULAR = 1e-10  # relative to the largest eigenvalue; below it they are dependent


def elastic_net_path(X, y, ratio, lams):
    r"""Return the weights of one response at each penalty.

    .. math:: \min_w \frac1{2n} \|y - Xw\|^2
        + \lambda \Big(\alpha \|w\|_1 + \frac{1 - \alpha}2 \|w\|^2\Big)

    Feature-sign search [1]: given the nonzero weights and their signs, the optimality
    conditions (book: ``eq-elastic-net-kkt``) are linear. On the way to their solution,
    the first weight to reach 0 stays there; once none does, features that violate the
    conditions enter. The loss falls throughout, so no set of signs recurs. Each penalty
    starts from the solution at the one before, on a path from the penalty at which all
    weights are 0.

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
        Exact up to rounding: the conditions hold to about 1e-5 of their threshold in
        the worst case, objectives to 1e-12. Equal features, which the lasso cannot tell
        apart, share their weight; if the ridge term is smaller than rounding (a ratio
        within 1e-5 of 1), dependent features may end far from the optimum.

    Warns
    -----
    ConvergenceWarning
        If more than 1000 sets of signs would be needed at one penalty.

    References
    ----------
    [1] Lee, Battle, Raina & Ng (2007). NIPS 19:801-808, algorithm 1.
    """
    if not ratio:
        return _ridge(X, y, lams)
    W, w = np.empty((X.shape[1], len(lams))), np.zeros(X.shape[1])
    lam = np.abs(X.T @ y).max() / len(y) / ratio  # at this penalty all weights are 0
    for k, goal in enumerate(lams):
        while STRIDE * lam > goal:
            lam *= STRIDE
            w = settled(X, y, ratio, lam, w)
        lam = goal
        W[:, k] = w = settled(X, y, ratio, lam, w)
    return W


def settled(X, y, ratio, lam, w):
    """Return the exact weights at one penalty, starting from `w`."""
    signs, bound, rent = np.sign(w), ratio * lam, lam - ratio * lam
    before = None
    for _ in range(TURNS):
        goal = _with_signs(X, y, signs, bound, rent, w)
        turned = np.flatnonzero(goal * signs < 0)
        if len(turned):
            parts = w[turned] / (w[turned] - goal[turned])
            w = w + parts.min() * (goal - w)
            signs[turned[parts == parts.min()]] = 0
            w[signs == 0] = 0
            continue
        w = goal
        slope = X.T @ (y - X @ w) / len(y)
        moved = (signs == 0) & (np.abs(slope) > bound * (1 + SLACK))
        if not moved.any() or np.array_equal(signs, before):
            return w  # signs recur where only rounding, or a lost ridge term, is left
        before = signs.copy()
        signs[moved] = np.sign(slope[moved])
    warnings.warn(
        f"the weights at lam={lam:g} are near the best but not exact: {TURNS} sets of "
        "signs were tried",
        ConvergenceWarning,
        stacklevel=3,
    )
    return w


def _with_signs(X, y, signs, bound, rent, w):
    """Return the weights of given signs that solve the optimality conditions.

    If none do, the loss falls without bound on a line from `w`: return weights on it
    beyond the first that reaches 0.
    """
    n, inside = len(y), np.flatnonzero(signs)
    A, goal = X[:, inside], np.zeros_like(signs)
    if not len(inside):
        return goal
    target = A.T @ y / n - bound * signs[inside]
    if rent and len(inside) > n:  # through the Gram matrix of the rows
        inner = _solve(A @ A.T / n + rent * np.eye(n), A @ target)[0]
        goal[inside] = (target - A.T @ inner / n) / rent
        return goal
    gram = A.T @ A / n + rent * np.eye(len(inside))
    goal[inside], rank = _solve(gram, target)
    left = target - gram @ goal[inside]
    if rank < len(inside) and np.abs(left).max() > ROUNDING * bound:
        # on this line X w is constant, and the L1 norm falls until it is 0
        line = left / gram.diagonal()
        enough = bound * np.abs(w).sum() / (left @ line)
        goal[inside] = w[inside] + max(enough, 1) * line
    return goal


def _solve(M, b):
    """Solve a positive semidefinite system; return its rank, too.

    Equal features share their weight.
    """
    size = np.sqrt(M.diagonal())
    M, b = M / np.outer(size, size), b / size
    factor, x, failed = lapack.dposv(M, b)
    pivots = factor.diagonal()
    if not failed and pivots.min() > PIVOT * pivots.max():
        return x / size, len(b)
    x, _, rank, _ = np.linalg.lstsq(M, b, rcond=SINGULAR)
    return x / size, rank


def _ridge(X, y, lams):
    """Return the minimisers in closed form, through the Gram matrix of the rows."""
    squares, U = np.linalg.eigh(X @ X.T / len(y))
    weights = (U.T @ y)[:, None] / (squares.clip(min=0)[:, None] + lams)
    return X.T @ (U @ weights) / len(y)
