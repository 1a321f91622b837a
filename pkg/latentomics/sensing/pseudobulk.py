"""Profiles to measure: pseudobulk samples from single cells, and gene selection."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from latentomics.arrays import binary_unit
from latentomics.checks import check_whole
from latentomics.matrices import aligned_like, as_labels, first, names_of, read_matrix
from latentomics.sensing.base import check_at_most

MILLION = 1e6


def pseudobulk(counts, labels, n_cells=50, n_samples=1000, random_state=0):
    r"""Sum random cells of one type to simulate bulk samples of that type.

    .. math:: x_{ij} = \log_2\Big(1 + 10^6\, \frac{\sum_{c \in C_i} n_{cj}}
        {\sum_{c \in C_i} \sum_h n_{ch}}\Big)

    (book: ``eq-pseudobulk``). The cells of :math:`C_i` are distinct. Samples may share
    cells, so split the cells, not the samples, into training and test sets.

    Parameters
    ----------
    counts : DataFrame or array of shape (n_all_cells, n_genes)
        Molecule counts, at least one molecule in each cell.
    labels : sequence of length n_all_cells
        Type of each cell; a named Series is matched to the rows of `counts` by name.
    n_cells : int, default=50
        Cells per sample, at most the number of cells of the rarest type. Fewer cells
        give noisier samples.
    n_samples : int, default=1000
        Spread evenly over the types; the first in alphabetical order may get one more.
    random_state : int, default=0

    Returns
    -------
    X : DataFrame of shape (n_samples, n_genes)
        log2(1 + counts per million), rows in random order, named "sample-0001".
    types : Series of length n_samples
        Label of each sample.

    Raises
    ------
    ValueError
        If `counts` is not a matrix of finite non-negative numbers, a cell is empty,
        `labels` has another length, a type has fewer than `n_cells` cells, or a number
        is out of range.
    """
    check_whole(n_cells=n_cells, n_samples=n_samples)
    check_whole(at_least=0, random_state=random_state)
    labels = aligned_like(labels, counts, name="labels", by="counts", axes=[0])
    genes = names_of(counts, axis=1)
    counts = _checked(read_matrix(counts, "counts"))
    kinds, cells = _cells_of(labels, len(counts), n_cells)
    rng = np.random.default_rng(random_state)
    drawn = rng.permutation(np.arange(n_samples) % len(kinds))
    chosen = [rng.choice(cells[k], n_cells, replace=False) for k in drawn]
    ends = np.arange(n_samples + 1) * n_cells
    entries = np.ones(n_samples * n_cells), np.concatenate(chosen), ends
    pick = csr_array(entries, shape=(n_samples, len(counts)))
    X = (pick @ csr_array(counts)).toarray()
    X = np.log2(1 + MILLION * X / X.sum(axis=1, keepdims=True))
    names = [f"sample-{i + 1:0{len(str(n_samples))}d}" for i in range(n_samples)]
    X = pd.DataFrame(X, names, genes)
    return X, pd.Series(kinds[drawn], names, name="type")


def _checked(counts):
    if counts.min() < 0:
        row, column = (int(i) for i in np.argwhere(counts < 0)[0])
        raise ValueError(
            f"counts must be non-negative; got {counts[row, column]} in row {row}, "
            f"column {column}"
        )
    empty = np.flatnonzero(~counts.any(axis=1))
    if len(empty):
        raise ValueError(
            f"counts must have a molecule in every row; got none in row {first(empty)}"
        )
    return counts


def _cells_of(labels, n, n_cells):
    """Return the types in alphabetical order and the row numbers of their cells."""
    labels = as_labels(labels, "labels", n)
    kinds, place, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    least = sizes.min()
    what = f"{least}, the cells of {kinds[sizes.argmin()]!r}"
    check_at_most(least, what, n_cells=n_cells)
    return kinds, [np.flatnonzero(place == k) for k in range(len(kinds))]


def top_genes(X, n_genes):
    """Return the genes with the largest variance across samples, in decreasing order.

    Select genes on training samples only.

    Parameters
    ----------
    X : DataFrame or array of shape (n_samples, n_all_genes)
        Expression on a log scale; raw counts would favour highly expressed genes.
    n_genes : int
        At most the number of columns of `X`. Ties go to the first gene.

    Returns
    -------
    list of length n_genes
        Column names for a DataFrame, otherwise column indices.

    Raises
    ------
    ValueError
        If `X` is not a matrix of finite numbers, or `n_genes` is not a whole number
        from 1 to the number of columns.
    """
    values = read_matrix(X)
    check_whole(n_genes=n_genes)
    most = values.shape[1]
    check_at_most(most, f"{most}, the columns of X", n_genes=n_genes)
    spread = (values / binary_unit(values)).var(axis=0)
    order = np.argsort(-spread, kind="stable")[:n_genes]
    return list(X.columns[order]) if hasattr(X, "columns") else order.tolist()
