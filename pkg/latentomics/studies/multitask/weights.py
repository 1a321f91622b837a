"""Interpreting a weight matrix: clusters of drugs, and the genes behind them."""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster
from sklearn.metrics import adjusted_rand_score

from latentomics.arrays import binary_unit
from latentomics.checks import check_whole
from latentomics.data.names import as_names
from latentomics.matrices import (
    aligned,
    aligned_like,
    as_labels,
    as_truths,
    first,
    names_of,
    read_matrix,
)
from latentomics.metrics import enrichment, ward_tree


def cluster_drugs(W, n_clusters, *, unit_norm=False):
    r"""Cluster drugs by their columns, with Ward's method.

    Each step merges the two clusters A and B, with means :math:`\mu`, that add least to
    the within-cluster sum of squares [1]:

    .. math:: \Delta(A, B) = \frac{|A|\,|B|}{|A| + |B|} \|\mu_A - \mu_B\|^2

    (book: ``eq-ward``; ties go to the first pair). Lengths count: drugs with small
    weights cluster near zero. With `unit_norm`, only directions are compared.

    Parameters
    ----------
    W : array or DataFrame of shape (n_rows, n_drugs)
        Weights, rows = features; or responses, rows = lines. A gap (NaN) is filled with
        the mean of its drug. Offsets of drugs count too: subtract the means of
        responses that are not on one scale.
    n_clusters : int
        At least 1; fewer are returned if drugs are identical.
    unit_norm : bool, default=False
        Whether to scale each column to length 1 first. Columns of zeros stay.

    Returns
    -------
    labels : ndarray of int, shape (n_drugs,)
        Numbered from 1.
    tree : ndarray of shape (n_drugs - 1, 4)
        As :func:`scipy.cluster.hierarchy.dendrogram` takes it.

    Raises
    ------
    ValueError
        If `W` is not a matrix of at least 2 drugs, has infinite values or a drug
        without data, or `n_clusters` is not from 1 to the number of drugs.

    References
    ----------
    [1] Ward (1963). J Am Stat Assoc 58:236-244.
    """
    W = _matrix(W)
    check_whole(n_clusters=n_clusters)
    if not max(n_clusters, 2) <= W.shape[1]:
        raise ValueError(
            "n_clusters must be at most the number of drugs, and that at least 2; "
            f"got {n_clusters} for {W.shape[1]}"
        )
    empty = np.flatnonzero(np.isnan(W).all(axis=0))
    if len(empty):
        raise ValueError(
            f"W must hold a number for every drug; got none in column {first(empty)}"
        )
    W = np.where(np.isnan(W), np.nanmean(W, axis=0), W)
    if unit_norm:
        W = W / binary_unit(W, axis=0)  # or squares overflow or underflow
        length = np.linalg.norm(W, axis=0)
        W = W / np.where(length > 0, length, 1)
    tree = ward_tree(W.T)
    return fcluster(tree, n_clusters, criterion="maxclust"), tree


def agreement(labels, groups):
    """Return the adjusted Rand index of clusters with known groups.

    The share of pairs of drugs on which both agree, together or apart, rescaled so that
    chance gives 0 and identity 1 (book: ``eq-adjusted-rand``) [1].

    Parameters
    ----------
    labels : array of shape (n_drugs,)
        The cluster of each drug.
    groups : array or Series of shape (n_drugs,)
        The known group, such as the mechanism; drugs with None or NaN are left out.

    Returns
    -------
    float
        At most 1; below 0 where clusters agree less than by chance.

    Raises
    ------
    ValueError
        If lengths differ, or fewer than 2 drugs have a group.

    References
    ----------
    [1] Hubert & Arabie (1985). J Classif 2:193-218.
    """
    groups = aligned_like(groups, labels, name="groups", by="labels", axes=[0])
    labels = as_labels(labels, "labels")
    groups = as_labels(groups, "groups", len(labels), gaps=True)
    known = ~pd.isna(groups)
    if known.sum() < 2:
        raise ValueError(f"groups must be known of 2 drugs; got {known.sum()}")
    codes, found = (pd.factorize(part[known])[0] for part in (groups, labels))
    return float(adjusted_rand_score(codes, found))


def clustering_table(matrices, groups, n_clusters):
    """Compare how well several matrices tell the groups of drugs apart.

    Parameters
    ----------
    matrices : dict of str to array or DataFrame, each of shape (n_rows, n_drugs)
        Weights of several methods, or responses; see :func:`cluster_drugs`.
    groups : array or Series of shape (n_drugs,)
        As in :func:`agreement`. A Series is matched to the columns of a DataFrame by
        name; NaN marks a drug without a group.
    n_clusters : int

    Returns
    -------
    DataFrame
        Columns `what`, a key of `matrices`; `scaling`, "raw" or "unit-norm"; `ari`.

    Raises
    ------
    ValueError
        As in :func:`cluster_drugs` and :func:`agreement`.
    """
    rows = []
    for what, W in matrices.items():
        known = aligned(groups, names_of(W, axis=1), name="groups", by=f"{what!r}")
        known = as_labels(known, "groups", gaps=True)
        for scaling in ("raw", "unit-norm"):
            labels, _ = cluster_drugs(W, n_clusters, unit_norm=scaling == "unit-norm")
            ari = agreement(labels, known)
            rows.append({"what": what, "scaling": scaling, "ari": ari})
    return pd.DataFrame(rows)


def top_features(W, n_top=100):
    """Mark the features of largest positive weight, drug by drug.

    Parameters
    ----------
    W : array or DataFrame of shape (n_features, n_drugs)
        No gaps.
    n_top : int, default=100
        If fewer are positive, all of those are marked.

    Returns
    -------
    bool ndarray of shape (n_drugs, n_features)
        Ties go to the earlier feature.

    Raises
    ------
    ValueError
        If `W` is not a finite matrix, or `n_top` not a positive whole number.
    """
    check_whole(n_top=n_top)
    W = _matrix(W, gaps=False)
    order = np.argsort(-W, axis=0, kind="stable")[:n_top]
    top = np.zeros(W.shape, bool)
    np.put_along_axis(top, order, True, axis=0)
    return (top & (W > 0)).T


def unique_genes(marked, genes):
    """Mark a gene if any of its features is marked.

    Expression, copy number and mutation of one gene are three features of the same
    name.

    Parameters
    ----------
    marked : bool array of shape (n_drugs, n_features)
    genes : list of str
        The gene of each feature; a Series is matched to the columns by name.

    Returns
    -------
    DataFrame of bool, shape (n_drugs, n_genes)
        Genes in the order of their first feature.

    Raises
    ------
    ValueError
        If `marked` is not boolean, or does not have a column for each of `genes`.
    """
    genes = aligned(genes, names_of(marked, axis=1), name="genes", by="marked")
    marked, genes = as_truths(marked, "marked"), as_names(genes, "genes")
    if marked.dtype != bool or marked.ndim != 2 or marked.shape[1] != len(genes):
        raise ValueError(
            f"marked must be a boolean matrix with a column for each of {len(genes)} "
            f"genes; got {marked.dtype} of shape {marked.shape}"
        )
    if genes.hasnans:
        raise ValueError(
            "genes must name every feature; got none in position "
            f"{first(np.flatnonzero(genes.isna()))}"
        )
    code, names = pd.factorize(genes)
    out = np.zeros((len(marked), len(names)), bool)
    np.logical_or.at(out, (slice(None), code), marked)
    return pd.DataFrame(out, columns=names)


def enriched_sets(W, genes, sets, *, n_top=100):
    r"""Test which gene sets hold the largest positive weights of each drug.

    Of the N genes measured, n are hits of the drug, its `n_top` features collapsed to
    unique genes, and K are in the set; the p-value is the probability of at least as
    many hits in the set by random drawing (:func:`latentomics.metrics.enrichment`;
    book: ``eq-hypergeometric``).

    .. math:: p = \sum_{j \ge k} \binom{K}{j} \binom{N-K}{n-j} \Big/ \binom{N}{n}

    Parameters
    ----------
    W : array or DataFrame of shape (n_features, n_drugs)
        Weights, no gaps.
    genes : list of str
        The gene of each feature, repeated where it has several; a Series is matched
        to the rows of `W` by name.
    sets : DataFrame of bool, shape (n_sets, n_set_genes)
        Rows = sets, columns = genes. Unmeasured genes are left out, as are sets without
        a measured gene; measured genes in no set still count in N.
    n_top : int, default=100
        As in :func:`top_features`.

    Returns
    -------
    DataFrame
        One row per drug and set: `drug`, `set`, `hits`, `expected`, `pvalue` and
        `qvalue` (Benjamini-Hochberg over the whole table).

    Raises
    ------
    ValueError
        If `W` has gaps, `genes` does not name its rows, `sets` is not a boolean table
        of unique genes, or none of its sets has a measured gene.

    References
    ----------
    [1] Yuan et al. (2016). Sci Rep 6:31619.
    """
    genes = aligned(genes, names_of(W), name="genes", by="W")
    hits = unique_genes(top_features(W, n_top), genes)
    sets = _measured(sets, hits.columns)
    found = enrichment(hits.to_numpy(), sets.to_numpy())
    drugs = W.columns if isinstance(W, pd.DataFrame) else range(len(hits))
    index = pd.MultiIndex.from_product([drugs, sets.index], names=["drug", "set"])
    columns = {name: M.ravel() for name, M in vars(found).items()}
    return pd.DataFrame(columns, index).reset_index()


def _measured(sets, genes):
    """Return the sets restricted to `genes`, without empty ones."""
    marks = as_truths(sets, "sets")
    if not isinstance(sets, pd.DataFrame) or marks.dtype != bool:
        table = isinstance(sets, pd.DataFrame)
        raise ValueError(
            "sets must be a DataFrame of bool, rows = sets, columns = genes; "
            f"got {type(sets).__name__}{f' of {marks.dtype}' * table}"
        )
    sets = pd.DataFrame(marks, sets.index, sets.columns)
    twice = sets.columns[sets.columns.duplicated()]
    if len(twice):
        raise ValueError(f"sets must have unique genes; got {twice[0]!r} twice")
    sets = sets.reindex(columns=genes, fill_value=False)
    sets = sets[sets.any(axis=1)]
    if sets.empty:
        raise ValueError("sets must share a gene with the features; got none")
    return sets


def _matrix(W, gaps=True):
    """Return `W` as a float array; names of its rows may repeat."""
    if isinstance(W, pd.DataFrame):
        W = W.reset_index(drop=True)
    return read_matrix(W, "W", gaps=gaps)
