"""One run of gradient descent on a product of matrices, from a small start."""

import math

import torch

from latentomics.base import SCORES
from latentomics.denoise.chain import chain_gradient, in_one_piece, tails
from latentomics.denoise.losses import LOSSES, Bounded, Trimmed
from latentomics.denoise.scaling import noise_level
from latentomics.solvers import Patience, iterate

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
    bound : callable
        (residuals, `fitted`) -> bound of the loss, computed at each look.
    settings : estimator
        Provides `loss`, `look_every`, `patience`, `tol`, `max_iter`, `scoring`,
        `learning_rate` and `weight_decay`, and `_optimizer`, which starts one.

    Attributes
    ----------
    best : list of tensor
        Factors with the lowest error on `held`.
    errors : list of float
        That error, one entry per look.
    trace : Trace
    """

    def __init__(self, X, fitted, held, *, bound, settings):
        self.X, self.fitted, self.held = X, fitted, held
        loss = settings.loss
        self.loss = loss if isinstance(loss, Bounded) else LOSSES[loss]
        self.new_bound, self.settings = bound, settings
        self.share = fitted.to(X.dtype) / fitted.sum()
        self.count, self.bound = 0, None

    def run(self, factors):
        """Descend from `factors` until patience runs out."""
        decay, rate = self.settings.weight_decay, self.settings.learning_rate
        # one tensor: the optimizer's cost per tensor is that of a small matrix product
        flat, factors = in_one_piece(factors)
        self.slopes, self.slope_of = in_one_piece([M * 0 for M in factors])
        self.move = self.settings._optimizer(
            [flat], learning_rate=rate, weight_decay=decay
        )
        self.best, self.errors, self.trace = stopped_early(
            self.step,
            factors,
            self.objective,
            self.held_error if self.held.any() else self.objective,
            snapshot=lambda factors: [M.clone() for M in factors],
            settings=self.settings,
        )
        return self

    def step(self, factors):
        """Move all factors at once (book: ``eq-chain-gradient``)."""
        products = tails(factors)
        R = products[0].sub_(self.X)  # the product itself is not needed again
        if self.count % self.settings.look_every == 0:
            self.bound = self.new_bound(R, self.fitted)
        self.count += 1
        G = self.loss.slope(R, self.bound).mul_(self.share)
        chain_gradient(factors, products, G, out=self.slope_of)
        self.move([self.slopes])
        return factors

    def objective(self, factors):
        """Return the objective with the current bound (``eq-deep-factorization``)."""
        R = self.X - tails(factors)[0]
        if self.bound is None:
            self.bound = self.new_bound(R, self.fitted)
        penalty = sum(M.square().sum() for M in factors) / 2
        misfit = (self.loss.value(R, self.bound) * self.share).sum()
        return misfit + self.settings.weight_decay * penalty

    def held_error(self, factors):
        """Return the error on the held-out entries (``eq-validation-mae``)."""
        return SCORES[self.settings.scoring]((self.X - tails(factors)[0])[self.held])

    def residuals(self):
        """Return the residuals of the best product on the fitted entries, flat."""
        return (self.X - tails(self.best)[0])[self.fitted]


@torch.no_grad()
def stopped_early(step, state, objective, held_error, *, snapshot, settings):
    """Repeat a step until the held-out error stops falling.

    Parameters
    ----------
    step, state, objective
        As for :func:`iterate`.
    held_error, snapshot : callable
        As for :class:`Patience`.
    settings : estimator
        Provides `look_every`, `patience`, `tol` and `max_iter`.

    Returns
    -------
    best : snapshot of the state with the lowest error
    errors : list of float, one per look
    trace : Trace
    """
    first = objective(state)
    early = Patience(
        held_error,
        snapshot,
        looks=settings.patience,
        moving=lambda state: objective(state) < LEFT_START * first,
    )
    _, trace = iterate(
        step,
        state,
        objective,
        tol=settings.tol,
        max_iter=settings.max_iter,
        look_every=settings.look_every,
        gap=early,
    )
    return early.best, early.errors, trace


def bound_rule(loss, R, run):
    """Return the rule for the bound of a loss, (residuals, `fitted`) -> bound.

    Parameters
    ----------
    loss : str or Bounded
        As for :class:`DeepMatrixFactorization`.
    R : tensor
        Residuals of a product of 0 on the fitted entries.
    run : callable
        (number of the start, rule) -> :class:`Descent`, to measure the noise.
    """
    if not isinstance(loss, Bounded):
        return lambda R, fitted: None
    if loss.unit == "noise":
        pilot = run(0, moving_bound(loss.eta))
        return measured_bound(loss.eta * float(noise_level(pilot.residuals())))
    trimmed = float((R.abs() >= loss.eta).double().mean())
    if isinstance(loss, Trimmed) and trimmed > 0.5:
        raise ValueError(
            f"eta must leave at least half of the entries to fit; got {loss.eta!r}, "
            f"which trims {trimmed:.0%} at the start: raise it, or choose another scale"
        )
    return lambda R, fitted: loss.eta


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
