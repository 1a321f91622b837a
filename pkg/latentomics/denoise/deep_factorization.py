"""A matrix as a product of several, trained from a small start."""

import numpy as np
import torch

from latentomics.arrays import as_numpy, generator
from latentomics.base import (
    GappyMatrixEstimator,
    check_choice,
    check_not_negative,
    check_positive,
    check_whole,
    hold_out,
)
from latentomics.denoise.chain import INITS, chain_gradient, start_factors, tails
from latentomics.denoise.scaling import SCALES, robust_units
from latentomics.linalg import clip, huber, trimmed, trimmed_slope
from latentomics.solvers import Patience, iterate

# name -> (loss of a residual, its slope); eta is the bound of the last two
LOSSES = {
    "squared": (lambda R, eta: R.square() / 2, lambda R, eta: R),
    "absolute": (lambda R, eta: R.abs(), lambda R, eta: R.sign()),
    "huber": (huber, clip),
    "trimmed": (trimmed, trimmed_slope),
}
# name -> what is averaged over the entries held out
SCORES = {
    "mae": lambda R: R.abs().mean(),
    "mse": lambda R: R.square().mean(),
}
OPTIMIZERS = ("adam", "sgd")
MOMENTUM = 0.9  # of "sgd", as in the paper
LEFT_START = 0.9  # the fit has moved once its loss is below this share of the first


class DeepFactorizationBase(GappyMatrixEstimator):
    """What the two deep factorizations share: the checks and the training."""

    def _draw_validation(self, seen):
        return hold_out(seen, self.validation_fraction, self.random_state)

    def _check(self):
        check_positive(init_scale=self.init_scale, learning_rate=self.learning_rate)
        check_not_negative(weight_decay=self.weight_decay)
        check_choice("init", self.init, INITS)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_choice("scale", self.scale, SCALES)
        check_choice("scoring", self.scoring, SCORES)
        check_whole(patience=self.patience, look_every=self.look_every)
        check_whole(at_least=0, random_state=self.random_state)
        if not isinstance(self.hidden, tuple | list) or not self.hidden:
            raise ValueError(
                "hidden must be a tuple of widths, one for each inner size, as in "
                f"(100,); got {self.hidden!r}"
            )
        for width in self.hidden:
            check_whole(hidden=width)

    def _train(self, X, validation, loss, eta):
        """Fit the factors; return X, the mask of seen entries, L, and the units."""
        measured, fitted, held = self._read(X, validation)
        seen = fitted | held
        units = robust_units(measured, fitted, self.scale)
        X = torch.where(seen, units.apply(measured), 0)
        if loss in ("huber", "trimmed"):
            check_positive(eta=eta)
        if loss == "trimmed":
            _check_share_trimmed(X[fitted], eta)
        turned = X.shape[0] < X.shape[1]  # products run over the shorter side
        sizes = [X.shape[0], *self.hidden, X.shape[1]]
        if turned:
            X, fitted, held = X.T.contiguous(), fitted.T, held.T
            sizes.reverse()
        factors = self._descend(X, fitted, held, sizes, *LOSSES[loss], eta)
        if turned:
            factors = [M.T for M in reversed(factors)]
        self.factors_ = [as_numpy(M) for M in factors]
        return measured, seen, units.undo(tails(factors)[0]), units

    def _descend(self, X, fitted, held, sizes, loss, slope, eta):
        """Run gradient descent from a small start; return the best factors seen."""
        draw = generator(self.random_state)
        start = start_factors(sizes, self.init, self.init_scale, draw)
        # the fused optimizers read memory in order, whatever the strides say
        factors = [M.to(X).contiguous() for M in start]
        optimizer = self._optimizer(factors)
        share = fitted.to(X.dtype) / fitted.sum()

        def step(factors):  # eq-chain-gradient
            products = tails(factors)
            G = slope(products[0] - X, eta) * share
            for M, g in zip(factors, chain_gradient(factors, products, G), strict=True):
                M.grad = g
            optimizer.step()
            return factors

        def objective(factors):  # eq-deep-factorization
            penalty = sum(M.square().sum() for M in factors) / 2
            misfit = (loss(X - tails(factors)[0], eta) * share).sum()
            return misfit + self.weight_decay * penalty

        def held_error(factors):  # eq-validation-mae
            R = (X - tails(factors)[0])[held]
            return SCORES[self.scoring](R)

        with torch.no_grad():
            first = float(objective(factors))
            early = Patience(
                held_error if held.any() else objective,
                lambda factors: [M.clone() for M in factors],
                looks=self.patience,
                moving=lambda factors: objective(factors) < LEFT_START * first,
            )
            _, self.trace_ = iterate(
                step,
                factors,
                objective,
                tol=self.tol,
                max_iter=self.max_iter,
                look_every=self.look_every,
                gap=early,
            )
        self.validation_error_ = np.array(early.errors if held.any() else [])
        return early.best

    def _optimizer(self, factors):
        settings = {"lr": self.learning_rate, "weight_decay": self.weight_decay}
        if self.optimizer == "adam":
            return torch.optim.Adam(factors, fused=True, **settings)
        return torch.optim.SGD(factors, momentum=MOMENTUM, fused=True, **settings)


def _check_share_trimmed(scaled, eta):
    share = float((scaled.abs() >= eta).double().mean())
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

    Z is X in scaled units (see `scale`), and :math:`\Omega` holds the measured
    entries that are not held out. No rank is set: full-gradient descent from a small
    start finds one pattern after the other, strongest first, and stopping early keeps
    the rank low [1] (book:
    ``eq-deep-factorization``). Entries held out of the fit say when to stop.

    Parameters
    ----------
    hidden : tuple of int, default=(100,)
        Inner sizes, one fewer than factors: ``(100,)`` is M1 M2, n x 100 x p.
    loss : {"squared", "absolute", "huber", "trimmed"}, default="squared"
        :math:`\rho` is :math:`r^2/2`, :math:`|r|`, Huber's loss, or
        :math:`\tfrac12 \min(r^2, \eta^2)`.
    eta : float, default=2.0
        Bound of the Huber and the trimmed loss, in scaled units (see `scale`).
    scale : {"mad", None, "raw"}, default="mad"
        "mad" centres each column by its median and divides it by 1.4826 times its
        median absolute deviation, so that `eta` counts robust standard deviations;
        None only subtracts the median of all entries: `eta` is in the units of `X`.
        "raw" takes `X` as it is, as the paper does.
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
        :math:`\mu`, from 0 up.
    validation_fraction : float, default=0.1
        Share of the measured entries held out where `fit` is not told which. With 0
        the training objective decides when to stop.
    scoring : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error on the entries held out. The squared one
        rewards a fit that bends towards a few large spikes.
    patience, look_every : int, default=10, 20
        Stop once the validation error improved by at most `tol` over `patience`
        looks, one look every `look_every` iterations.
    tol : float, default=1e-4
        Share of the error; no units.
    max_iter : int, default=5000
    random_state : int, default=0
        Seed of the start and of the entries held out.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        The product with the lowest validation error, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        The same: this method replaces every entry.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        Nowhere true.
    factors_ : list of ndarray
        M1 ... MN, in scaled units.
    validation_error_ : ndarray of shape (n_looks,)
        The `scoring` error on the entries held out at each look, in scaled units.
    trace_ : Trace
        Objective (in scaled units) and gap at each look, iterations until it stopped,
        and why. The factors are those of the best look, which may come earlier.

    Raises
    ------
    ValueError
        In `fit`: a parameter outside what is allowed, `X` with a row or a column
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
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.hidden, self.loss, self.eta, self.scale = hidden, loss, eta, scale
        self.init, self.init_scale = init, init_scale
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction, self.scoring = validation_fraction, scoring
        self.patience, self.look_every = patience, look_every
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, says which measured entries
        are held out to decide when to stop.
        """
        self._check()
        check_choice("loss", self.loss, LOSSES)
        _, _, L, _ = self._train(X, validation, self.loss, self.eta)
        self._store(L)
        return self
