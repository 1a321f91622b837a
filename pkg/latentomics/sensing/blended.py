"""Several decoders combined, weighted by their accuracy on held-out profiles."""

from dataclasses import KW_ONLY

import numpy as np
from scipy.optimize import nnls
from sklearn.base import clone
from sklearn.model_selection import KFold

from latentomics.params import Seeded, parameter, whole
from latentomics.sensing.base import Decoder
from latentomics.sensing.measurement import with_variance


def _check_decoders(name, value):
    given = value if isinstance(value, list) else []
    if not given or not all(isinstance(d, Decoder) for d in given):
        raise ValueError(f"{name} must be a list of decoders; got {value!r}")


class BlendedDecoder(Decoder, Seeded):
    r"""Combine several decoders with weights fitted to held-out profiles.

    .. math:: \hat x = \sum_d w_d\, \hat x^{(d)}, \qquad
        w = \arg\min_{w \ge 0} \sum_{i \text{ held out}}
        \Big\| x_i - \sum_d w_d\, \hat x_i^{(d)} \Big\|^2

    (stacked generalization [1]; book: ``eq-blend``). The training profiles are split
    into random folds; each fold is measured with `A`, with noise drawn afresh, and
    decoded by the decoders fitted to the other folds. Which decoder is best depends on
    how much was measured, so the weights are refitted for each measurement.

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

    decoders: object = parameter(kind="list of Decoder", check=_check_decoders)
    """At least one, unfitted or fitted; clones are fitted."""
    _: KW_ONLY
    n_splits: int = whole(3, at_least=2)
    """Number of folds."""

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        self._check_parameters()  # before `n_splits` is used
        X = self._profiles(X, min_samples=2 * self.n_splits)
        split = KFold(self.n_splits, shuffle=True, random_state=self.random_state)
        self.decoders_ = [clone(d).fit(X) for d in self.decoders]
        self.folds_ = [
            (X[held], [clone(d).fit(X[rest]) for d in self.decoders])
            for rest, held in split.split(X)
        ]
        return self

    def weights(self, A, noise=0.0):
        """Return the weight of each decoder for a measurement, (n_decoders,)."""
        A, noise = self._design(A, noise)
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
