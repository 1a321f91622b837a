"""Matrix completion by a two-factor product combined with a network."""

import numpy as np
import torch

from latentomics.arrays import generator, rand, randn
from latentomics.base import (
    GappyMatrixEstimator,
    check_not_negative,
    check_positive,
    check_whole,
    hold_out,
)
from latentomics.denoise.descent import LEFT_START
from latentomics.denoise.optimizers import adam
from latentomics.solvers import Patience, iterate

START = 0.01  # standard deviation of an entry of W and H at the start


class DualBranchNMF(GappyMatrixEstimator):
    r"""Fit a gappy matrix by a two-factor branch plus a network branch.

    The baseline DBDNMF of the RT-DMF paper (book: ``eq-dual-branch``):

    .. math:: \hat L = \alpha\, W H + (1 - \alpha)\, f_\theta(W)

    where f is a network with two hidden ReLU layers; both branches are trained by Adam
    on the squared error of the measured entries. In the authors' code W and H are never
    updated; here they are. Nothing is constrained to be non-negative: the name is the
    authors'.

    Parameters
    ----------
    rank : int, default=20
        Columns of W.
    hidden : int, default=500
        Width of both hidden layers.
    alpha : float, default=0.5
        Share of the two-factor branch, between 0 and 1.
    learning_rate : float, default=1e-3
        This and the start are as published, for entries between 0.01 and 10.
    validation_fraction : float, default=0.1
        Share of the measured entries held out if `fit` gets no `validation`.
    patience, look_every : int, default=10, 20
        As in :class:`DeepMatrixFactorization`; the error is the mean squared error.
    tol : float, default=1e-4
    max_iter : int, default=5000
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        :math:`\hat L` with the lowest validation error, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        Same as `low_rank_`: this method replaces every entry.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        All False.
    validation_error_ : ndarray of shape (n_looks,)
        Mean squared error on the held-out entries at each look.
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: a parameter outside its allowed range, or `X` with a row or a column
        without data.
    """

    def __init__(
        self,
        rank=20,
        *,
        hidden=500,
        alpha=0.5,
        learning_rate=1e-3,
        validation_fraction=0.1,
        patience=10,
        look_every=20,
        tol=1e-4,
        max_iter=5000,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.rank, self.hidden, self.alpha = rank, hidden, alpha
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience, self.look_every = patience, look_every
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out to decide when to stop.
        """
        self._check()
        X, fitted, held = self._read(X, validation)
        X = torch.where(fitted | held, X, 0)
        share = fitted.to(X.dtype) / fitted.sum()
        weights = [w.to(X).requires_grad_() for w in self._start(*X.shape)]
        move = adam(weights, learning_rate=self.learning_rate, weight_decay=0)

        def objective(weights):  # eq-dual-branch
            return ((X - self._product(weights)).square() * share).sum()

        def held_error(weights):
            return (X - self._product(weights))[held].square().mean()

        def step(weights):
            with torch.enable_grad():
                loss = objective(weights)
            move(torch.autograd.grad(loss, weights))
            return weights

        score = held_error if held.any() else objective
        early = self._descend(step, weights, objective, score)
        self.validation_error_ = np.array(early.errors if held.any() else [])
        self._store(early.best)
        return self

    @torch.no_grad()
    def _descend(self, step, weights, objective, score):
        """Repeat `step` until patience runs out; return the `Patience` record."""
        first = objective(weights)
        early = Patience(
            score,
            self._product,
            looks=self.patience,
            moving=lambda weights: objective(weights) < LEFT_START * first,
        )
        _, self.trace_ = iterate(
            step,
            weights,
            objective,
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=self.look_every,
            gap=early,
        )
        return early

    def _draw_validation(self, seen):
        return hold_out(seen, self.validation_fraction, self.random_state)

    def _check(self):
        check_whole(rank=self.rank, hidden=self.hidden)
        check_whole(patience=self.patience, look_every=self.look_every)
        check_whole(at_least=0, random_state=self.random_state)
        check_positive(learning_rate=self.learning_rate)
        check_not_negative(alpha=self.alpha)
        if self.alpha > 1:
            raise ValueError(f"alpha must be at most 1; got {self.alpha!r}")

    def _start(self, n, p):
        """Draw W, H, then weight and bias of the three layers."""
        if self.rank > min(n, p):
            raise ValueError(f"rank must be at most {min(n, p)}; got {self.rank}")
        like = torch.empty(0, dtype=torch.float64)
        draw = {"generator": generator(self.random_state), "like": like}
        start = [randn(n, self.rank, **draw), randn(self.rank, p, **draw)]
        start = [START * M for M in start]
        sizes = [self.rank, self.hidden, self.hidden, p]
        for a, b in zip(sizes, sizes[1:], strict=False):
            bound = a**-0.5  # uniform between +- the root of 1 / inputs
            start.append(bound * (2 * rand(a, b, **draw) - 1))
            start.append(bound * (2 * rand(b, **draw) - 1))
        return start

    def _product(self, weights):
        W, H, A1, b1, A2, b2, A3, b3 = weights
        inner = torch.relu(torch.relu(W @ A1 + b1) @ A2 + b2)
        return self.alpha * (W @ H) + (1 - self.alpha) * (inner @ A3 + b3)
