"""Base classes and input checks shared by the estimators of part V."""

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import as_tensor
from latentomics.base import check_size, read_features
from latentomics.checks import check_not_negative
from latentomics.matrices import aligned, aligned_like, as_table, names_of, read_matrix
from latentomics.params import Estimator


class Profiles(Estimator):
    """Base class of estimators fitted to expression profiles, samples x genes."""

    def _profiles(self, X, *, reset=True, min_samples=1):
        """Return `X` as a finite float64 matrix in row-major order.

        Raises
        ------
        ValueError
            If a parameter is out of its range (with `reset`), `X` is not a matrix of
            finite numbers, or its genes differ from those seen in `fit`.
        """
        if reset:
            self._check_parameters()
        else:
            check_is_fitted(self)
        X = read_features(self, X, reset=reset, min_samples=min_samples)
        check_size(X, getattr(self, "dtype", "float64"))
        return X

    def _tensor(self, M, dtype="float64"):
        """Copy an array onto the device."""
        return as_tensor(M, device=self.device, dtype=dtype)


class Codes(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Profiles):
    """Base class of transformers with one output for each row of `components_`."""

    @property
    def _n_features_out(self):
        return len(self.components_)


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
        design, noise = self._design(A, noise)
        return read_rows(Y, len(design), names_of(A)), design, noise

    def _design(self, A, noise):
        check_is_fitted(self)
        check_not_negative(noise=noise)
        return read_design(A, self.n_features_in_, self._column_names), float(noise)


def check_at_most(limit, what, **values):
    """Raise ValueError for the first value above a limit; `what` says which."""
    for name, value in values.items():
        if value > limit:
            raise ValueError(f"{name} must be at most {what}; got {value}")


def check_decoder(name, value):
    """Raise ValueError unless `value` is a :class:`Decoder` or None."""
    if value is not None and not isinstance(value, Decoder):
        raise ValueError(
            f"{name} must be an estimator with decode(Y, A, noise); got {value!r}"
        )


class MeasurementDecoder(Profiles):
    """Base class of decoders that learn to invert one fixed measurement.

    A subclass defines `fit(X, A, noise)` and `_decode(Y)`; the latter gets a checked
    array.
    """

    def _read(self, X, A, noise):
        X = self._profiles(X, min_samples=2)
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
        return self._decode(read_rows(Y, self.n_measurements_, self._measurement_names))


def read_design(A, n_features=None, genes=None):
    """Return a checked measurement matrix as a float64 array.

    Its columns are reordered to match `genes`, the column names of `X`.
    """
    A = _read_named(A, genes, "A", "X")
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


def read_rows(Y, n_measurements, names):
    """Return checked measurements as a float64 array, matched to the rows of A."""
    Y = _read_named(Y, names, "Y", "the rows of A")
    if Y.shape[1] != n_measurements:
        raise ValueError(
            f"Y must have a column for each of {n_measurements} measurements; "
            f"got {Y.shape[1]}"
        )
    return Y


def _read_named(M, names, name, by):
    """Return a checked table as an array, its columns in the order of `names`."""
    M = as_table(M, name)
    read_matrix(M, name)  # reject text before comparing names
    return read_profiles(aligned(M, names, name=name, by=by, axis=1), name)


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
