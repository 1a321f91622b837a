"""How certain a change in the order of two groups is."""

import numpy as np

from latentomics.matrices import read_matrix


def bootstrap_pairs(pairs, *, rng, n_resamples=2000):
    r"""Return means of a table of pairs with its rows and its columns drawn anew.

    If an entry says whether a mutated line (row) responds more than a wild-type one
    (column), the mean is the AUROC; if it is the *difference* of two such tables, after
    and before a correction, the mean is the gain in AUROC, and drawing lines keeps both
    sides of each line together: a paired bootstrap within the two groups.

    .. math:: m_b = \sum_{ij} \frac{a_i}{n} P_{ij} \frac{b_j}{p}

    with :math:`a` and :math:`b` how often row i and column j are drawn.

    Parameters
    ----------
    pairs : array of shape (n, p)
        One value for each row and column, P; none missing.
    rng : numpy Generator
    n_resamples : int, default=2000

    Returns
    -------
    ndarray of shape (n_resamples,)
        One mean for each draw, in the units of `pairs`.

    Raises
    ------
    ValueError
        If `pairs` is not a matrix of finite numbers, or `n_resamples` below 1.
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1; got {n_resamples!r}")
    P = read_matrix(pairs, "pairs")
    a, b = (rng.multinomial(m, np.full(m, 1 / m), n_resamples) / m for m in P.shape)
    return ((a @ P) * b).sum(axis=1)
