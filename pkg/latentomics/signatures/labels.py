"""Class labels of part IV, where -1 marks an unlabelled sample."""

import numpy as np
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from latentomics.matrices import aligned, as_objects, check_dense

UNLABELLED = -1


def read_labels(y, n, samples=None):
    """Return the classes in `y`, and the class code of each sample, -1 if unlabelled.

    Parameters
    ----------
    y : array of shape (n,)
        Text or whole numbers; -1, "-1", None, NaN and masked entries are unlabelled.
    n : int
    samples : Index, optional
        Names of the samples: a named `y` may have them in any order.

    Returns
    -------
    classes : ndarray
        Sorted.
    codes : ndarray of int of shape (n,)

    Raises
    ------
    ValueError
        If `y` has another length or other names, or fewer than two classes.
    """
    known, free = labels_of(y, n, samples)
    classes, labels = np.unique(known, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y must hold at least 2 classes; got 1 class, {classes.item(0)!r}"
        )
    codes = np.full(n, UNLABELLED)
    codes[~free] = labels
    return classes, codes


def labels_of(y, n, samples=None):
    """Return the labels of the labelled samples, and a mask of the unlabelled ones."""
    check_dense(y, "y")
    y = as_objects(aligned(y, samples, name="y", by="X"))
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    if y.shape != (n,):
        raise ValueError(
            f"y must have a label for each of the {n} samples; got shape {y.shape}"
        )
    free = pd.isna(y)
    free[~free] = [label in (UNLABELLED, str(UNLABELLED)) for label in y[~free]]
    if free.all():
        raise ValueError("y must label some samples; got -1 for all of them")
    known = np.asarray(y[~free].tolist())
    if type_of_target(known) == "continuous":
        wrong = known[known != known.round()].item(0)
        raise ValueError(
            "y must hold classes, text or whole numbers (Unknown label type: "
            f"continuous); got {wrong!r}"
        )
    return known, free
