"""What the estimators of part V share: profiles in, measurements in, profiles out."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from latentomics.base import check_not_negative, check_size, check_table, unmasked


class Profiles(BaseEstimator):
    """Base of whatever is learned from expression profiles, samples x genes."""

    def _profiles(self, X, *, reset=True, **how):
        """Return `X` as a finite float64 matrix, row by row in memory.

        Raises
        ------
        ValueError
            If `X` is not a matrix of finite numbers, or its genes are not those of
            the fit.
        """
        if not reset:
            check_is_fitted(self)
        X = unmasked(_as_array(X))
        if getattr(X, "ndim", 2) == 1:  # as scikit-learn says it
            raise ValueError(
                f"X must be a matrix, rows = samples; got shape ({len(X)},). Reshape "
                "your data: X[None] is one sample"
            )
        check_table(X)
        given = {"dtype": "float64", "order": "C", "ensure_all_finite": False}
        X = validate_data(self, X, reset=reset, **given, **how)
        check_no_gap(X, "X")
        check_size(X, getattr(self, "dtype", "float64"))
        return X


class Decoder(Profiles):
    """Base of what learns how profiles look, and guesses them from any measurement.

    A subclass has `fit(X)`, and `_decode(Y, A, noise)` of checked arrays.
    """

    def decode(self, Y, A, noise=0.0):
        """Return the profiles behind measurements, (n_samples, n_features).

        Parameters
        ----------
        Y : array of shape (n_samples, n_measurements)
            A row is ``A @ (x + e)``, in the units of the profiles.
        A : array of shape (n_measurements, n_features)
            The measurements, one a row.
        noise : float, default=0.0
            Variance of e, of each gene in each sample, see :func:`noise_variance`.

        Raises
        ------
        ValueError
            If `A` has more rows than columns, or other columns than there are genes,
            `Y` other columns than `A` has rows, an entry is not finite, or `noise` is
            below 0.
        """
        return self._decode(*self._checked(Y, A, noise))

    def _checked(self, Y, A, noise):
        check_is_fitted(self)
        check_not_negative(noise=noise)
        return *read_measured(Y, A, self.n_features_in_), float(noise)


class MeasurementDecoder(Profiles):
    """Base of what learns to undo one measurement.

    A subclass has `fit(X, A, noise)`, and `_decode(Y)` of a checked array.
    """

    def _read(self, X, A, noise):
        X = self._profiles(X, ensure_min_samples=2)
        A = read_matrix(A, X.shape[1])
        check_size(A, getattr(self, "dtype", "float64"), "A")
        check_not_negative(noise=noise)
        self.n_measurements_ = len(A)
        return X, A

    def decode(self, Y):
        """Return the profiles behind measurements, (n_samples, n_features).

        Parameters
        ----------
        Y : array of shape (n_samples, n_measurements)
            Measured by the `A` of the fit.

        Raises
        ------
        ValueError
            If `Y` has other columns than that `A` had rows, or an entry is not finite.
        """
        check_is_fitted(self)
        return self._decode(_read_rows(Y, self.n_measurements_))


def read_measured(Y, A, n_features=None):
    """Return checked measurements and their matrix as float64 arrays."""
    A = read_matrix(A, n_features)
    return _read_rows(Y, len(A)), A


def read_matrix(A, n_features=None):
    """Return a checked measurement matrix as a float64 array."""
    A = read_profiles(A, "A")
    m, g = A.shape
    if n_features is not None and g != n_features:
        raise ValueError(
            f"A must have a column for each of {n_features} genes; got {g}"
        )
    if m > g:
        raise ValueError(
            f"A must have at most as many rows as its {g} columns; got {m}: more "
            "measurements than genes leave nothing to decode"
        )
    return A


def _read_rows(Y, n_measurements):
    Y = read_profiles(Y, "Y")
    if Y.shape[1] != n_measurements:
        raise ValueError(
            f"Y must have a column for each of {n_measurements} measurements; "
            f"got {Y.shape[1]}"
        )
    return Y


def read_profiles(M, name):
    """Return a checked table of finite numbers as a float64 array, a copy."""
    M = unmasked(_as_array(M))
    check_table(M, name)
    M = np.array(M, dtype="float64", order="C")
    check_no_gap(M, name)
    check_size(M, "float64", name)
    return M


def _as_array(M):
    """Return a table as it is, anything else as an array, if its rows let it."""
    if hasattr(M, "shape"):
        return M
    try:
        array = np.asarray(M)
    except ValueError:  # rows of unequal lengths, which check_table refuses well
        return M
    return array if array.ndim else M


def check_no_gap(M, name):
    """Raise ValueError for an entry that is NaN or infinite."""
    wrong = np.argwhere(~np.isfinite(M))
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise ValueError(
            f"{name} must be finite, without NaN; got {M[row, column]} "
            f"in row {row}, column {column}"
        )
