"""Blind sensing with gene modules: learn sparse modules from measurements alone."""

import numpy as np
import torch

from latentomics.arrays import as_numpy, as_tensor, generator, resolve_device
from latentomics.base import check_not_negative, check_whole
from latentomics.metrics import first_near_best
from latentomics.sensing.base import Decoder
from latentomics.sensing.blind_factors import BlindFactors, read_batches
from latentomics.sensing.smaf import first_modules
from latentomics.solvers import iterate
from latentomics.solvers.pursuit import pursuit_path

# A roughly fitted start: modules from converged factors decoded no better
FACTORS, ROUGH = 5, 0.02


class BlindModules(Decoder):
    r"""Learn gene modules of unobserved profiles from many different measurements.

    .. math::
        \min_{U, W \ge 0} \; \frac1E \sum_b \Big( \|Y_b - W_b U A_b^\top\|_b^2
        + 2 \sigma^2 \|W_b\|_0 \Big) + \frac\lambda d \|U\|_1
        \quad\text{with}\quad \|u_j\| = 1, \; \|w_i\|_0 \le k

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

    Parameters
    ----------
    n_components : int, default=20
        d, the number of modules.
    n_nonzero : int, default=5
        k, the most modules per sample; at most the number of measurements of a batch.
    lam : float, default=0.01
        :math:`\lambda \ge 0`, no units: the extra share of E that modules must explain
        for each unit of their mean L1 norm.
    tol : float, default=0.02
        Stop once an iteration changes U by less than this fraction of its norm.
    max_iter : int, default=50
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"

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

    def __init__(
        self,
        n_components=20,
        *,
        n_nonzero=5,
        lam=0.01,
        tol=0.02,
        max_iter=50,
        random_state=0,
        device="auto",
    ):
        self.n_components, self.n_nonzero, self.lam = n_components, n_nonzero, lam
        self.tol, self.max_iter = tol, max_iter
        self.random_state, self.device = random_state, device

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
        self._check_parameters(noise)
        pairs, self._column_names = read_batches(batches, self.device)
        self.n_features_in_ = pairs[0][1].shape[1]
        self._check_fewest(min(A.shape[0] for _, A in pairs))
        U = self._start(pairs, noise)
        white = [whitened(Y, A) for Y, A in pairs]
        energy = sum(Y.square().sum() for Y, _ in white)
        given = white, energy, self.lam, 2 * noise
        W = U.new_zeros(sum(len(Y) for Y, _ in white), len(U))
        (U, W), self.trace_ = iterate(
            lambda state: self._turn(state, *given),
            (U, W),
            lambda state: _objective(state, *given),
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=1,
        )
        self.components_, self.codes_ = as_numpy(U), as_numpy(W)
        return self

    def _check_parameters(self, noise):
        check_whole(n_components=self.n_components, n_nonzero=self.n_nonzero)
        check_not_negative(lam=self.lam, noise=noise)
        check_whole(at_least=0, random_state=self.random_state)
        resolve_device(self.device)

    def _check_fewest(self, m):
        if self.n_nonzero > m:
            raise ValueError(
                f"n_nonzero must be at most the {m} measurements; got {self.n_nonzero}"
            )

    def _start(self, pairs, noise):
        """Return the initial modules, rows of length 1."""
        n = sum(len(Y) for Y, _ in pairs)
        few = min(FACTORS, self.n_features_in_, n)
        rough = BlindFactors(few, tol=ROUGH, device=self.device)
        pairs = [(as_numpy(Y), as_numpy(A)) for Y, A in pairs]
        rough.fit(pairs, noise)
        X = np.concatenate([rough.decode(Y, A, noise) for Y, A in pairs])
        n = (X > 0).any(axis=1).sum()
        if self.n_components > n:
            raise ValueError(
                f"n_components must be at most the {n} samples that seem to have a "
                f"gene above 0; got {self.n_components}"
            )
        X = as_tensor(X, device=self.device)
        U = first_modules(X, self.n_components, generator(self.random_state))
        return U / U.norm(dim=1, keepdim=True)

    def _turn(self, state, white, energy, lam, price):
        """Return modules and codes after one iteration."""
        U, W = state
        parts = W.split([len(Y) for Y, _ in white])
        found = [self._codes(U, *b, price) for b in white]
        kept = [
            _better(U, *b, price, new, old)
            for b, new, old in zip(white, found, parts, strict=True)
        ]
        return _descend(U, kept, white, lam * energy / len(U)), torch.cat(kept)

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
        return as_tensor(W, device=self.device)

    def _decode(self, Y, A, noise):
        self._check_fewest(len(A))
        U, Y, A = (as_tensor(M, device=self.device) for M in (self.components_, Y, A))
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


def _better(U, Y, P, price, new, old):
    gain = _cost(U, Y, P, price, new) < _cost(U, Y, P, price, old)
    return torch.where(gain[:, None], new, old)


def _objective(state, white, energy, lam, price):
    U, W = state
    parts = W.split([len(Y) for Y, _ in white])
    pairs = zip(white, parts, strict=True)
    left = sum(_cost(U, *b, price, part).sum() for b, part in pairs)
    return left / energy + lam * U.sum() / len(U)


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
