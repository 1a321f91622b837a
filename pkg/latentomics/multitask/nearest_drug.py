"""A baseline without features: the line's response to the most similar drug."""

import numpy as np

from latentomics.arrays import binary_unit
from latentomics.multitask.transductive import TransductiveRegressor
from latentomics.params import whole


class NearestDrug(TransductiveRegressor):
    r"""Predict a drug from the best-correlated drug that was measured on that line.

    .. math::
        \hat y_{it} = \bar y_t + \frac{s_{tq}}{s_{qq}} (y_{iq} - \bar y_q), \qquad
        q = \arg\max_{q \ne t,\; y_{iq} \text{ measured}} |r_{tq}|

    Means, variances and the correlation r of a pair are taken over the lines where both
    were measured (book: ``eq-nearest-drug``). This is the baseline of the same name in
    [1]. Where no other drug was measured on a line, the prediction is the mean of drug
    t.

    Attributes
    ----------
    fitted_ : ndarray of shape (n_samples, n_tasks)
        Predictions, in units of Y. A measured cell's own value enters only through the
        regression.
    X_ : ndarray of shape (n_samples, n_features)
        Features by which `predict` recognises a line.
    correlation_ : ndarray of shape (n_tasks, n_tasks)
        r, between drugs; NaN where a pair is not compared, and on the diagonal.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or `min_lines` is not a whole number
        of at least 3. In `predict`: a line was not in the fit.

    References
    ----------
    [1] Yuan, Paskov, Paskov, Gonzalez & Leslie (2016). Sci Rep 6:31619.
    """

    min_lines: int = whole(5, at_least=3)
    """Pairs with fewer lines in common are not compared."""

    def fit(self, X, Y):
        """Fit to responses; features only serve to identify the lines."""
        X, Y = self._read(X, Y)
        slope, offset, self.correlation_ = _regressions(Y, self.min_lines)
        closeness = np.nan_to_num(np.abs(self.correlation_), nan=-1.0)
        order = np.argsort(-closeness, axis=1, kind="stable")
        fitted = np.tile(np.nanmean(Y, axis=0), (len(Y), 1))
        for t, others in enumerate(order):
            others = others[closeness[t, others] >= 0]
            if not len(others):
                continue
            measured = ~np.isnan(Y[:, others])
            rows = np.flatnonzero(measured.any(axis=1))
            q = others[measured[rows].argmax(axis=1)]
            fitted[rows, t] = offset[t, q] + slope[t, q] * Y[rows, q]
        return self._remember(X, fitted)


def _regressions(Y, min_lines):
    """Return slope and intercept of drug t on drug q, and their correlation, (T, T)."""
    seen = ~np.isnan(Y)
    mask = seen.astype(float)
    centre = np.nanmean(Y, axis=0)
    Y = np.where(seen, Y - centre, 0.0)  # centred, against cancellation in the sums
    unit = binary_unit(Y)
    Y = Y / unit  # or fourth powers overflow or underflow
    count = np.maximum(mask.T @ mask, 1)
    mean = Y.T @ mask / count  # of drug t over the lines it shares with q
    cross = Y.T @ Y / count - mean * mean.T
    square = (Y * Y).T @ mask / count - mean * mean
    tiny = np.finfo(float).eps * (Y * Y).mean(axis=0)[:, None]
    usable = (mask.T @ mask >= min_lines) & (square > tiny) & (square > tiny).T
    np.fill_diagonal(usable, False)
    slope = np.divide(cross, square.T, out=np.zeros_like(cross), where=usable)
    scale = np.sqrt(np.where(usable, square * square.T, 1.0))
    offset = centre[:, None] + unit * mean - slope * (unit * mean.T + centre)
    return slope, offset, np.where(usable, cross / scale, np.nan)
