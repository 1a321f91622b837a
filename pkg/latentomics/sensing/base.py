"""Base classes and input checks shared by the estimators of part V."""

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from latentomics.base import check_not_negative, check_size, read_features
from latentomics.matrices import aligned, aligned_like, as_table, names_of, read_matrix


class Profiles(BaseEstimator):
    """Base class of estimators fitted to expression profiles, samples x genes."""

    def _profiles(self, X, *, reset=True, **how):
        """Return `X` as a finite float64 matrix in row-major order.

        Raises
        ------
        ValueError
            If `X` is not a matrix of finite numbers, or its genes differ from those
            seen in `fit`.
        """
        if not reset:
            check_is_fitted(self)
        X = read_features(self, X, reset=reset, **how)
        check_size(X, getattr(self, "dtype", "float64"))
        return X


class Decoder(Profiles):
    """Base class of decoders that learn from profiles and decode any measurement.

    A subclass defines `fit(X)` and `_decode(Y, A, noise)`; the latter gets checked
    arrays.
    """

    def decode(self, Y, A, noise=0.0):
        """Return the profiles behind measurements, (n_samples, n_features).

        Tables are matched by name: the columns of `A` to the genes of the fit, and the
        columns of `Y` to the rows of `A`.

        Parameters
        ----------
        Y : array of shape (n_samples, n_measurements)
            Each row is ``A @ (x + e)``, in the units of the profiles.
        A : array of shape (n_measurements, n_features)
            The measurements, one per row.
        noise : float, default=0.0
            Variance of e for each gene in each sample, see :func:`noise_variance`.

        Raises
        ------
        ValueError
            If `A` has more rows than columns, its columns do not match the genes, the
            columns of `Y` do not match the rows of `A`, an entry is not finite, or
            `noise` is negative.
        """
        return self._decode(*self._checked(Y, A, noise))

    def _checked(self, Y, A, noise):
        noise = self._checked_noise(noise)
        return *read_measured(Y, A, *self._genes), noise

    @property
    def _genes(self):
        return self.n_features_in_, self._column_names

    def _checked_noise(self, noise):
        check_is_fitted(self)
        check_not_negative(noise=noise)
        return float(noise)


class MeasurementDecoder(Profiles):
    """Base class of decoders that learn to invert one fixed measurement.

    A subclass defines `fit(X, A, noise)` and `_decode(Y)`; the latter gets a checked
    array.
    """

    def _read(self, X, A, noise):
        X = self._profiles(X, ensure_min_samples=2)
        A = as_table(A, "A")
        self._measurement_names = names_of(A)
        A = read_design(A, X.shape[1], self._column_names)
        check_size(A, getattr(self, "dtype", "float64"), "A")
        check_not_negative(noise=noise)
        self.n_measurements_ = len(A)
        return X, A

    def decode(self, Y):
        """Return the profiles behind measurements, (n_samples, n_features).

        Parameters
        ----------
        Y : array of shape (n_samples, n_measurements)
            Measured with the `A` given to `fit`; named columns are matched to its rows.

        Raises
        ------
        ValueError
            If the columns of `Y` do not match the rows of that `A`, or an entry is not
            finite.
        """
        check_is_fitted(self)
        names = self._measurement_names
        return self._decode(_read_rows(Y, self.n_measurements_, names))


def read_measured(Y, A, n_features=None, genes=None):
    """Return checked measurements and their matrix as aligned float64 arrays."""
    A = as_table(A, "A")
    design = read_design(A, n_features, genes)
    return _read_rows(Y, len(design), names_of(A)), design


def read_design(A, n_features=None, genes=None):
    """Return a checked measurement matrix as a float64 array.

    Its columns are reordered to match `genes`, the column names of `X`.
    """
    A = as_table(A, "A")
    read_matrix(A, "A")  # reject text before comparing names
    A = read_profiles(aligned(A, genes, name="A", by="X", axis=1), "A")
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


def _read_rows(Y, n_measurements, names):
    Y = as_table(Y, "Y")
    read_matrix(Y, "Y")
    Y = aligned(Y, names, name="Y", by="the rows of A", axis=1)
    Y = read_profiles(Y, "Y")
    if Y.shape[1] != n_measurements:
        raise ValueError(
            f"Y must have a column for each of {n_measurements} measurements; "
            f"got {Y.shape[1]}"
        )
    return Y


def read_pair(X, X_hat):
    """Return true and decoded profiles as arrays, aligned to the true ones."""
    X_hat = aligned_like(X_hat, X, name="X_hat")
    X, X_hat = read_profiles(X, "X"), read_profiles(X_hat, "X_hat")
    if X.shape != X_hat.shape:
        raise ValueError(
            f"X_hat must have the shape of X, {X.shape}; got {X_hat.shape}"
        )
    return X, X_hat


def read_profiles(M, name):
    """Return a checked table of finite numbers as a new float64 array."""
    M = read_matrix(M, name).copy()
    check_size(M, "float64", name)
    return M
