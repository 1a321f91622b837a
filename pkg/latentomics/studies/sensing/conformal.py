"""Model-free prediction intervals, from errors on profiles like these."""

import numpy as np

from latentomics.checks import check_share
from latentomics.sensing.base import read_pair


def conformal_radius(X, X_hat, level=0.9):
    r"""Return the half-width of a prediction interval of each gene at a given level.

    .. math:: r_j = \text{the } \lceil (n + 1)\, \text{level} \rceil \text{-th smallest
        of } |x_{ij} - \hat x_{ij}|, \; i = 1, \dots, n

    (split conformal prediction; book: ``eq-conformal``). If the next profile is
    exchangeable with these n, its gene j lies within :math:`\hat x_j \pm r_j` with
    probability at least `level`, for any decoder and distribution.

    Parameters
    ----------
    X, X_hat : arrays of shape (n_samples, n_features)
        True and decoded profiles that the decoder was not fitted to; two tables are
        matched by row and column names.
    level : float, default=0.9
        Between 0 and 1.

    Returns
    -------
    ndarray of shape (n_features,)
        In the units of the profiles; infinite if there are too few profiles.

    Raises
    ------
    ValueError
        If shapes differ, two tables have different row or column names, an entry is
        not finite, or `level` is not between 0 and 1.

    References
    ----------
    Vovk, Gammerman & Shafer (2005). Algorithmic Learning in a Random World.
    """
    check_share("level", level, above=0, below=1)
    X, X_hat = read_pair(X, X_hat)
    rank = int(np.ceil((len(X) + 1) * level))
    if rank > len(X):
        return np.full(X.shape[1], np.inf)
    return np.sort(np.abs(X - X_hat), axis=0)[rank - 1]
