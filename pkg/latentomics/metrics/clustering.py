"""Clusters whose ties have a rule, and how well clusters agree with known groups."""

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist
from sklearn.metrics.cluster import contingency_matrix

from latentomics.arrays import binary_unit
from latentomics.matrices import aligned_like, as_labels

DECIMALS = 10  # of distances, as a share of the largest


def clustering_accuracy(labels_true, labels_pred):
    r"""Share of items in the right cluster, once clusters are matched to groups.

    .. math:: \max_\pi \frac1n \sum_i \mathbf 1[\pi(\hat y_i) = y_i]

    over all ways :math:`\pi` to give each cluster a group of its own (book:
    ``eq-clustering-accuracy``); the Hungarian method [1] finds the best of them.

    Parameters
    ----------
    labels_true : array of shape (n,)
        The group of each item.
    labels_pred : array of shape (n,)
        The cluster of each item; the names need not be those of the groups, nor
        their number. An item of a cluster without a group counts as wrong.
        Items of two named lists are matched by name.

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
    """Return the tree of Ward's method, with ties that rounding does not decide.

    Distances that agree to ten digits of the largest are equal, and of equal pairs the
    first is joined. Points on axes of their own, say, are all equally far apart.

    Parameters
    ----------
    points : array of shape (n_points, n_features)

    Returns
    -------
    ndarray of shape (n_points - 1, 4)
        As :func:`scipy.cluster.hierarchy.linkage` returns it.
    """
    size = binary_unit(points)  # a power of 2 rounds nothing; or squares overflow
    distances = pdist(points / size)
    unit = binary_unit(distances)
    tree = linkage(np.round(distances / unit, DECIMALS), method="ward")
    tree[:, 2] *= unit * size
    return tree
