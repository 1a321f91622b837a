"""Regression on features, then prediction of the residuals from other drugs."""

from dataclasses import KW_ONLY, dataclass
from itertools import product

import numpy as np

from latentomics.arrays import as_mask, as_numpy, as_tensor, binary_size
from latentomics.checks import check_positive, check_share, grid_points
from latentomics.multitask.drug_covariance import conditional_means, drug_covariance
from latentomics.multitask.regressor import FeaturePath, LinearRegressor
from latentomics.multitask.trace_norm import (
    TraceNormPath,
    TraceNormRegressor,
    trace_norm_grid,
)
from latentomics.multitask.transductive import known_lines
from latentomics.params import (
    InPrecision,
    Iterative,
    OnDevice,
    not_negative,
    positive,
    share,
    whole,
)

KEYS = ("fraction", "shrinkage")


class TraceNormHybrid(LinearRegressor, Iterative, OnDevice, InPrecision):
    r"""Trace-norm regression, followed by kriging of its residuals across drugs.

    .. math::
        \hat y_{it} = x_i^\top w_t + b_t
        + C_{t,o_i} C_{o_i}^{-1} r_{i,o_i}, \qquad r = y - X w - b

    W is that of :class:`TraceNormRegressor`. C, the covariance of the residuals between
    drugs, weights every measured drug by how well it predicts drug t (book:
    ``eq-hybrid``). The paper has no such method. A line that was not in the fit, or has
    no measurements, gets the linear part only.

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

    lam: float = positive(1.0)
    """As in :class:`TraceNormRegressor`."""
    _: KW_ONLY
    shrinkage: float = share(0.3, above=0)
    """Weight of the diagonal (uncorrelated drugs) in C."""
    tol: float = not_negative(1e-4)
    """Duality gap of W."""
    covariance_tol: float = positive(0.03)
    """Stop once a step changes C by at most this share of its norm."""
    max_iter: int = whole(5000)
    """Of either loop."""

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        X, Y = self._read(X, Y)
        linear = self._trace_norm().fit(X, Y)
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
        grid = grid_points(hybrid_grid() if grid is None else grid, KEYS, exactly=True)
        for point in grid:
            check_positive(fraction=point["fraction"])
            check_share("shrinkage", point["shrinkage"], above=0)
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
        return TraceNormRegressor(
            self.lam,
            tol=self.tol,
            max_iter=self.max_iter,
            device=self.device,
            dtype=self.dtype,
        )

    def _correction(self, residual, shrinkage, start=None):
        """Return corrections, covariance and trace for residuals with gaps."""
        seen = ~np.isnan(residual)
        rows = seen.any(axis=1)
        R = np.nan_to_num(residual[rows])
        R = as_tensor(R, device=self.device, dtype=self.dtype)
        mask = as_mask(seen[rows], device=self.device)
        unit = binary_size(R)  # or squared covariances underflow
        R, start = R / unit, start if start is None else start / unit**2
        C, trace = drug_covariance(
            R,
            mask,
            shrinkage,
            tol=self.covariance_tol,
            max_iter=self.max_iter,
            start=start,
        )
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
    pairs = product(trace_norm_grid(n_lams, eps), shrinkages)
    return [point | {"shrinkage": s} for point, s in pairs]


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
