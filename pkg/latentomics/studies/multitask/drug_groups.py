"""Whether drugs stand with their group: over halves of a screen, and one by one."""

import numpy as np
import pandas as pd

from latentomics.checks import check_whole
from latentomics.matrices import aligned, aligned_like, as_labels, names_of, read_matrix
from latentomics.studies.multitask.weights import agreement, cluster_drugs


def half_sample_agreement(
    matrices, groups, n_clusters, *, unit_norm=False, n_draws=200, random_state=0
):
    """Return how well random halves of the drugs cluster into their known groups.

    Each half is drawn without replacement, as a drug drawn twice would be its own
    neighbour, and clustered anew. An estimate from half of the units varies between
    halves about as much as one from all units varies between samples [1].

    Parameters
    ----------
    matrices : dict of str to array or DataFrame, each of shape (n_rows, n_drugs)
        As in :func:`~latentomics.studies.multitask.weights.clustering_table`, all of
        the same drugs.
    groups : array or Series of shape (n_drugs,)
        As in ``clustering_table``.
    n_clusters : int
    unit_norm : bool, default=False
        As in :func:`~latentomics.studies.multitask.weights.cluster_drugs`.
    n_draws : int, default=200
    random_state : int, default=0

    Returns
    -------
    DataFrame of shape (n_draws, n_matrices)
        The adjusted Rand index of each half; all matrices see the same halves.

    Raises
    ------
    ValueError
        As in ``clustering_table``, or if the matrices differ in their numbers of
        drugs.

    References
    ----------
    [1] Shao & Wu (1989). Ann Stat 17:1176-1197.
    """
    check_whole(n_draws=n_draws)
    check_whole(at_least=0, random_state=random_state)
    points, known = {}, {}
    for what, W in matrices.items():
        of = aligned(groups, names_of(W, axis=1), name="groups", by=f"{what!r}")
        known[what] = as_labels(of, "groups", gaps=True)
        points[what] = _compact(W)
    counts = {what: M.shape[1] for what, M in points.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"matrices must have the same drugs; got {counts}")
    n = next(iter(counts.values()))
    rng, rows = np.random.default_rng(random_state), []
    for _ in range(n_draws):
        half = np.sort(rng.permutation(n)[: n // 2])
        row = {}
        for what, M in points.items():
            labels, _ = cluster_drugs(M[:, half], n_clusters, unit_norm=unit_norm)
            row[what] = agreement(labels, known[what][half])
        rows.append(row)
    return pd.DataFrame(rows)


def with_own_group(labels, groups):
    """Say which drugs are clustered with drugs of their own group.

    Parameters
    ----------
    labels : array of shape (n_drugs,)
    groups : array or Series of shape (n_drugs,)
        As in :func:`~latentomics.studies.multitask.weights.agreement`.

    Returns
    -------
    bool ndarray of shape (n_drugs,)
        True if no group is more frequent than the drug's own among the *other* drugs
        of its cluster that have a group; False if there are none, or it has no group.

    Raises
    ------
    ValueError
        As in ``agreement``.
    """
    groups = aligned_like(groups, labels, name="groups", by="labels", axes=[0])
    labels = as_labels(labels, "labels")
    groups = as_labels(groups, "groups", len(labels), gaps=True)
    known = np.flatnonzero(~pd.isna(groups))
    if len(known) < 2:
        raise ValueError(f"groups must be known of 2 drugs; got {len(known)}")
    cluster, group = pd.factorize(labels)[0], pd.factorize(groups[known])[0]
    counts = np.zeros((cluster.max() + 1, group.max() + 1), int)
    np.add.at(counts, (cluster[known], group), 1)
    others = counts[cluster[known]]
    others[np.arange(len(known)), group] -= 1
    own = others[np.arange(len(known)), group]
    right = np.zeros(len(labels), bool)
    right[known] = (own > 0) & (own == others.max(axis=1))
    return right


def _compact(W):
    """Return coordinates with the same distances between drugs, at most one a drug."""
    if isinstance(W, pd.DataFrame):
        W = W.reset_index(drop=True)  # names of its rows may repeat
    W = read_matrix(W, "W", gaps=True)
    W = np.where(np.isnan(W), np.nanmean(W, axis=0), W)
    return np.linalg.qr(W, mode="r") if W.shape[0] > W.shape[1] else W
