"""One run of gradient descent on a product of matrices, from a small start."""

import math

import torch

from latentomics.base import SCORES
from latentomics.denoise.chain import chain_gradient, in_one_piece, tails
from latentomics.denoise.optimizers import OPTIMIZERS
from latentomics.denoise.scaling import noise_level
from latentomics.linalg import clip, huber, trimmed, trimmed_slope
from latentomics.solvers import Patience, iterate

# name -> (loss of a residual, its slope); only the last two use the bound
LOSSES = {
    "squared": (lambda R, bound: R.square() / 2, lambda R, bound: R),
    "absolute": (lambda R, bound: R.abs(), lambda R, bound: R.sign()),
    "huber": (huber, clip),
    "trimmed": (trimmed, trimmed_slope),
}
LEAST_FITTED = 0.8  # least share of entries inside a bound in units of the noise
LEFT_START = 0.9  # the fit has moved once its loss is below this share of the initial


class Descent:
    """One run: its inputs, its steps and its history.

    Parameters
    ----------
    X : tensor of shape (n, p)
        In scaled units, n >= p; gaps may hold any value.
    fitted, held : bool tensors of shape (n, p)
        Entries to fit, and entries that decide when to stop.
    loss : str
        A key of `LOSSES`.
    bound : callable
        (residuals, `fitted`) -> bound of the loss, computed at each look.
    settings : estimator
        Provides `look_every`, `patience`, `tol`, `max_iter`, `scoring`, `optimizer`,
        `learning_rate` and `weight_decay`.

    Attributes
    ----------
    best : list of tensor
        Factors with the lowest error on `held`.
    errors : list of float
        That error, one entry per look.
    trace : Trace
    change : tensor of shape (n, p), or None
        Largest change of each entry of the product in one iteration.
    """

    def __init__(self, X, fitted, held, *, loss, bound, settings):
        self.X, self.fitted, self.held = X, fitted, held
        self.loss, self.slope = LOSSES[loss]
        self.new_bound, self.settings = bound, settings
        self.share = fitted.to(X.dtype) / fitted.sum()
        self.count, self.bound = 0, None
        self.last, self.change = None, None

    @torch.no_grad()
    def run(self, factors, *, abrupt=False):
        """Descend from `factors` until patience runs out.

        With `abrupt`, track the largest change of each entry in one iteration.
        """
        self.change = torch.zeros_like(self.X) if abrupt else None
        start = OPTIMIZERS[self.settings.optimizer]
        decay, rate = self.settings.weight_decay, self.settings.learning_rate
        # one tensor: the optimizer's cost per tensor is that of a small matrix product
        flat, factors = in_one_piece(factors)
        self.slopes, self.slope_of = in_one_piece([M * 0 for M in factors])
        self.move = start([flat], learning_rate=rate, weight_decay=decay)
        first = self.objective(factors)
        early = Patience(
            self.held_error if self.held.any() else self.objective,
            lambda factors: [M.clone() for M in factors],
            looks=self.settings.patience,
            moving=lambda factors: self.objective(factors) < LEFT_START * first,
        )
        given = {k: getattr(self.settings, k) for k in ("tol", "max_iter")}
        _, self.trace = iterate(
            self.step,
            factors,
            self.objective,
            look_every=self.settings.look_every,
            gap=early,
            **given,
        )
        self.best, self.errors = early.best, early.errors
        if abrupt:  # the last step too
            self._follow(tails(factors)[0])
        return self

    def step(self, factors):
        """Move all factors at once (book: ``eq-chain-gradient``)."""
        products = tails(factors)
        if self.change is not None:
            self._follow(products[0].clone())
        R = products[0].sub_(self.X)  # the product itself is not needed again
        if self.count % self.settings.look_every == 0:
            self.bound = self.new_bound(R, self.fitted)
        self.count += 1
        G = self.slope(R, self.bound).mul_(self.share)
        chain_gradient(factors, products, G, out=self.slope_of)
        self.move([self.slopes])
        return factors

    def objective(self, factors):
        """Return the objective with the current bound (``eq-deep-factorization``)."""
        R = self.X - tails(factors)[0]
        if self.bound is None:
            self.bound = self.new_bound(R, self.fitted)
        penalty = sum(M.square().sum() for M in factors) / 2
        misfit = (self.loss(R, self.bound) * self.share).sum()
        return misfit + self.settings.weight_decay * penalty

    def held_error(self, factors):
        """Return the error on the held-out entries (``eq-validation-mae``)."""
        return SCORES[self.settings.scoring]((self.X - tails(factors)[0])[self.held])

    def residuals(self):
        """Return the residuals of the best product on the fitted entries, flat."""
        return (self.X - tails(self.best)[0])[self.fitted]

    def _follow(self, product):
        if self.last is not None:
            change = (product - self.last).abs()
            self.change = torch.maximum(self.change, change)
        self.last = product


def fixed_bound(bound):
    """Return the rule for a constant bound."""
    return lambda R, fitted: bound


def moving_bound(eta):
    """Return the rule for a bound of `eta` robust deviations of the residuals."""
    return lambda R, fitted: eta * float(noise_level(R[fitted]))


def measured_bound(bound):
    """Return the rule for a bound that leaves most of the entries to fit.

    If the structure is far larger than the noise, nearly every entry lies beyond the
    bound at first, and a fit to the few others would never reach the rest.
    """

    def rule(R, fitted):
        R = R[fitted].abs()
        last = R.kthvalue(math.ceil(LEAST_FITTED * len(R))).values
        above = 1 + 4 * torch.finfo(R.dtype).eps  # an entry at the bound is trimmed
        return max(bound, above * float(last))

    return rule
