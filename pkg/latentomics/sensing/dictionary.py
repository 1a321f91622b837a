"""Base classes of the dictionaries of part V: atoms in rows, codes of new samples."""

from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import DTYPES, as_tensor, resolve_device
from latentomics.base import check_choice, check_kept, check_size
from latentomics.sensing.base import Profiles
from latentomics.solvers.pursuit import pursuit


class Dictionary(TransformerMixin, Profiles):
    """Base class; a subclass has `fit`, `components_`, `device` and `dtype`."""

    def _read(self, X, *, reset=True):
        """Return `X` as a tensor, after checking it, `device` and `dtype`."""
        resolve_device(self.device)
        check_choice("dtype", self.dtype, DTYPES)
        X = self._profiles(X, reset=reset)
        check_size(X, self.dtype)
        if reset:
            check_kept(X, self.dtype)
        return as_tensor(X, device=self.device, dtype=self.dtype)

    def _pursue(self, X, D, n_nonzero):
        """Return codes of at most `n_nonzero` atoms, capped at the shape of `D`."""
        k = min(n_nonzero, *D.shape)
        return pursuit(D, X, k, device=self.device, dtype=self.dtype)


class PursuedDictionary(Dictionary):
    """Base class of dictionaries coded by pursuit; a subclass sets `n_nonzero_`."""

    def transform(self, X):
        """Return codes of at most `n_nonzero_` atoms, (n_samples, n_components)."""
        check_is_fitted(self)
        X = self._profiles(X, reset=False)
        check_size(X, self.dtype)
        return self._pursue(X, self.components_, self.n_nonzero_)
