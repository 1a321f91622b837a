"""Regression on features, then prediction of the residuals from other drugs."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from latentomics.arrays import as_mask, as_numpy, as_tensor, binary_size
from latentomics.base import check_positive, check_whole
from latentomics.multitask.drug_covariance import conditional_means, drug_covariance
from latentomics.multitask.regressor import FeaturePath, LinearRegressor, check_grid
from latentomics.multitask.trace_norm import TraceNormPath, TraceNormRegressor
from latentomics.multitask.transductive import known_lines

KEYS = ("fraction", "shrinkage")


class TraceNormHybrid(LinearRegressor):
    r"""Trace-norm regression, followed by kriging of its residuals across drugs.

    .. math::
        \hat y_{it} = x_i^\top w_t + b_t
        + C_{t,o_i} C_{o_i}^{-1} r_{i,o_i}, \qquad r = y - X w - b

    W is that of :class:`TraceNormRegressor`. C, the covariance of the residuals between
    drugs, weights every measured drug by how well it predicts drug t (book:
    ``eq-hybrid``). The paper has no such method. A line that was not in the fit, or has
    no measurements, gets the linear part only.

    Parameters
    ----------
    lam : float, default=1.0
        As in :class:`TraceNormRegressor`.
    shrinkage : float, default=0.3
        Weight of the diagonal (uncorrelated drugs) in C, above 0 and at most 1.
    tol : float, default=1e-4
        Duality gap of W.
    covariance_tol : float, default=0.03
        Stop once a step changes C by at most this share of its norm.
    max_iter : int, default=5000
        Of either loop.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_tasks)
        W, in units of Y per unit of X.
    intercept_ : ndarray of shape (n_tasks,)
        b, in units of Y.
    covariance_ : ndarray of shape (n_tasks, n_tasks)
        C, in squared units of Y.
    correction_ : ndarray of shape (n_samples, n_tasks)
        Correction from the other drugs for each fitted line; for a measured cell, its
        own value is left out.
    X_ : ndarray of shape (n_samples, n_features)
        Features by which `predict` recognises a line.
    trace_ : Trace
        Of the covariance: its objective and gap at each look.

    Raises
    ------
    ValueError
        In `fit`: as :class:`TraceNormRegressor`, or `shrinkage` is out of its range.
    """

    def __init__(
        self,
        lam=1.0,
        *,
        shrinkage=0.3,
        tol=1e-4,
        covariance_tol=0.03,
        max_iter=5000,
        device="auto",
        dtype="float64",
    ):
        self.lam, self.shrinkage = lam, shrinkage
        self.tol, self.covariance_tol, self.max_iter = tol, covariance_tol, max_iter
        self.device, self.dtype = device, dtype

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        X, Y = self._read(X, Y)
        linear = self._trace_norm().set_params(lam=self.lam).fit(X, Y)
        self.coef_, self.intercept_ = linear.coef_, linear.intercept_
        residual = Y - (X @ self.coef_ + self.intercept_)
        self.correction_, C, self.trace_ = self._correction(residual, self.shrinkage)
        self.covariance_ = as_numpy(C)
        self.X_ = X
        return self

    def predict(self, X):
        """Return the predicted responses of lines, in units of Y."""
        X = self._read_new(X)
        linear = X @ self.coef_ + self.intercept_
        return self._shaped(linear + _known(self.correction_, self.X_, X))

    def fit_path(self, X, Y, grid=None):
        """Fit at many values of lam and shrinkage.

        Parameters
        ----------
        X, Y
            As in `fit`.
        grid : list of dict, optional
            Each ``{"fraction": f, "shrinkage": s}``, lam as a fraction f of lam_max; by
            default :func:`hybrid_grid`.

        Returns
        -------
        HybridPath
        """
        grid = check_grid(hybrid_grid() if grid is None else grid, *KEYS)
        for point in grid:
            check_positive(**point)
        fractions = sorted({point["fraction"] for point in grid}, reverse=True)
        X, Y = self._read(X, Y)
        linear = self._trace_norm().fit_path(X, Y, [{"fraction": f} for f in fractions])
        places = [fractions.index(point["fraction"]) for point in grid]
        residuals = Y - linear.predict(X)
        corrections, last = [], {}  # warm start: C at the previous lam
        for place, point in zip(places, grid, strict=True):
            s = point["shrinkage"]
            given, last[s], _ = self._correction(residuals[place], s, last.get(s))
            corrections.append(given)
        return HybridPath(grid, linear, places, X, np.stack(corrections)).of(self)

    def _trace_norm(self):
        given = {"tol": self.tol, "max_iter": self.max_iter}
        return TraceNormRegressor(device=self.device, dtype=self.dtype, **given)

    def _correction(self, residual, shrinkage, start=None):
        """Return corrections, covariance and trace for residuals with gaps."""
        check_positive(shrinkage=shrinkage, covariance_tol=self.covariance_tol)
        if shrinkage > 1:
            raise ValueError(f"shrinkage must be at most 1; got {shrinkage!r}")
        check_whole(max_iter=self.max_iter)
        seen = ~np.isnan(residual)
        rows = seen.any(axis=1)
        where = {"device": self.device, "dtype": self.dtype}
        R = as_tensor(np.nan_to_num(residual[rows]), **where)
        mask = as_mask(seen[rows], device=self.device)
        unit = binary_size(R)  # or squared covariances underflow
        R, start = R / unit, start if start is None else start / unit**2
        stop = {"tol": self.covariance_tol, "max_iter": self.max_iter}
        C, trace = drug_covariance(R, mask, shrinkage, start=start, **stop)
        correction = np.zeros(residual.shape, dtype=self.dtype)
        correction[rows] = as_numpy(unit * conditional_means(C, R, mask))
        return correction, unit**2 * C, trace


def _known(correction, X_fit, X):
    """Return the corrections of the lines of `X`, 0 for those not in the fit."""
    place = known_lines(X_fit, X, strict=False)
    return np.where((place >= 0)[:, None], correction[..., place, :], 0.0)


def hybrid_grid(n_lams=10, eps=0.02, shrinkages=(0.1, 0.25, 0.6, 1.0)):
    """Return the default grid of :class:`TraceNormHybrid`.

    Parameters
    ----------
    n_lams : int, default=10
    eps : float, default=0.02
        Smallest fraction of lam_max; evenly spaced on the log scale, from 1 down.
    shrinkages : sequence of float, default=(0.1, 0.25, 0.6, 1.0)

    Returns
    -------
    list of dict
    """
    check_whole(n_lams=n_lams)
    check_positive(eps=eps)
    fractions = np.geomspace(1, eps, n_lams)
    return [
        {"fraction": float(f), "shrinkage": s}
        for f, s in product(fractions, shrinkages)
    ]


@dataclass
class HybridPath(FeaturePath):
    """Fits at every point of a grid."""

    points: list  # of dict
    linear: TraceNormPath
    places: list  # index of each point on the linear path
    X: np.ndarray
    corrections: np.ndarray  # (n_points, n, T)

    def predict(self, X):
        """Return predictions, shape (n_points, n_lines, n_tasks)."""
        X = self._features(X)
        linear = self.linear.predict(X)[self.places]
        return linear + _known(self.corrections, self.X, X)

    def coef(self, choice):
        """Return weights of the features, (p, T), each drug at its `choice`."""
        return self.linear.coef([self.places[c] for c in choice])

    def intercept(self, choice):
        """Return intercepts for uncentred features, (T,)."""
        return self.linear.intercept([self.places[c] for c in choice])
