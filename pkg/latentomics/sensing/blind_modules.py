"""Blind sensing with gene modules: learn sparse modules from measurements alone."""

from dataclasses import KW_ONLY
from typing import NamedTuple

import numpy as np
import torch

from latentomics.arrays import as_numpy, generator
from latentomics.metrics import first_near_best
from latentomics.params import Iterative, OnDevice, Seeded, not_negative, whole
from latentomics.sensing.base import Decoder, check_at_most
from latentomics.sensing.blind_factors import BlindFactors, read_batches
from latentomics.sensing.dictionary_base import unit
from latentomics.sensing.smaf import first_modules
from latentomics.solvers import iterate
from latentomics.solvers.pursuit import pursuit_path

# A roughly fitted start: modules from converged factors decoded no better
FACTORS, ROUGH = 5, 0.02


class Modules(NamedTuple):
    """What the fit updates, for d modules of g genes."""

    components: torch.Tensor  # (d, g), U
    codes: torch.Tensor  # (n, d), W of all batches


class BlindModules(Decoder, Iterative, Seeded, OnDevice, tol=0.02, max_iter=50):
    r"""Learn gene modules of unobserved profiles from many different measurements.

    .. math::
        \min_{U, W \ge 0} \; \frac1E \sum_b \Big( \|Y_b - W_b U A_b^\top\|_b^2
        + 2 \sigma^2 \|W_b\|_0 \Big) + \frac\lambda d \|U\|_1

    with :math:`\|u_j\| = 1` and :math:`\|w_i\|_0 \le k`; here
    :math:`\|R\|_b^2 = \operatorname{tr} R (A_b A_b^\top)^{-1} R^\top`, the norm for
    isotropic noise of the profiles, and :math:`E = \sum_b \|Y_b\|_b^2` (book:
    ``eq-blind-modules``). Like :class:`latentomics.sensing.SMAF`, but from batches of
    measurements, each with its own A: BCS-SMAF [1]. With one A for all batches, modules
    keep their starting values in the directions that A does not see.

    Each iteration updates the codes W by pursuit, keeping a sample's old codes where
    they are better, and then each module by one proximal gradient step, which cannot
    overshoot because the whitened A is a projection. The objective therefore never
    rises. A module used in a sample must explain at least its price,
    :math:`2 \sigma^2`: Mallows' rule [2].

    The start decides which of many local minima is found. [1] starts at random, within
    clusters of samples that share some measurements. Batches here need not share any,
    so this starts from randomly drawn samples as decoded by 5 factors
    (:class:`BlindFactors`). A lower objective need not mean better profiles: starting
    from least squares instead of factors may end lower and decode worse.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        U, non-negative, rows of length 1; unused modules keep their starting values.
    codes_ : ndarray of shape (n_samples, n_components)
        W of all batches, stacked, in the units of the profiles.
    trace_ : Trace
        The objective above after each iteration, no units.

    Raises
    ------
    ValueError
        In `fit`: if a batch does not match its `A`, a parameter is out of range, or
        fewer samples than modules have a gene decoded above 0. In `decode`: also if
        `n_nonzero` exceeds the number of measurements.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    [2] Mallows (1973). Technometrics 15:661-675.
    """

    n_components: int = whole(20)
    """d, the number of modules."""
    _: KW_ONLY
    n_nonzero: int = whole(5)
    """k, the most modules per sample; at most the number of measurements of a batch."""
    lam: float = not_negative(0.01)
    r""":math:`\lambda`, no units: the extra share of E that modules must explain
    for each unit of their mean L1 norm."""

    def fit(self, batches, noise=0.0):
        r"""Learn from measurements alone.

        Parameters
        ----------
        batches : list of (Y, A)
            Measurements of some samples, (n_samples, n_measurements), and their matrix,
            (n_measurements, n_features).
        noise : float, default=0.0
            :math:`\sigma^2`, the variance of e for each gene in each sample.
        """
        pairs = read_batches(self, batches, noise)
        m = min(A.shape[0] for _, A in pairs)
        check_at_most(m, f"the {m} measurements", n_nonzero=self.n_nonzero)
        U = self._start(pairs, noise)
        white = [whitened(Y, A) for Y, A in pairs]
        energy = sum(Y.square().sum() for Y, _ in white)
        sizes, price = [len(Y) for Y, _ in white], 2 * noise

        def costs(U, W):
            """Return what each sample costs, batch by batch."""
            pairs = zip(white, W.split(sizes), strict=True)
            return [_cost(U, Y, P, price, own) for (Y, P), own in pairs]

        def step(modules):
            U, W = modules
            new = torch.cat([self._codes(U, Y, P, price) for Y, P in white])
            better = torch.cat(costs(U, new)) < torch.cat(costs(U, W))
            W = torch.where(better[:, None], new, W)
            U = _descend(U, W.split(sizes), white, self.lam * energy / len(U))
            return Modules(U, W)

        def objective(modules):  # eq-blind-modules
            U, W = modules
            cost = sum(batch.sum() for batch in costs(U, W))
            return cost / energy + self.lam * U.sum() / len(U)

        found, self.trace_ = iterate(
            step,
            Modules(U, U.new_zeros(sum(sizes), len(U))),
            objective,
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=1,
        )
        self.components_, self.codes_ = map(as_numpy, found)
        return self

    def _start(self, pairs, noise):
        """Return the initial modules, rows of length 1."""
        n = sum(len(Y) for Y, _ in pairs)
        few = min(FACTORS, self.n_features_in_, n)
        rough = BlindFactors(few, tol=ROUGH, device=self.device)
        pairs = [(as_numpy(Y), as_numpy(A)) for Y, A in pairs]
        rough.fit(pairs, noise)
        X = np.concatenate([rough.decode(Y, A, noise) for Y, A in pairs])
        n = (X > 0).any(axis=1).sum()
        what = f"the {n} samples that seem to have a gene above 0"
        check_at_most(n, what, n_components=self.n_components)
        draw = generator(self.random_state)
        return unit(first_modules(self._tensor(X), self.n_components, draw))

    def _codes(self, U, Y, P, price):
        """Return codes, with the number of modules that costs each sample least."""
        k = min(self.n_nonzero, len(U))
        D, Y = as_numpy(U @ P.T), as_numpy(Y)
        path = pursuit_path(D, Y, k, nonnegative=True, device=self.device)
        left = [np.square(Y).sum(axis=1), *(path.residual(j + 1) for j in range(k))]
        best = first_near_best([r + price * j for j, r in enumerate(left)])
        W = np.zeros((len(Y), len(U)))
        for j in range(1, k + 1):
            W[best == j] = path.codes(j)[best == j]
        return self._tensor(W)

    def _decode(self, Y, A, noise):
        m = len(A)
        check_at_most(m, f"the {m} measurements", n_nonzero=self.n_nonzero)
        U, Y, A = map(self._tensor, (self.components_, Y, A))
        return as_numpy(self._codes(U, *whitened(Y, A), 2 * noise) @ U)


def whitened(Y, A):
    r"""Return :math:`Y (A A^\top)^{-1/2}` and A whitened likewise, up to a rotation.

    Rows of the second are orthonormal, except rows of 0 if A is rank-deficient.
    """
    left, s, P = torch.linalg.svd(A, full_matrices=False)
    seen = s > torch.finfo(s.dtype).eps * max(A.shape) * s[0]
    return Y @ left * torch.where(seen, 1 / s, 0), P * seen[:, None]


def _cost(U, Y, P, price, W):
    """Return each sample's squared residual plus the price of its modules, (n,)."""
    used = (W != 0).sum(dim=1, dtype=W.dtype)
    return (Y - W @ (U @ P.T)).square().sum(dim=1) + price * used


def _descend(U, W, white, price):
    r"""Return modules after one proximal step for each in turn.

    As P P' = I, the curvature of the misfit in module u is at most
    :math:`c = \sum_i w_i^2`, so the objective is bounded by a constant plus
    :math:`c \|u - v\|^2 + \mu \|u\|_1`. Its minimiser over non-negative vectors of
    length 1 is v minus :math:`\mu / 2c`, clipped at 0 and normalised; if nothing
    remains, the largest gene alone.
    """
    U = U.clone()
    R = [Y - V @ (U @ P.T) for V, (Y, P) in zip(W, white, strict=True)]
    for j, u in enumerate(U):
        w = [V[:, j] for V in W]
        c = sum(v.square().sum() for v in w)
        pull = sum(v @ r @ P for v, r, (_, P) in zip(w, R, white, strict=True))
        v = u + (pull - price / 2) / c
        alone = torch.zeros_like(v).scatter(0, v.argmax(dim=0, keepdim=True), 1)
        v = torch.where(v.max() > 0, v.clamp(min=0), alone)
        step = torch.where(c > 0, v / v.norm() - u, 0)  # unused: it stays
        for a, r, (_, P) in zip(w, R, white, strict=True):
            r -= torch.outer(a, P @ step)
        u += step
    return U
