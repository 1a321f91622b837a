"""A matrix as a product of several, trained from a small start."""

from dataclasses import dataclass

import numpy as np
import torch

from latentomics.arrays import as_numpy, generator
from latentomics.base import (
    SCORES,
    GappyMatrixEstimator,
    check_choice,
    check_not_negative,
    check_positive,
    check_whole,
    hold_out,
)
from latentomics.denoise.chain import INITS, start_factors, tails
from latentomics.denoise.descent import (
    LOSSES,
    Descent,
    fixed_bound,
    measured_bound,
    moving_bound,
)
from latentomics.denoise.optimizers import OPTIMIZERS
from latentomics.denoise.scaling import (
    MAD_TO_SD,
    SCALES,
    Units,
    noise_level,
    robust_units,
    rounding,
)

BOUNDED = ("huber", "trimmed")  # the losses that use eta
ETA_UNITS = ("scaled", "noise")
LARGEST_ETA = 1e15  # its square is still finite in float32
ROUNDING = 8  # rounding error of an entry, in units of the precision


@dataclass
class Fitted:
    """A fitted matrix and what later steps need; tensors of shape (n, p)."""

    X: torch.Tensor  # as given, NaN in the gaps
    seen: torch.Tensor  # bool: the measured entries, held-out ones included
    L: torch.Tensor  # in the units of X
    units: Units
    change: torch.Tensor | None  # largest in one iteration, if tracked


class DeepFactorizationBase(GappyMatrixEstimator):
    """Checks and training shared by the two deep factorizations."""

    @property
    def _has_units(self):
        return self.scale != "mad"

    def _draw_validation(self, seen):
        return hold_out(seen, self.validation_fraction, self.random_state)

    def _check(self):
        check_positive(init_scale=self.init_scale, learning_rate=self.learning_rate)
        check_not_negative(weight_decay=self.weight_decay)
        check_choice("init", self.init, INITS)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("scale", self.scale, SCALES)
        check_choice("scoring", self.scoring, SCORES)
        check_choice("eta_unit", self.eta_unit, ETA_UNITS)
        check_whole(patience=self.patience, look_every=self.look_every)
        check_whole(n_starts=self.n_starts)
        check_whole(at_least=0, random_state=self.random_state)
        if not isinstance(self.hidden, tuple | list) or not self.hidden:
            raise ValueError(
                "hidden must be a tuple of widths, one for each inner size, as in "
                f"(100,); got {self.hidden!r}"
            )
        for width in self.hidden:
            check_whole(hidden=width)

    def _check_eta(self):
        check_positive(eta=self.eta)
        least = {"scaled": 0, "noise": 1 / MAD_TO_SD}[self.eta_unit]
        if not least <= self.eta <= LARGEST_ETA:
            raise ValueError(
                f"eta must be between {least:.3g} and {LARGEST_ETA:.0e} with eta_unit="
                f"{self.eta_unit!r}; got {self.eta!r}"
            )

    def _train(self, X, validation, loss, *, line_axis=0, abrupt=False):
        """Fit the factors and return the :class:`Fitted` matrix."""
        measured, fitted, held = self._read(X, validation, "float64")
        seen = fitted | held
        units = robust_units(measured, fitted, self.scale, line_axis)
        size = (torch.where(seen, measured, 0) / units.spread).abs().max()
        X = torch.where(seen, units.apply(measured), 0).to(getattr(torch, self.dtype))
        turned = X.shape[0] < X.shape[1]  # products run over the shorter side
        if turned:
            X, fitted, held = X.T.contiguous(), fitted.T, held.T

        def run(k, bound, **given):
            descent = Descent(X, fitted, held, loss=loss, bound=bound, settings=self)
            return descent.run(self._start(X, turned, k), **given)

        bound = self._bound(X[fitted], loss, run)
        runs = [run(k, bound, abrupt=abrupt) for k in range(self.n_starts)]
        L = sum(tails(run.best)[0] for run in runs) / len(runs)
        dust = ROUNDING * rounding(X, size)  # anything less is rounding
        self.noise_ = float(torch.maximum(noise_level((X - L)[fitted]), dust))
        best = min(runs, key=lambda run: min(run.errors))
        self._learn(best, turned)
        change = best.change
        if turned:
            L, change = L.T, change.T if abrupt else None
        return Fitted(measured, seen, units.undo(L), units, change)

    def _bound(self, R, loss, run):
        """Return the rule for the bound of `loss`; `R` holds the residuals of L = 0."""
        if loss not in BOUNDED:
            return fixed_bound(None)
        self._check_eta()
        if self.eta_unit == "noise":  # a first fit measures it
            pilot = run(0, moving_bound(self.eta))
            return measured_bound(self.eta * float(noise_level(pilot.residuals())))
        if loss == "trimmed":
            _check_share_trimmed(R.abs() >= self.eta, self.eta)
        return fixed_bound(self.eta)

    def _start(self, X, turned, k):
        """Draw the factors of the k-th start, the long side of the data first."""
        sizes = [X.shape[0], *self.hidden[:: -1 if turned else 1], X.shape[1]]
        draw = generator(self.random_state + k)
        start = start_factors(sizes, self.init, self.init_scale, draw)
        # the fused optimizers read memory in order, whatever the strides say
        return [M.to(X).contiguous() for M in start]

    def _learn(self, run, turned):
        """Store the results of a run."""
        self.trace_ = run.trace
        self.validation_error_ = np.array(run.errors if run.held.any() else [])
        factors = [M.T for M in reversed(run.best)] if turned else run.best
        self.factors_ = [as_numpy(M) for M in factors]


def _check_share_trimmed(trimmed, eta):
    share = float(trimmed.double().mean())
    if share > 0.5:
        raise ValueError(
            f"eta must leave at least half of the entries to fit; got {eta!r}, which "
            f"trims {share:.0%} at the start: raise it, or choose another scale"
        )


class DeepMatrixFactorization(DeepFactorizationBase):
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

    Parameters
    ----------
    hidden : tuple of int, default=(100,)
        Inner sizes, one fewer than factors: ``(100,)`` is M1 M2, n x 100 x p.
    loss : {"squared", "absolute", "huber", "trimmed"}, default="squared"
        :math:`\rho` is :math:`r^2/2`, :math:`|r|`, Huber's loss, or
        :math:`\tfrac12 \min(r^2, \eta^2)`.
    eta : float, default=2.0
        Bound of the Huber and the trimmed loss, in units of `eta_unit`.
    eta_unit : {"scaled", "noise"}, default="scaled"
        Units of `eta`: scaled units, or robust standard deviations of the residuals,
        :math:`1.4826\,\mathrm{med}|r|`, so that one value such as 2.5 suits any data
        (book: ``eq-noise-units``). A first fit with a moving bound measures them; the
        final fits keep that bound, but never trim more than a fifth of the entries.
    scale : {"mad", None, "raw"}, default="mad"
        "mad" centres each column by its median and divides it by 1.4826 times its
        median absolute deviation, so that `eta` counts robust standard deviations; None
        only subtracts the median of all entries: `eta`, `init_scale` and
        `learning_rate` are then in the units of `X`, and the defaults of the last two
        suit entries between 0.01 and 10. "raw" leaves `X` unchanged, as the paper does.
        A robust standard deviation is the spread of a drug *between* lines, which can
        be far larger than its noise; where noise is known, None is the better choice.
    init : {"balanced", "gaussian", "uniform", "identity"}, default="balanced"
        Orthonormal factors; or entries drawn independently (the paper); or the
        identity.
    init_scale : float, default=1e-3
        Size of the product at the start; for "gaussian" and "uniform" the standard
        deviation of an entry of a factor.
    optimizer : {"adam", "sgd"}, default="adam"
        Both use the full gradient; "sgd" has momentum 0.9.
    learning_rate : float, default=3e-4
    weight_decay : float, default=0.0
        :math:`\mu \ge 0`.
    validation_fraction : float, default=0.1
        Share of the measured entries held out if `fit` gets no `validation`. With 0,
        the training objective decides when to stop.
    scoring : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error on the held-out entries. The squared error
        rewards a fit that bends towards a few large spikes.
    patience, look_every : int, default=10, 20
        Stop once the validation error has improved by at most `tol` over `patience`
        looks, one every `look_every` iterations.
    tol : float, default=1e-4
        Relative to the error; no units.
    max_iter : int, default=5000
    n_starts : int, default=1
        Number of random starts; their products are averaged, which reduces the error
        that differs between starts.
    random_state : int, default=0
        Seed of the (first) start and of the held-out entries.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

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

    def __init__(
        self,
        hidden=(100,),
        *,
        loss="squared",
        eta=2.0,
        eta_unit="scaled",
        scale="mad",
        init="balanced",
        init_scale=1e-3,
        optimizer="adam",
        learning_rate=3e-4,
        weight_decay=0.0,
        validation_fraction=0.1,
        scoring="mae",
        patience=10,
        look_every=20,
        tol=1e-4,
        max_iter=5000,
        n_starts=1,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.hidden, self.loss, self.scale = hidden, loss, scale
        self.eta, self.eta_unit = eta, eta_unit
        self.init, self.init_scale = init, init_scale
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction, self.scoring = validation_fraction, scoring
        self.patience, self.look_every = patience, look_every
        self.tol, self.max_iter = tol, max_iter
        self.n_starts, self.random_state = n_starts, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out to decide when to stop.
        """
        self._check()
        check_choice("loss", self.loss, LOSSES)
        self._store(self._train(X, validation, self.loss).L)
        return self
