"""Matrix completion by a two-factor product combined with a network."""

from dataclasses import KW_ONLY
from itertools import pairwise

import numpy as np
import torch

from latentomics.arrays import generator, rand, randn
from latentomics.base import Denoiser, hold_out
from latentomics.denoise.descent import stopped_early
from latentomics.denoise.optimizers import adam
from latentomics.params import Seeded, positive, share, whole

START = 0.01  # standard deviation of an entry of W and H at the start


class DualBranchNMF(Denoiser, Seeded, tol=1e-4, max_iter=5000, dtype="float32"):
    r"""Fit a gappy matrix by a two-factor branch plus a network branch.

    The baseline DBDNMF of the RT-DMF paper (book: ``eq-dual-branch``):

    .. math:: \hat L = \alpha\, W H + (1 - \alpha)\, f_\theta(W)

    where f is a network with two hidden ReLU layers; both branches are trained by Adam
    on the squared error of the measured entries. In the authors' code W and H are never
    updated; here they are. Nothing is constrained to be non-negative: the name is the
    authors'.

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

    rank: int = whole(20)
    """Columns of W."""
    _: KW_ONLY
    hidden: int = whole(500)
    """Width of both hidden layers."""
    alpha: float = share(0.5)
    """Share of the two-factor branch, between 0 and 1."""
    learning_rate: float = positive(1e-3)
    """As published; like the initial weights, it suits entries between 0.01 and 10."""
    validation_fraction: float = share(0.1, below=1)
    """Share of the measured entries held out if `fit` gets no `validation`."""
    patience: int = whole(10)
    """As in :class:`DeepMatrixFactorization`; the error is the mean squared error."""
    look_every: int = whole(20)
    """See `patience`."""

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out to decide when to stop.
        """
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

        best, errors, self.trace_ = stopped_early(
            step,
            weights,
            objective,
            held_error if held.any() else objective,
            snapshot=self._product,
            settings=self,
        )
        self.validation_error_ = np.array(errors if held.any() else [])
        self._store(best)
        return self

    def _draw_validation(self, seen):
        return hold_out(seen, self.validation_fraction, self.random_state)

    def _start(self, n, p):
        """Draw W, H, then weight and bias of the three layers."""
        if self.rank > min(n, p):
            raise ValueError(f"rank must be at most {min(n, p)}; got {self.rank}")
        like = torch.empty(0, dtype=torch.float64)
        draw = generator(self.random_state)
        shapes = (n, self.rank), (self.rank, p)
        start = [START * randn(*s, generator=draw, like=like) for s in shapes]
        for a, b in pairwise([self.rank, self.hidden, self.hidden, p]):
            for shape in ((a, b), (b,)):  # uniform between +- the root of 1 / inputs
                M = 2 * rand(*shape, generator=draw, like=like) - 1
                start.append(a**-0.5 * M)
        return start

    def _product(self, weights):
        W, H, A1, b1, A2, b2, A3, b3 = weights
        inner = torch.relu(torch.relu(W @ A1 + b1) @ A2 + b2)
        return self.alpha * (W @ H) + (1 - self.alpha) * (inner @ A3 + b3)
