"""A dictionary of singular vectors."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from latentomics.base import check_size, check_whole
from latentomics.sensing.base import Profiles


class SVDDictionary(TransformerMixin, Profiles):
    r"""Learn the orthonormal atoms that reconstruct profiles best.

    .. math:: \min_{D D^\top = I} \|X - X D^\top D\|_F^2

    Solved by the right singular vectors of the uncentred X, largest value first, as in
    [1] (book: ``eq-svd-dictionary``). With 15 components, [2] calls this k-SVD. Signs
    are chosen so that each atom's entry of largest absolute value is positive.

    Parameters
    ----------
    n_components : int, optional
        Number of atoms; by default the smaller of the numbers of samples and genes.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        D, orthonormal rows.
    singular_values_ : ndarray of shape (n_components,)
        In the units of `X`.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite numbers, or `n_components` is not a
        whole number from 1 to that default.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    [2] Obbad, Fehmiu & Hankamer (2019). Generating Whole Transcriptomic Profiles
        Using Compressed Sensing and Machine Learning.
    """

    def __init__(self, n_components=None):
        self.n_components = n_components

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        if self.n_components is not None:
            check_whole(n_components=self.n_components)
        X = self._profiles(X)
        check_size(X, "float64")
        k = self.n_components or min(X.shape)
        if k > min(X.shape):
            raise ValueError(
                f"n_components must be at most {min(X.shape)}, the fewer of samples "
                f"and genes; got {k}"
            )
        _, s, Vh = np.linalg.svd(X, full_matrices=False)
        farthest = Vh[np.arange(len(Vh)), np.abs(Vh).argmax(axis=1)]
        self.components_ = (Vh * np.sign(farthest)[:, None])[:k].copy()
        self.singular_values_ = s[:k].copy()
        return self

    def transform(self, X):
        """Return the least-squares codes, (n_samples, n_components)."""
        check_is_fitted(self)
        return self._profiles(X, reset=False) @ self.components_.T
