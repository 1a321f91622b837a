"""What every estimator needs at its front door."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from latentomics.arrays import as_mask, as_tensor, generator, rand, resolve_device


def check_positive(**values):
    """Raise ValueError for the first value that is not a finite number above 0."""
    for name, value in values.items():
        number = isinstance(value, int | float | np.number)
        if not number or isinstance(value, bool) or not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number; got {value!r}")


def check_not_negative(**values):
    """Raise ValueError for the first value that is not a finite number from 0 up."""
    for name, value in values.items():
        number = isinstance(value, int | float | np.number)
        if not number or isinstance(value, bool) or not 0 <= value < np.inf:
            raise ValueError(f"{name} must be a number from 0 up; got {value!r}")


def check_whole(at_least=1, **values):
    """Raise ValueError for the first value that is not a whole number."""
    for name, value in values.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < at_least:
            raise ValueError(
                f"{name} must be a whole number from {at_least} up; got {value!r}"
            )


def check_choice(name, value, allowed):
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {tuple(allowed)}; got {value!r}")


def check_table(X, name="X"):
    """Raise ValueError for repeated names or text where numbers belong.

    Only a DataFrame has names and columns of text; anything else passes.
    """
    if not isinstance(X, pd.DataFrame):
        return
    for axis, labels in (("row", X.index), ("column", X.columns)):
        twice = labels[labels.duplicated()]
        if len(twice):
            raise ValueError(
                f"{name} must have unique {axis} names; got {twice[0]!r} "
                f"{(labels == twice[0]).sum()} times"
            )
    for column in X.columns[~X.dtypes.map(pd.api.types.is_numeric_dtype)]:
        values = X[column]
        bad = values[pd.to_numeric(values, errors="coerce").isna() & values.notna()]
        if len(bad):
            raise ValueError(
                f"{name} must hold numbers; got {bad.iloc[0]!r} "
                f"in row {bad.index[0]!r}, column {column!r}"
            )


def first(indices, limit=5):
    """Return a short list for a message: the first few, then how many more."""
    more = f" and {len(indices) - limit} more" * (len(indices) > limit)
    return f"{[int(i) for i in indices[:limit]]}{more}"


class GappyMatrixEstimator(BaseEstimator):
    """Base for estimators whose `X` may hold NaN for "not measured".

    A subclass has the parameters `device` and `dtype`, and one that holds entries
    out of its fit also `validation_fraction` and `random_state`.
    """

    def _read(self, X):
        """Return `X` as a tensor and the mask of measured entries, both (n, p).

        Raises
        ------
        ValueError
            If `X` is empty or not a matrix of numbers, holds an infinite value or
            repeated names, or has a row or a column without a measured entry.
        """
        resolve_device(self.device)
        check_table(X)
        X = validate_data(self, X, dtype="numeric", ensure_all_finite="allow-nan")
        for axis, names in ((1, "row"), (0, "column")):
            empty = np.flatnonzero(np.isnan(X).all(axis=axis))
            if len(empty):
                raise ValueError(
                    f"X must have a measured entry in every {names}; "
                    f"got nothing in {names} {first(empty)}"
                )
        X = as_tensor(X, device=self.device, dtype=self.dtype)
        return X, ~X.isnan()

    def _hold_out(self, X, seen, validation):
        """Split the measured entries into those to fit and those to validate on.

        `validation` is the caller's own boolean mask, or None: then each measured
        entry is held out with probability `validation_fraction`, except the first
        one of a row or a column that would lose all its entries.
        """
        if validation is not None:
            held = np.asarray(validation)
            if held.shape != tuple(X.shape) or held.dtype != bool:
                raise ValueError(
                    f"validation must be a boolean mask of shape {tuple(X.shape)}; "
                    f"got {held.dtype} of shape {held.shape}"
                )
            held = as_mask(held, device=self.device) & seen
        else:
            check_not_negative(validation_fraction=self.validation_fraction)
            if self.validation_fraction >= 1:
                raise ValueError(
                    "validation_fraction must be below 1; "
                    f"got {self.validation_fraction!r}"
                )
            draw = rand(*X.shape, generator=generator(self.random_state), like=X)
            held = seen & (draw < self.validation_fraction)
            held = _keep_one_in_each_line(seen, held)
        fitted = seen & ~held
        if not (fitted.any(dim=0).all() and fitted.any(dim=1).all()):
            raise ValueError(
                "validation must leave an entry to fit in every row and column; "
                "got a line that is held out whole"
            )
        return fitted, held

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _keep_one_in_each_line(seen, held):
    """Give back the first measured entry of each line that `held` took whole."""
    held = held.clone()
    for view, all_seen in ((held, seen), (held.T, seen.T)):
        lost = ~(all_seen & ~view).any(dim=1)
        view[lost, all_seen[lost].int().argmax(dim=1)] = False
    return held
