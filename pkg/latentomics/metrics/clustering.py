"""Clustering with a rule for ties, and agreement of clusters with known groups."""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist
from sklearn.metrics.cluster import contingency_matrix

from latentomics.arrays import binary_unit
from latentomics.matrices import aligned_like, as_labels

DECIMALS = 10  # of distances, relative to the largest


def clustering_accuracy(labels_true, labels_pred):
    r"""Share of items in the right cluster, once clusters are matched to groups.

    .. math:: \max_\pi \frac1n \sum_i \mathbf 1[\pi(\hat y_i) = y_i]

    over all one-to-one matchings :math:`\pi` of clusters to groups (book:
    ``eq-clustering-accuracy``); the Hungarian method [1] finds the best one.

    Parameters
    ----------
    labels_true : array of shape (n,)
        The group of each item.
    labels_pred : array of shape (n,)
        The cluster of each item; names and number of the clusters may differ from those
        of the groups. Items of an unmatched cluster count as wrong. Items of two named
        lists are matched by name.

    Returns
    -------
    float
        Between 0 and 1. Chance is well above 0: with two groups and two clusters,
        nothing scores below ½.

    Raises
    ------
    ValueError
        If the two are not equally long, are empty, or a label is missing.

    References
    ----------
    [1] Kuhn (1955). Nav Res Logist Q 2:83-97.
    """
    labels_pred = aligned_like(
        labels_pred, labels_true, name="labels_pred", by="labels_true", axes=[0]
    )
    labels = [as_labels(labels_true, "labels_true")]
    labels.append(as_labels(labels_pred, "labels_pred", len(labels[0])))
    if not len(labels[0]):
        raise ValueError("labels_true must hold an item; got none")
    codes = [np.unique(part.astype(str), return_inverse=True)[1] for part in labels]
    table = contingency_matrix(*codes)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / len(codes[0]))


def ward_tree(points):
    """Return the tree of Ward's method, with ties not decided by rounding.

    Distances that agree to ten digits of the largest are ties, and the first pair is
    joined. One-hot points, for example, are all equally far apart.

    Parameters
    ----------
    points : array of shape (n_points, n_features)

    Returns
    -------
    ndarray of shape (n_points - 1, 4)
        As :func:`scipy.cluster.hierarchy.linkage` returns it.
    """
    size = binary_unit(points)  # a power of 2, so exact; else squares overflow
    distances = pdist(points / size)
    unit = binary_unit(distances)
    tree = linkage(np.round(distances / unit, DECIMALS), method="ward")
    tree[:, 2] *= unit * size
    return tree
