"""The published fallback without groups: spikes as entries whose fit changes abruptly.

It separates spikes from noise poorly, and is included to show this.
"""

import torch

from latentomics.arrays import as_mask, as_numpy, as_tensor
from latentomics.denoise.chain import tails
from latentomics.denoise.deep_factorization import DeepMatrixFactorization
from latentomics.denoise.descent import Descent
from latentomics.denoise.scaling import noise_level, robust_units

ABRUPT = 3  # robust standard deviations above the median change of the seen entries


class WatchedDescent(Descent):
    """A run that follows how much each entry of the product changes.

    Attributes
    ----------
    change : tensor of shape (n, p)
        The largest change of each entry in one iteration.
    """

    def run(self, factors):
        """Descend from `factors` until patience runs out."""
        self.last, self.change = tails(factors)[0], torch.zeros_like(self.X)
        return super().run(factors)

    def step(self, factors):
        """Move all factors at once, and note what this changes."""
        factors = super().step(factors)
        product = tails(factors)[0]
        self.change = torch.maximum(self.change, (product - self.last).abs())
        self.last = product
        return factors


class WatchedDMF(DeepMatrixFactorization):
    """Fit as :class:`DeepMatrixFactorization`, and note which entries change abruptly.

    Attributes
    ----------
    change_ : ndarray of shape (n_samples, n_features)
        The largest change of the fit in one iteration, in the units of `X`; with
        several starts, of the one with the lowest validation error.
    abrupt_ : ndarray of bool of shape (n_samples, n_features)
        Where the change, in scaled units, exceeds the median of the measured entries
        by more than three robust standard deviations.
    """

    _descent = WatchedDescent

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` as :class:`DeepMatrixFactorization` does."""
        super().fit(X, validation=validation)
        X = as_tensor(self._checked(X), device=self.device, dtype="float64")
        fitted = as_mask(self._fitted, device=self.device)
        self.change_ *= as_numpy(robust_units(X, fitted, self.scale).spread)
        return self

    def _learn(self, run, turned):
        super()._learn(run, turned)
        change = run.change[run.fitted | run.held]
        usual = change.median() + ABRUPT * noise_level(change - change.median())
        change = run.change.T if turned else run.change
        self.change_, self.abrupt_ = as_numpy(change), as_numpy(change > usual)
