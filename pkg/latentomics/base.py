"""Input checks shared by all estimators, and the base of those that take gaps."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from latentomics.arrays import (
    as_mask,
    as_numpy,
    as_tensor,
    enough,
    in_dtype,
)
from latentomics.checks import check_share, check_whole
from latentomics.matrices import (
    aligned,
    aligned_like,
    as_table,
    as_truths,
    first,
    names_of,
    read_matrix,
)
from latentomics.params import Estimator, InPrecision, Iterative, OnDevice

MOST_WHOLE = 2.0**63  # beyond it, int64 turns negative
HEADROOM = 100  # how far an intermediate value may exceed the data


# name -> mean error on the held-out entries, of an array or a tensor
SCORES = {"mae": lambda R: abs(R).mean(), "mse": lambda R: (R * R).mean()}


def check_size(X, dtype, name="X", *, small=True):
    """Raise ValueError for values whose squares would overflow or vanish.

    One value that is too large is refused; small values only if all are small and
    `small` is set. Zeros are ignored.
    """
    number, sizes = np.finfo(dtype), np.abs(X)
    limit = (number.max / X.size) ** 0.5 / HEADROOM
    least, largest = number.tiny**0.5 * HEADROOM, np.nanmax(sizes, initial=0)
    if small and 0 < largest < least:
        raise ValueError(
            f"{name} must hold a value of at least {least:.0e} in {dtype}, or only 0; "
            f"got at most {largest:.1e}: choose larger units"
        )
    wrong = np.argwhere(sizes > limit)
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise ValueError(
            f"{name} must hold values of at most {limit:.0e} in {dtype}; "
            f"got {X[row, column]:.1e} in row {row}, column {column}"
        )


def check_no_negative(X, what):
    """Raise ValueError if a matrix holds a negative value; `what` it must hold."""
    below = np.argwhere(X < 0)
    if len(below):
        row, column = (int(i) for i in below[0])
        raise ValueError(  # begins as scikit-learn's tests of estimators want
            f"Negative values in data passed to X: it must hold non-negative {what}; "
            f"got {X[row, column]} in row {row}, column {column}"
        )


def check_kept(X, dtype, name="X"):
    """Raise ValueError if `dtype` would round away the differences in a matrix."""
    if enough(X, dtype) != dtype:
        raise ValueError(
            f"{name} must not lie too far from 0 for {dtype}, which rounds its "
            f"differences away; got values up to {np.abs(X).max():.1e}: choose "
            "dtype='float64', or take the means off"
        )


def check_depth(expected, depth):
    """Raise ValueError if the counts to be drawn might overflow int64."""
    if not np.max(expected) < MOST_WHOLE / 2:  # a draw is at most twice as much
        raise ValueError(
            f"depth must leave fewer than 2**62 counts in a sample; got {depth!r}"
        )


def as_whole(table):
    """Return an array or table of whole numbers as int64, if all of them fit."""
    values = np.asarray(table)
    fits = (np.abs(values) < MOST_WHOLE).all() and (values == np.floor(values)).all()
    return table.astype("int64") if fits else table


def check_lines(mask, what, name="X"):
    """Raise ValueError unless every row and column of `mask` has a True entry."""
    for axis, line in ((1, "row"), (0, "column")):
        empty = np.flatnonzero(~mask.any(axis=axis))
        if len(empty):
            raise ValueError(
                f"{name} must have {what} in every {line}; got none in {line} "
                f"{first(empty)}"
            )


def check_mask(mask, X, name):
    """Return `mask` as a boolean array in the order of `X`, or raise ValueError."""
    return check_truths(aligned_like(mask, X, name=name), np.shape(X), name)


def check_truths(mask, shape, name):
    """Return `mask` as a boolean array of a shape, or raise ValueError."""
    mask = as_truths(mask, name)
    if mask.shape != tuple(shape) or mask.dtype != bool:
        raise ValueError(
            f"{name} must be a boolean mask of shape {tuple(shape)}; "
            f"got {mask.dtype} of shape {mask.shape}"
        )
    return mask


def hold_out(seen, fraction, random_state):
    """Draw the measured entries to hold out of a fit.

    Each entry of `seen` is drawn with probability `fraction`, but every row and
    every column keeps its first measured entry.

    Returns
    -------
    ndarray of bool, the shape of `seen`

    Raises
    ------
    ValueError
        If `fraction` is negative or not below 1, or `random_state` is not a
        non-negative whole number.
    """
    check_whole(at_least=0, random_state=random_state)
    check_share("validation_fraction", fraction, below=1)
    rng = np.random.default_rng(random_state)
    held = np.asarray(seen) & (rng.random(seen.shape) < fraction)
    n, p = seen.shape
    held[np.arange(n), seen.argmax(axis=1)] = False
    held[seen.argmax(axis=0), np.arange(p)] = False
    return held


def read_features(model, X, *, reset=True, gaps=False, any_order=False, min_samples=1):
    """Return `X`, of `fit` or a later call, as :func:`read_matrix` reads it.

    A fit stores the column names; with ``reset=False`` they must match those of the
    fit. Text names must also have the same order, as scikit-learn requires, unless
    `any_order` is set; other names may come in any order.
    """
    X = as_table(X)
    names, fitted = names_of(X, axis=1), getattr(model, "_column_names", None)
    if not reset and names is not None and fitted is not None:
        text = hasattr(model, "feature_names_in_")  # scikit-learn refuses others
        if not text or (any_order and set(names) == set(fitted)):
            X = aligned(X, fitted, name="X", by="X of the fit", axis=1)
            names = names_of(X, axis=1)
    values = read_matrix(X, gaps=gaps)
    given = values if names is None else pd.DataFrame(values, columns=names)
    values = validate_data(
        model,
        given,
        reset=reset,
        dtype="float64",
        order="C",
        ensure_all_finite=False,
        ensure_min_samples=min_samples,
    )
    if reset:
        model._column_names = names
    return values


class GappyMatrixEstimator(Estimator):
    """Base for estimators whose `X` may hold NaN for "not measured"."""

    def _checked(self, X):
        """Check the parameters and `X`, and return it as an array."""
        self._check_parameters()
        X = read_features(self, X, gaps=True)
        check_lines(~np.isnan(X), "a measured entry")
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Denoiser(GappyMatrixEstimator, Iterative, OnDevice, InPrecision):
    """Base for estimators that fit a low-rank matrix.

    A subclass sets `_has_units` to False if it scales `X` before anything else.
    `_fitted`, a boolean array of the shape of `X`, marks the fitted entries.
    """

    _has_units = True

    def _read(self, X, validation=None, dtype=None):
        """Return `X` as a tensor, and the masks of fitted and of held-out entries.

        Both masks have the shape (n, p) of `X` and mark measured entries only;
        `validation`, the caller's boolean mask, marks those held out. `dtype` defaults
        to that of the estimator unless this would round `X` away; an estimator that
        centres and scales first passes its own.

        Raises
        ------
        ValueError
            If a parameter is out of its range; if `X` is empty or not a matrix of
            numbers, holds an infinite value or repeated names, or has a row or a column
            without an entry to fit; or if `validation` is not a boolean mask of the
            shape of `X`.
        """
        table, X = X, self._checked(X)
        seen = ~np.isnan(X)
        if validation is None:
            validation = self._draw_validation(seen)
        held = check_mask(validation, table, "validation") & seen
        check_lines(seen & ~held, "an entry that validation leaves to fit")
        self._fitted = seen & ~held
        check_size(X, self.dtype, small=self._has_units)
        dtype = dtype or enough(X, self.dtype)
        X = as_tensor(X, device=self.device, dtype=dtype)
        return X, *(as_mask(m, device=self.device) for m in (self._fitted, held))

    def _draw_validation(self, seen):
        """Choose the entries to hold out if the caller does not: here, none."""
        return np.zeros(seen.shape, bool)

    def _store(self, L, spikes=None):
        """Set what every denoiser learns: `low_rank_`, `corrected_`, `kept_`.

        `spikes` is the part beyond the low rank that the output restores.
        """
        self.low_rank_ = self._rounded(L)
        if spikes is None:
            self.kept_ = np.zeros(self.low_rank_.shape, bool)
            self.corrected_ = self.low_rank_.copy()
            return
        self.sparse_ = self._rounded(spikes)
        self.kept_ = self.sparse_ != 0
        self.corrected_ = self.low_rank_ + self.sparse_

    def _rounded(self, T):
        """Return a tensor as an array of `dtype`, unless that rounds it away."""
        return in_dtype(as_numpy(T), self.dtype)
