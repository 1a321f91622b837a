"""Scores of decoded against true profiles."""

import numpy as np
from scipy.spatial.distance import pdist

from latentomics.sensing.base import read_pair

ROUNDING = 1e-12  # spread relative to the norm of a row: below it, a row is constant
N_DISTANCES = 500  # samples whose distances are compared, since pairs grow as n squared


def scores(X, X_hat):
    r"""Return five scores of decoded profiles.

    Parameters
    ----------
    X, X_hat : arrays of shape (n_samples, n_features)
        True and decoded; two tables are matched by row and column names.

    Returns
    -------
    dict of str to float
        `overall`, Pearson's correlation of all entries, high even for predicting each
        gene's mean; `per_sample` and `per_gene`, the mean correlations of rows and of
        columns (without constant ones; NaN if all are constant); `nrmse`,
        :math:`\|X - \hat X\|_F / \|X\|_F`; `distance`, the correlation of the
        distances between samples (the first 500; NaN for fewer than three samples).
        Book: ``eq-sensing-scores``.

    Raises
    ------
    ValueError
        If shapes differ, or an entry is not finite.
    """
    X, X_hat = read_pair(X, X_hat)
    near, far = (pdist(M[:N_DISTANCES]) for M in (X, X_hat))
    return {
        "overall": _correlation(X.reshape(1, -1), X_hat.reshape(1, -1)),
        "per_sample": _correlation(X, X_hat),
        "per_gene": _correlation(X.T, X_hat.T),
        "nrmse": float(np.linalg.norm(X - X_hat) / np.linalg.norm(X)),
        "distance": _correlation(near[None], far[None]) if len(X) > 2 else np.nan,
    }


def _correlation(A, B):
    """Return the mean Pearson correlation of the rows of A and B that both vary."""
    whole = [np.linalg.norm(M, axis=1) for M in (A, B)]
    A, B = (M - M.mean(axis=1, keepdims=True) for M in (A, B))
    size = [np.linalg.norm(M, axis=1) for M in (A, B)]
    varies = (size[0] > ROUNDING * whole[0]) & (size[1] > ROUNDING * whole[1])
    if not varies.any():
        return np.nan
    dots = (A[varies] * B[varies]).sum(axis=1)
    return float((dots / size[0][varies] / size[1][varies]).mean())
