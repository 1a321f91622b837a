"""Reading and checking the fold of each cell line."""

import numpy as np

from latentomics.matrices import aligned_like, as_labels


def read_folds(folds, X, by="X", at_least=2):
    """Return the fold of each line of `X` as an array of int.

    Raises
    ------
    ValueError
        If `folds` are not non-negative whole numbers, one per line, or too few.
    """
    folds = aligned_like(folds, X, name="folds", by=by, axes=[0])
    folds = as_labels(folds, "folds", len(X))
    for fold in folds:
        whole = isinstance(fold, int | np.integer) and not isinstance(fold, bool)
        if not whole or fold < 0:
            raise ValueError(f"folds must be non-negative whole numbers; got {fold!r}")
    if len(set(folds)) < at_least:
        raise ValueError(f"folds must be at least {at_least}; got {len(set(folds))}")
    return folds.astype(int)
