"""Several decoders combined, weighted by their accuracy on held-out profiles."""

import numpy as np
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.model_selection import KFold

from latentomics.base import check_whole
from latentomics.sensing.base import Decoder, read_design
from latentomics.sensing.measurement import with_variance


class BlendedDecoder(Decoder):
    r"""Combine several decoders with weights fitted to held-out profiles.

    .. math:: \hat x = \sum_d w_d\, \hat x^{(d)}, \qquad
        w = \arg\min_{w \ge 0} \sum_{i \text{ held out}}
        \Big\| x_i - \sum_d w_d\, \hat x_i^{(d)} \Big\|^2

    (stacked generalization [1]; book: ``eq-blend``). The training profiles are split
    into folds; each fold is measured with `A` and `noise` and decoded by the decoders
    fitted to the other folds. Which decoder is best depends on how much was measured,
    so the weights are refitted for each measurement.

    Parameters
    ----------
    decoders : list of Decoder
    n_splits : int, default=3
        Number of folds, at least 2.
    random_state : int, default=0
        Seed of the folds and of the noise added to held-out profiles.

    Attributes
    ----------
    decoders_ : list of Decoder
        Fitted to all profiles.
    folds_ : list
        For each fold, the held-out profiles and the decoders fitted to the rest.

    Raises
    ------
    ValueError
        In `fit`: if there is no decoder, or `X` has fewer than two samples per fold.

    References
    ----------
    [1] Breiman (1996). Stacked regressions. Machine Learning 24:49-64.
    """

    def __init__(self, decoders, *, n_splits=3, random_state=0):
        self.decoders, self.n_splits = decoders, n_splits
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        given = self.decoders if isinstance(self.decoders, list) else []
        if not given or not all(isinstance(d, Decoder) for d in given):
            raise ValueError(
                f"decoders must be a list of decoders; got {self.decoders!r}"
            )
        check_whole(at_least=2, n_splits=self.n_splits)
        check_whole(at_least=0, random_state=self.random_state)
        X = self._profiles(X, ensure_min_samples=2 * self.n_splits)
        split = KFold(self.n_splits, shuffle=True, random_state=self.random_state)
        self.decoders_ = [clone(d).fit(X) for d in self.decoders]
        self.folds_ = [
            (X[held], [clone(d).fit(X[rest]) for d in self.decoders])
            for rest, held in split.split(X)
        ]
        return self

    def weights(self, A, noise=0.0):
        """Return the weight of each decoder for a measurement, (n_decoders,)."""
        noise = self._checked_noise(noise)
        A = read_design(A, *self._genes)
        rng = np.random.default_rng(self.random_state)
        d = len(self.decoders_)
        G, b = np.zeros((d, d)), np.zeros(d)
        for held, decoders in self.folds_:
            Y = with_variance(held, noise, rng) @ A.T
            guesses = np.array([f.decode(Y, A, noise).ravel() for f in decoders])
            G, b = G + guesses @ guesses.T, b + guesses @ held.ravel()
        return _nonnegative(G, b)

    def _decode(self, Y, A, noise):
        guesses = [decoder.decode(Y, A, noise) for decoder in self.decoders_]
        return np.tensordot(self.weights(A, noise), guesses, axes=1)


def _nonnegative(G, b):
    """Solve min w'Gw / 2 - b'w over w >= 0, G positive semidefinite."""
    values, V = np.linalg.eigh(G)
    keep = values > values[-1] * 1e-12
    root = np.sqrt(values[keep])
    return nnls(root[:, None] * V[:, keep].T, (V[:, keep].T @ b) / root)[0]
