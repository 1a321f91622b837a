"""Rank correlation between the columns of two gappy matrices."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student_t
from sklearn.metrics import roc_auc_score

from latentomics.matrices import aligned, aligned_like, as_table, names_of, read_matrix


@dataclass
class SpearmanMatrix:
    """Every column of A against every column of B, each an array (p_A, p_B)."""

    rho: np.ndarray  # correlation; NaN with fewer than 3 common rows or no spread
    pvalue: np.ndarray  # two-sided, of the null of no correlation; NaN where rho is
    n: np.ndarray  # common rows


def spearman_matrix(A, B):
    r"""Spearman correlation of each column of `A` with each column of `B`.

    Both columns are ranked over the rows where *both* are measured, ties sharing
    their mean rank; the correlation of the ranks is tested with
    :math:`t = \rho \sqrt{(n-2)/(1-\rho^2)}` on n - 2 degrees of freedom, two-sided
    (book: ``eq-spearman``), as ``scipy.stats.spearmanr`` does for one pair.

    Parameters
    ----------
    A : array of shape (n, p_A)
    B : array of shape (n, p_B)
        The same rows as `A`, matched by name if both are tables; NaN marks a gap.

    Returns
    -------
    SpearmanMatrix

    Raises
    ------
    ValueError
        If `A` and `B` are not matrices with the same number of rows.
    """
    B = aligned_like(B, A, name="B", by="A", axes=[0])
    A, B = read_matrix(A, "A", gaps=True), read_matrix(B, "B", gaps=True)
    if len(A) != len(B):
        raise ValueError(
            "A and B must be matrices with equally many rows; "
            f"got shapes {A.shape} and {B.shape}"
        )
    results = [_one_against_all(a, B) for a in A.T]
    rho, n = (np.array(part) for part in zip(*results, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        t = rho * np.sqrt((n - 2) / (1 - rho**2))
    pvalue = 2 * student_t.sf(np.abs(t), np.maximum(n - 2, 1))
    return SpearmanMatrix(rho, pvalue, n)


def _one_against_all(a, B):
    rows = ~np.isnan(a)
    B = B[rows]
    common = ~np.isnan(B)
    a = np.where(common, a[rows, None], np.nan)
    n = common.sum(axis=0)
    ranks = []
    for M in (a, B):
        M = rankdata(M, axis=0, nan_policy="omit")
        M = M - (n + 1) / 2  # mean rank, whatever the ties
        ranks.append(np.where(common, M, 0))
    x, y = ranks
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    usable = (n >= 3) & (scale > 0)
    rho = np.full(n.shape, np.nan)
    # rounding may leave 1 + 1e-16, which would make the t statistic NaN
    rho[usable] = np.clip((x * y).sum(axis=0)[usable] / scale[usable], -1, 1)
    return rho, n


def matched_auroc(rho):
    """Chance that a matched pair correlates more than a mismatched one.

    Parameters
    ----------
    rho : array of shape (p, p)
        Matched pairs on the diagonal, or under the same name in a table; NaN is
        ignored.

    Returns
    -------
    float
        Area under the ROC curve, 0.5 when matching makes no difference.

    Raises
    ------
    ValueError
        If `rho` is not square, or holds no known entry on the diagonal or off it.
    """
    rho = as_table(rho, "rho")
    rows = names_of(rho)
    rho = aligned(rho, rows, name="the columns of rho", by="its rows", axis=1)
    rho = read_matrix(rho, "rho", gaps=True)
    if rho.shape[0] != rho.shape[1]:
        raise ValueError(f"rho must be square; got shape {rho.shape}")
    matched, known = np.eye(len(rho), dtype=bool), ~np.isnan(rho)
    n_matched, n_rest = (known & matched).sum(), (known & ~matched).sum()
    if not (n_matched and n_rest):
        raise ValueError(
            "rho must have a known entry on the diagonal and one off it; "
            f"got {n_matched} and {n_rest}"
        )
    return float(roc_auc_score(matched[known], rho[known]))
