"""Whether predictions of 70% come true seven times in ten."""

import numpy as np
import pandas as pd

from latentomics.checks import check_whole
from latentomics.matrices import aligned_like

MOST_BINS = 2**53  # beyond it, floats cannot tell bins apart
Z = 1.959964  # standard deviations that hold 95% of a normal distribution


def reliability_table(confidence, correct, n_bins=10):
    r"""Return how often predictions came true at each level of confidence.

    Predictions are binned by confidence in bins of equal width from 0 to 1; empty bins
    are left out.

    Parameters
    ----------
    confidence : array of shape (n_samples,)
        Probability given to the predicted class (or to one class), from 0 to 1.
    correct : array of bool, shape (n_samples,)
        Whether each came true; matched to `confidence` by name if both have names.
    n_bins : int, default=10

    Returns
    -------
    DataFrame with a row per bin that has predictions
        `confidence`, their mean; `observed`, the share that came true; `low` and
        `high`, its 95% interval (Wilson's); `n`, how many.

    Raises
    ------
    ValueError
        If lengths differ, the arrays are empty, or a confidence is outside 0 to 1.
    """
    check_whole(n_bins=n_bins)
    if n_bins > MOST_BINS:
        raise ValueError(f"n_bins must be at most 2**53; got {n_bins}")
    correct = aligned_like(
        correct, confidence, name="correct", by="confidence", axes=[0]
    )
    p, hit = np.asarray(confidence, float), np.asarray(correct)
    if p.ndim != 1 or p.shape != hit.shape or not len(p):
        raise ValueError(
            f"confidence and correct must be two lists of equal length, not empty; "
            f"got shapes {p.shape} and {hit.shape}"
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"confidence must be from 0 to 1; got {p[~((p >= 0) & (p <= 1))][0]!r}"
        )
    if hit.dtype != bool:
        raise ValueError(f"correct must be True or False; got {hit.dtype}")
    place = np.minimum((p * n_bins).astype(int), n_bins - 1)
    bins = pd.DataFrame({"confidence": p, "observed": hit.astype(float)}).groupby(place)
    table = bins.mean()
    n = bins.size()
    table["low"], table["high"] = _wilson(table["observed"], n)
    return table.assign(n=n).rename_axis("bin")


def _wilson(share, n):
    """Return Wilson's 95% interval of a share, clipped to 0 and 1."""
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return (middle - half).clip(lower=0), (middle + half).clip(upper=1)


def calibration_error(table):
    r"""Return the expected calibration error.

    .. math:: \sum_b \frac{n_b}{n} \, |\text{observed}_b - \text{confidence}_b|

    (book: ``eq-calibration``); 0 = calibrated. `table` is that of
    :func:`reliability_table`.
    """
    gap = (table["observed"] - table["confidence"]).abs()
    return float((gap * table["n"]).sum() / table["n"].sum())
