"""Consensus signatures of many runs, and how well the runs agree."""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import silhouette_samples

from latentomics.matrices import (
    aligned,
    as_table,
    check_dense,
    check_finite,
    read_matrix,
    unmasked,
)
from latentomics.metrics import first_near_best

MAX_ITER = 50


def consensus(runs):
    r"""Return the signatures that runs have in common, and the stability of each.

    Signatures are partitioned into K clusters with one signature per run. Each run is
    matched to the centroids so that the sum of cosines is largest. Every run serves
    once as the starting point, and the partition with the best mean silhouette is kept:
    its centroids are the consensus, its silhouettes by cosine distance the *stability*
    (book: ``eq-stability``).

    Parameters
    ----------
    runs : array of shape (n_runs, n_components, n_channels), or list of tables
        Signatures: non-negative, none all zeros. The channels of named tables are
        brought into the order of the first of these.

    Returns
    -------
    components : ndarray of shape (n_components, n_channels)
        Rows sum to 1.
    stability : ndarray of shape (n_components,)
        Mean silhouette of each cluster, -1 to 1; 1 for a single run or signature.
    labels : ndarray of int of shape (n_runs, n_components)
        The cluster of each signature of each run.

    Raises
    ------
    ValueError
        If `runs` does not have three axes, channels differ between runs, an entry is
        negative, missing or infinite, or a signature is all zeros.
    """
    runs = _checked(runs)
    found = [_partition(runs, first) for first in range(len(runs))]
    scores = [_silhouettes(runs, labels) for _, labels in found]
    best = int(first_near_best([-values.mean() for values in scores]))
    components, labels = found[best]
    stability = np.array(
        [scores[best][labels == k].mean() for k in range(runs.shape[1])]
    )
    return components, stability, labels


def _checked(runs):
    check_dense(runs, "runs")
    runs = _in_one_order(unmasked(runs))
    if runs.ndim != 3 or 0 in runs.shape:
        raise ValueError(
            "runs must have the axes runs, signatures and channels, none empty; "
            f"got shape {runs.shape}"
        )
    check_finite(runs.reshape(len(runs), -1), "runs")
    if np.isnan(runs).any() or runs.min() < 0 or not runs.any(axis=2).all():
        raise ValueError(
            "runs must hold signatures: non-negative numbers, not all of them 0; got "
            f"{np.isnan(runs).sum()} NaN, {(runs < 0).sum()} below 0, "
            f"{(~runs.any(axis=2)).sum()} signatures that are 0"
        )
    size = np.frexp(runs.max(axis=2, keepdims=True))[1]
    runs = np.ldexp(runs, -size)  # a power of 2 scales exactly, and no sum overflows
    return runs / runs.sum(axis=2, keepdims=True)


def _in_one_order(runs):
    """Return runs as one array, channels in the order of the first named table."""
    if not isinstance(runs, list | tuple):
        return np.asarray(runs, dtype="float64")
    tables, names = [as_table(S, "runs") for S in runs], None
    for place, S in enumerate(tables):
        if isinstance(S, pd.DataFrame):
            name = f"runs[{place}]"
            S = aligned(S, names, name=name, by="an earlier run", axis=1)
            names = S.columns if names is None else names
            tables[place] = read_matrix(S, name, gaps=None)
    shapes = [np.shape(S) for S in tables]
    if len(set(shapes)) > 1:
        raise ValueError(f"runs must have one shape; got {shapes}")
    return np.asarray(tables, dtype="float64")


def _partition(runs, first):
    """Alternate matching and centroids, from run `first`, until no label changes."""
    centroids, labels = runs[first], None
    for _ in range(MAX_ITER):
        before, labels = labels, np.stack([_matched(centroids, S) for S in runs])
        if before is not None and np.array_equal(before, labels):
            break
        ordered = np.take_along_axis(
            runs, labels.argsort(axis=1, kind="stable")[:, :, None], axis=1
        )
        centroids = ordered.mean(axis=0)
    return centroids, labels


def _matched(centroids, S):
    """Return the centroid matched to each signature, one to one."""
    return linear_sum_assignment(cosine(S, centroids), maximize=True)[1]


def _silhouettes(runs, labels):
    n_runs, K, _ = runs.shape
    if n_runs == 1 or K == 1:
        return np.ones(labels.shape)
    flat = runs.reshape(n_runs * K, -1)
    values = silhouette_samples(flat, labels.ravel(), metric="cosine")
    return values.reshape(labels.shape)


def cosine(A, B):
    """Return the cosine of each row of `A` with each row of `B`."""
    A, B = (M / np.linalg.norm(M, axis=1, keepdims=True) for M in (A, B))
    return A @ B.T
