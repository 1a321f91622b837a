"""A baseline that fits drugs separately: an elastic net per column of Y."""

from dataclasses import dataclass
from itertools import groupby, product

import numpy as np
from scipy import sparse

from latentomics.checks import check_share, grid_points
from latentomics.multitask.regressor import (
    FeaturePath,
    LinearRegressor,
    check_falling,
)
from latentomics.multitask.trace_norm import trace_norm_grid
from latentomics.params import positive, share
from latentomics.solvers.feature_sign import elastic_net_path

PAPER_RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
RIDGE_AS = 0.001  # the l1_ratio whose lam_max replaces the infinite one at 0
ROUNDING = 1e-12


def elastic_net_grid(l1_ratios=(0.1, 0.25, 0.5, 0.75, 1.0), n_lams=100, eps=0.01):
    """Return the points of a path, ratio by ratio, each with decreasing lam.

    Parameters
    ----------
    l1_ratios : sequence of float from 0 to 1
        The 11 of Yuan et al. (2016) are ``PAPER_RATIOS``; these five take half the
        time.
    n_lams : int, default=100
    eps : float, default=0.01
        Smallest lam relative to `lam_max_`, the first; evenly spaced on the log scale.

    Returns
    -------
    list of dict
        ``{"l1_ratio": a, "fraction": f}``, lam as a fraction f of each drug's own
        `lam_max_`.
    """
    return [
        {"l1_ratio": float(ratio)} | point
        for ratio, point in product(l1_ratios, trace_norm_grid(n_lams, eps))
    ]


class ElasticNetPerTask(LinearRegressor):
    r"""Regress each response separately on the features, with sparse weights.

    .. math::
        \min_{w_t, b_t} \; \frac{1}{2 n_t} \|P_t (y_t - X w_t - b_t 1)\|^2
        + \lambda \Big( \alpha \|w_t\|_1 + \frac{1 - \alpha}{2 s_t} \|w_t\|^2 \Big)

    :math:`P_t` keeps the :math:`n_t` lines measured for drug t, and :math:`s_t` is the
    standard deviation of their responses, 1 if `Y` is standardised. As in glmnet [1],
    this is the problem for responses of unit variance, so the fit does not depend on
    the units of Y, as it would without :math:`s_t`. Features are not scaled: for
    :math:`\alpha < 1` their units matter. The weights are exact, by feature-sign search
    [2]. Book: ``eq-elastic-net``.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_tasks)
        w, in units of Y per unit of X. 0 for a feature that is constant over the
        measured lines, and for a drug with constant responses.
    intercept_ : ndarray of shape (n_tasks,)
        b, in units of Y.
    lam_max_ : ndarray of shape (n_tasks,)
        The smallest lam for which w = 0, in units of X times Y; for `l1_ratio` below
        .001, where it is infinite or nearly so, the value at .001.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or a parameter is out of its range.

    Warns
    -----
    ConvergenceWarning
        In `fit` and `fit_path`: if rounding keeps the weights of a drug from being
        exact; with features that are nearly dependent, at a tiny `lam`.

    References
    ----------
    [1] Friedman, Hastie & Tibshirani (2010). J Stat Softw 33(1):1-22.
    [2] Lee, Battle, Raina & Ng (2007). NIPS 19:801-808, algorithm 1.
    """

    l1_ratio: float = share(0.5)
    r""":math:`\alpha`, from 0 (ridge regression, solved exactly) to 1 (the lasso)."""
    lam: float = positive(0.1)
    r""":math:`\lambda`, in units of X times Y; at or above a drug's `lam_max_` its
    weights are 0. To choose both, see :class:`PathSearch`."""

    per_task = True

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        X, Y = self._read(X, Y)
        drugs = [_Drug(X, y) for y in Y.T]
        lams = np.array([self.lam])
        W = [drug.weights(self.l1_ratio, lams)[:, 0] for drug in drugs]
        self.coef_ = np.stack(W, axis=1)
        pairs = zip(drugs, W, strict=True)
        self.intercept_ = np.array([drug.level - drug.mean @ w for drug, w in pairs])
        self.lam_max_ = np.array([drug.lam_max(self.l1_ratio) for drug in drugs])
        return self

    def fit_path(self, X, Y, grid=None):
        """Fit at many lam and ratios, warm-starting each lam from the one before.

        Parameters
        ----------
        X, Y
            As in `fit`.
        grid : list of dict, optional
            Each ``{"l1_ratio": a, "fraction": f}``, with lam a fraction f of each
            drug's `lam_max_`, decreasing within a ratio; by default
            :func:`elastic_net_grid`, five ratios, each with 100 fractions from 1 to
            .01.

        Returns
        -------
        ElasticNetPath
        """
        points = elastic_net_grid() if grid is None else grid
        points = grid_points(points, ["l1_ratio", "fraction"], exactly=True)
        blocks = _blocks(points)
        X, Y = self._read(X, Y)
        paths = [_drug_path(_Drug(X, y), blocks) for y in Y.T]
        coefs, intercepts, lams = zip(*paths, strict=True)
        path = ElasticNetPath(points, coefs, np.stack(intercepts, 1), np.stack(lams, 1))
        return path.of(self)


@dataclass
class ElasticNetPath(FeaturePath):
    """Sparse weights of every drug at each point of a grid.

    Twelve bytes per non-zero weight; at ``l1_ratio=0`` all n_features x n_tasks x
    n_lams are non-zero.
    """

    points: list  # of dict: l1_ratio, fraction
    coefs: tuple  # for each drug a csc_array of shape (n_features, n_points)
    intercepts: np.ndarray  # (n_points, n_tasks)
    lams: np.ndarray  # (n_points, n_tasks), in units of X times Y

    def predict(self, X):
        """Return predictions, shape (n_points, n_lines, n_tasks), in units of Y."""
        X = self._features(X)
        Y_hat = np.stack([(X @ coef).T for coef in self.coefs], axis=2)
        return Y_hat + self.intercepts[:, None]

    def coef(self, choice):
        """Return weights, shape (n_features, n_tasks), of one point for each drug."""
        pairs = zip(self.coefs, choice, strict=True)
        return np.stack([C[:, [k]].toarray()[:, 0] for C, k in pairs], axis=1)

    def intercept(self, choice):
        """Return intercepts, shape (n_tasks,), of one point for each drug."""
        return self.intercepts[np.asarray(choice), np.arange(len(self.coefs))]


class _Drug:
    """One drug on its measured lines: centred features, responses of unit variance."""

    def __init__(self, X, y):
        seen = ~np.isnan(y)
        X, y = X[seen], y[seen]
        self.mean, self.level = X.mean(axis=0), y.mean()
        self.X = np.asfortranarray(X - self.mean)
        self.X[:, np.ptp(X, axis=0) == 0] = 0  # exactly, without rounding error
        self.scale = y.std() if np.ptp(y) else 0.0
        self.y = (y - self.level) / (self.scale or 1.0)
        self.top = np.abs(self.X.T @ self.y).max() / len(y) if self.scale else 0.0

    def lam_max(self, ratio):
        return self.scale * self.top / max(ratio, RIDGE_AS)

    def weights(self, ratio, lams):
        """Return weights, shape (n_features, n_lams), in units of Y per unit of X."""
        W = np.zeros((self.X.shape[1], len(lams)))
        if not self.top:
            return W
        lams = lams / self.scale
        alive = ratio * lams < self.top * (1 - ROUNDING)
        W[:, alive] = elastic_net_path(self.X, self.y, ratio, lams[alive]) * self.scale
        return W


def _drug_path(drug, blocks):
    """Return weights (csc), intercepts and lams of one drug at all points."""
    coefs, lams = [], []
    for ratio, fractions in blocks:
        lams.append(fractions * drug.lam_max(ratio))
        W = drug.weights(ratio, lams[-1])
        coefs.append(sparse.csc_array(W))
    coefs = sparse.hstack(coefs, format="csc")
    intercepts = drug.level - drug.mean @ coefs
    return coefs, intercepts, np.concatenate(lams)


def _blocks(points):
    """Return (l1_ratio, fractions) of each run of points with one ratio."""
    blocks = []
    for ratio, run in groupby(points, key=lambda point: point["l1_ratio"]):
        check_share("l1_ratio", ratio)
        blocks.append((ratio, np.array(check_falling(run))))
    return blocks
