"""The libraries that solve an elastic net, and exact weights where they stop."""

import warnings
from importlib import import_module

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import enet_path

EXTRAS = {"celer": "multitask", "glmnet": "fast", "sklearn": None}
GLMNET_STEP = 1e-4  # glmnet stops on its last step: 1e-7 of it ends at a gap near 1e-3
STEPS = {"celer": 200, "sklearn": 10_000, "glmnet": 1_000_000}  # at most
ROUNDS = 3  # of setting right which features have weight
EPOCHS = 5000  # of celer within a step, at most; exact weights mend what is left
SLACK = 1e-9  # of the fee, by which an excluded feature may seem worth more
SINGULAR = 1e-10  # of the largest eigenvalue: twins


def solve_path(backend, tol, X, y, ratio, lams):
    """Return the weights of one response at each penalty.

    Parameters
    ----------
    backend : {"celer", "glmnet", "sklearn"}
    tol : float
        Of the duality gap, as a share of the loss of w = 0.
    X : array of shape (n, p), Fortran-ordered
        Centred.
    y : array of shape (n,)
        Of mean 0 and, but for sklearn, variance 1.
    ratio : float from 0 to 1
        0 is ridge regression, for which no backend is needed.
    lams : array of shape (n_lams,)
        Falling.

    Returns
    -------
    ndarray of shape (p, n_lams)
    """
    if not ratio:
        return _ridge(X, y, lams)
    exact, todo = np.zeros((len(lams), X.shape[1])), np.arange(len(lams))
    for solve in (BACKENDS[backend], BACKENDS["sklearn"]):  # the second is patient
        with warnings.catch_warnings():  # measured below instead
            warnings.simplefilter("ignore", ConvergenceWarning)
            W = list(solve(X, y, ratio, lams[todo], tol).T)
        found = [settled(X, y, ratio, lams[k], w) for k, w in zip(todo, W, strict=True)]
        exact[todo] = found
        todo = todo[[a is b for a, b in zip(found, W, strict=True)]]
        if not len(todo):
            break
    if any(gap(X, y, ratio, lams[k], exact[k]) > tol for k in todo):
        warnings.warn(
            f"tol={tol:g} was not reached at every penalty; larger ones may be",
            ConvergenceWarning,
            stacklevel=3,
        )
    return exact.T


# The loss of w = 0 is y'y / 2n. sklearn takes a gap as a share of y'y / n; celer, as a
# share of 1, which is the same at variance 1.


def _celer(X, y, ratio, lams, tol):
    given = {"alphas": lams, "tol": tol / 2, "max_iter": STEPS["celer"]}
    given["max_epochs"] = EPOCHS
    return _need("celer").celer_path(X, y, "lasso", l1_ratio=ratio, **given)[1]


def _sklearn(X, y, ratio, lams, tol):
    given = {"alphas": lams, "tol": tol / 2, "max_iter": STEPS["sklearn"]}
    return enet_path(X, y, l1_ratio=ratio, **given)[1]


def _glmnet(X, y, ratio, lams, tol):
    model = _need("glmnet").ElasticNet(
        alpha=ratio,
        lambda_path=lams,
        standardize=False,
        fit_intercept=False,
        n_splits=0,
        tol=tol * GLMNET_STEP,
        max_iter=STEPS["glmnet"],
    )
    return model.fit(X, y).coef_path_


def gap(X, y, ratio, lam, w):
    """Return the duality gap of `w`, as a share of the loss of w = 0."""
    left, fee, rent = y - X @ w, ratio * lam, lam - ratio * lam
    worth = np.abs(X.T @ left / len(y) - rent * w).max()
    s = min(1, fee / worth) if worth else 1  # makes the residual feasible
    size = left @ left / len(y) + rent * (w @ w)
    primal = size / 2 + fee * np.abs(w).sum()
    dual = s * (left @ y) / len(y) - s**2 * size / 2
    return (primal - dual) / (y @ y / len(y) / 2)


def settled(X, y, ratio, lam, w):
    """Return the exact weights if those of `w` are nearly optimal, otherwise `w`.

    Given which features have weight, and of which sign, the optimality conditions
    (eq-elastic-net-kkt) are linear. If some feature then does not fit them, it moves
    in or out and they are solved again.
    """
    signs, fee = np.sign(w), ratio * lam
    for _ in range(ROUNDS):
        exact, worth = _with_signs(X, y, signs, fee, lam - fee)
        turned, left_out = exact * signs < 0, np.abs(worth) > fee * (1 + SLACK)
        if not (turned | left_out).any():
            return exact
        signs = np.where(turned, 0, np.where(left_out, np.sign(worth), signs))
    return w


def _with_signs(X, y, signs, fee, rent):
    """Return the weights of given signs that solve the conditions, and all c_j."""
    n, inside = len(y), np.flatnonzero(signs)
    A, w = X[:, inside], np.zeros_like(signs)
    target = A.T @ y / n - fee * signs[inside]
    if rent and len(inside) > n:  # through the Gram matrix of the lines
        inner = np.linalg.solve(A @ A.T / n + rent * np.eye(n), A @ target)
        w[inside] = (target - A.T @ inner / n) / rent
    elif rent:
        w[inside] = np.linalg.solve(A.T @ A / n + rent * np.eye(len(inside)), target)
    else:  # the lasso cannot tell twins apart: they share
        w[inside] = np.linalg.lstsq(A.T @ A / n, target, rcond=SINGULAR)[0]
    return w, X.T @ (y - X @ w) / n - rent * w


def _ridge(X, y, lams):
    """Return the minimisers in closed form, through the Gram matrix of the lines."""
    squares, U = np.linalg.eigh(X @ X.T / len(y))
    weights = (U.T @ y)[:, None] / (squares.clip(min=0)[:, None] + lams)
    return X.T @ (U @ weights) / len(y)


def _need(module):
    """Import an optional library, or say what brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        hint = f"install it with `pip install 'latentomics[{EXTRAS[module]}]'`"
        raise ImportError(f"{module} is needed for this; {hint}") from error


BACKENDS = {"celer": _celer, "glmnet": _glmnet, "sklearn": _sklearn}
