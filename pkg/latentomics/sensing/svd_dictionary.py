"""A dictionary of singular vectors."""

import numpy as np
from sklearn.utils.extmath import svd_flip

from latentomics.params import optional, whole
from latentomics.sensing.base import Codes, check_at_most


class SVDDictionary(Codes):
    r"""Learn the orthonormal atoms that reconstruct profiles best.

    .. math:: \min_{D D^\top = I} \|X - X D^\top D\|_F^2

    Solved by the right singular vectors of the uncentred X, largest value first, as in
    [1] (book: ``eq-svd-dictionary``). With 15 components, [2] calls this k-SVD. Signs
    are chosen so that each atom's entry of largest absolute value is positive.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        D, orthonormal rows.
    singular_values_ : ndarray of shape (n_components,)
        In the units of `X`.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite numbers, or `n_components` is
        above the smaller of the numbers of samples and genes.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    [2] Obbad, Fehmiu & Hankamer (2019). Generating Whole Transcriptomic Profiles
        Using Compressed Sensing and Machine Learning.
    """

    n_components: int | None = optional(whole(None))
    """Number of atoms; by default the smaller of the numbers of samples and genes."""

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._profiles(X)
        most = min(X.shape)
        k = self.n_components or most
        check_at_most(most, f"{most}, the fewer of samples and genes", n_components=k)
        # not scikit-learn's TruncatedSVD: its exact solver cannot give all components
        _, s, Vh = np.linalg.svd(X, full_matrices=False)
        _, Vh = svd_flip(None, Vh, u_based_decision=False)
        self.components_ = Vh[:k].copy()
        self.singular_values_ = s[:k].copy()
        return self

    def transform(self, X):
        """Return the least-squares codes, (n_samples, n_components)."""
        return self._profiles(X, reset=False) @ self.components_.T
