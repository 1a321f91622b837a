"""A matrix as a product of several, trained from a small start."""

from dataclasses import KW_ONLY

import numpy as np
import torch

from latentomics.arrays import as_numpy, generator
from latentomics.base import SCORES, Denoiser, hold_out
from latentomics.denoise.chain import balanced_start, tails
from latentomics.denoise.descent import Descent, bound_rule
from latentomics.denoise.losses import check_loss
from latentomics.denoise.optimizers import adam
from latentomics.denoise.scaling import SCALES, measured_noise, robust_units
from latentomics.params import (
    InPrecision,
    Iterative,
    OnDevice,
    Seeded,
    not_negative,
    one_of,
    parameter,
    positive,
    share,
    whole,
    widths,
)


class FactorizationSettings(
    Iterative, Seeded, OnDevice, InPrecision, max_iter=5000, dtype="float32"
):
    """The parameters that :class:`ResidualThresholdedDMF` hands on."""

    _: KW_ONLY
    scale: str | None = one_of(SCALES, "mad")
    """With "mad" each column is centred by its median and divided by 1.4826 times its
    median absolute deviation, so that a threshold counts robust standard deviations.
    With None only the median of all entries is subtracted: the threshold, `init_scale`
    and `learning_rate` are then in the units of `X`, and the defaults of the last two
    suit entries between 0.01 and 10. With "raw" `X` is left unchanged, as in the paper.
    A robust standard deviation is the spread of a drug *between* lines, which can be
    far larger than its noise; where noise is known, None is the better choice."""
    init_scale: float = positive(1e-3)
    """Size of the singular values of the product at the start."""
    learning_rate: float = positive(3e-4)
    """Learning rate of Adam."""
    validation_fraction: float = share(0.1, below=1)
    """Share of the measured entries held out if `fit` gets no `validation`. With 0,
    the training objective decides when to stop."""
    n_starts: int = whole(1)
    """Number of random starts; their products are averaged, which reduces the error
    that differs between starts."""
    tol: float = not_negative(1e-4)
    """Stop once the validation error improves by at most this share of it."""
    random_state: int = whole(0, at_least=0)
    """Seed of the (first) start and of the held-out entries."""


class DeepMatrixFactorization(FactorizationSettings, Denoiser):
    r"""Fit a gappy matrix by a product of matrices, trained from a small start.

    .. math::
        \min_{M_1, \dots, M_N} \frac{1}{|\Omega|}
        \sum_\Omega \rho(Z - M_1 M_2 \cdots M_N)
        + \frac{\mu}{2} \sum_i \|M_i\|_F^2

    Z is X in scaled units (see `scale`), and :math:`\Omega` holds the measured entries
    that are not held out. No rank is set: full-gradient descent from a small start
    finds one pattern after the other, strongest first, and stopping early keeps the
    rank low [1] (book: ``eq-deep-factorization``). Held-out entries decide when to
    stop.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        The product with the lowest validation error, in the units of `X`; with several
        starts, the mean of one such product per start.
    corrected_ : ndarray of shape (n_samples, n_features)
        Same as `low_rank_`: this method replaces every entry.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        All False.
    factors_ : list of ndarray
        M1 ... MN, in scaled units. With several starts, `factors_`, `validation_error_`
        and `trace_` are those of the start with the lowest validation error.
    noise_ : float
        Robust standard deviation of the residuals of the fitted entries, in scaled
        units.
    validation_error_ : ndarray of shape (n_looks,)
        The `scoring` error on the held-out entries at each look, in scaled units.
    trace_ : Trace
        Objective (in scaled units) and gap at each look, iterations until it stopped,
        and why. The factors are those of the best look, which may come earlier.

    Raises
    ------
    ValueError
        In `fit`: a parameter outside its allowed range, `X` with a row or a column
        without data, or an `eta` that trims over half of the entries at the start.

    References
    ----------
    [1] Arora, Cohen, Hu & Luo (2019). NeurIPS 32.
    """

    hidden: tuple = widths((100,))
    """Inner sizes, one fewer than factors: ``(100,)`` is M1 M2, n x 100 x p."""
    _: KW_ONLY
    loss: object = parameter(
        "squared", kind='"squared", "absolute", Huber or Trimmed', check=check_loss
    )
    r""":math:`\rho`: :math:`r^2/2`, :math:`|r|`, or a loss with a bound, such as
    ``Trimmed(eta=2.5, unit="noise")``; see
    :class:`latentomics.denoise.losses.Bounded`."""
    weight_decay: float = not_negative(0.0)
    r""":math:`\mu \ge 0`."""
    scoring: str = one_of(SCORES, "mae")
    """Mean absolute or mean squared error on the held-out entries. The squared error
    rewards a fit that bends towards a few large spikes."""
    patience: int = whole(10)
    """Stop once the validation error has improved by at most `tol` over `patience`
    looks, one every `look_every` iterations."""
    look_every: int = whole(20)
    """See `patience`."""

    # a study may start and move otherwise, as published
    _start_factors, _optimizer = staticmethod(balanced_start), staticmethod(adam)
    _descent = Descent

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out to decide when to stop.
        """
        measured, fitted, held = self._read(X, validation, "float64")
        units = robust_units(measured, fitted, self.scale)
        X = torch.where(fitted | held, units.apply(measured), 0)
        X = X.to(getattr(torch, self.dtype))
        turned = X.shape[0] < X.shape[1]  # products run over the shorter side
        if turned:
            X, fitted, held = X.T.contiguous(), fitted.T, held.T

        def run(k, bound):
            descent = self._descent(X, fitted, held, bound=bound, settings=self)
            return descent.run(self._start(X, turned, k))

        bound = bound_rule(self.loss, X[fitted], run)
        runs = [run(k, bound) for k in range(self.n_starts)]
        L = sum(tails(run.best)[0] for run in runs) / len(runs)
        before = measured / units.spread
        self.noise_ = measured_noise((X - L)[fitted], X, before, self.dtype)
        self._learn(min(runs, key=lambda run: min(run.errors)), turned)
        self._store(units.undo(L.T if turned else L))
        return self

    @property
    def _has_units(self):
        return self.scale != "mad"

    def _draw_validation(self, seen):
        return hold_out(seen, self.validation_fraction, self.random_state)

    def _start(self, X, turned, k):
        """Draw the factors of the k-th start, the long side of the data first."""
        sizes = [X.shape[0], *self.hidden[:: -1 if turned else 1], X.shape[1]]
        draw = generator(self.random_state + k)
        start = self._start_factors(sizes, self.init_scale, draw)
        # the fused optimizers read memory in order, whatever the strides say
        return [M.to(X).contiguous() for M in start]

    def _learn(self, run, turned):
        """Store the results of a run."""
        self.trace_ = run.trace
        self.validation_error_ = np.array(run.errors if run.held.any() else [])
        factors = [M.T for M in reversed(run.best)] if turned else run.best
        self.factors_ = [as_numpy(M) for M in factors]
