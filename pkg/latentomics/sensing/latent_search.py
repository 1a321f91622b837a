"""Decoding with a generative model: search for the latent code that was measured."""

from dataclasses import KW_ONLY

import torch
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import as_numpy, generator, randn
from latentomics.checks import check_whole
from latentomics.matrices import read_matrix
from latentomics.params import (
    InPrecision,
    OnDevice,
    Seeded,
    not_negative,
    positive,
    whole,
    widths,
)
from latentomics.sensing.base import Decoder
from latentomics.sensing.linear import safe_cholesky
from latentomics.solvers.networks import Network, descend

SLOPE = 0.1  # of the leaky ReLU in generators and critics
RATE = 0.08  # learning rate of Adam, in units of a latent code
CHUNK = 512  # samples searched at a time


def whiten(A, Y, variances, noise):
    r"""Whiten measurements by the Cholesky factor of their covariance.

    :math:`S = A (\mathrm{diag}(v) + \sigma^2 I) A^\top = L L^\top`; returns
    :math:`L^{-1} A` and the rows :math:`L^{-1} y`, float64.
    """
    L = safe_cholesky((A * (variances + noise)) @ A.T)
    solve = torch.linalg.solve_triangular
    return solve(L, A, upper=False), solve(L, Y.T, upper=False).T


def search_latent(generate, A, Y, starts, *, prior=1.0, n_steps=150):
    r"""Find the latent codes whose profiles best fit whitened measurements.

    .. math:: \min_z \; \| L^{-1} (y - A\, G(z)) \|^2 + \rho \|z\|^2

    (book: ``eq-csgm``), after [1], who do not whiten, and stop early instead of
    penalising z. Adam runs from every start, and each sample keeps its best result. A
    sample's result depends on no other sample.

    Parameters
    ----------
    generate : callable
        Tensor of codes, one per row -> tensor of profiles, one per row.
    A, Y : tensors of shape (n_measurements, n_features) and (n_samples, n_measurements)
        Whitened by :func:`whiten`; with A = None, every feature is measured.
    starts : tensor of shape (n_restarts, n_samples, n_latent)
    prior : float, default=1.0
        :math:`\rho`.
    n_steps : int, default=150

    Returns
    -------
    Z : tensor of shape (n_samples, n_latent)
    objective : tensor of shape (n_samples,)

    References
    ----------
    [1] Bora, Jalal, Price & Dimakis (2017). ICML, PMLR 70:537-546.
    """
    Z = starts.detach().clone().requires_grad_()
    move = torch.optim.Adam([Z], lr=RATE, fused=True)

    def objective(Z):
        X = generate(Z.flatten(0, 1)).unflatten(0, Z.shape[:2])
        seen = X if A is None else X @ A.T
        return (seen - Y).square().sum(-1) + prior * Z.square().sum(-1)

    for _ in range(n_steps):  # a set number of steps: nothing to look at, or to stop
        descend(move, objective(Z).sum())
    with torch.no_grad():
        value, best = objective(Z).min(dim=0)
        return Z[best, torch.arange(Z.shape[1])].detach(), value


class GenerativeDecoder(Decoder, Seeded, OnDevice, InPrecision, dtype="float32"):
    """Base class of decoders that map a latent code, from N(0, I), to a profile.

    A subclass learns `generator_`, the weights from codes to profiles, and
    `variances_`, the variance of each gene around a generated profile.
    """

    n_latent: int = whole(32)
    """Length of a code."""
    _: KW_ONLY
    hidden: tuple = widths((192, 192))
    """Widths of the hidden layers of the generator; an encoder or critic has them
    reversed."""
    learning_rate: float = positive(1e-3)
    """Learning rate of Adam."""
    batch_size: int = whole(128)
    """Samples per step."""
    prior: float = not_negative(1.0)
    """Weight of the squared norm of a code in the search; 1 is that of codes from
    N(0, I), 0 that of Bora et al."""
    n_restarts: int = whole(3)
    """Starts of the search."""
    n_steps: int = whole(150)
    """Steps of the search from each start."""

    def generate(self, Z):
        """Return the profiles of latent codes, (n_samples, n_features).

        Parameters
        ----------
        Z : array of shape (n_samples, n_latent)

        Raises
        ------
        ValueError
            If `Z` is not a matrix of finite numbers with `n_latent` columns.
        """
        check_is_fitted(self)
        Z = read_matrix(Z, "Z")
        if Z.shape[1] != self.n_latent:
            raise ValueError(
                f"Z must have n_latent, {self.n_latent}, columns; got {Z.shape[1]}"
            )
        return as_numpy(self._restored(self.generator_)(self._tensor(Z)))

    def _restored(self, arrays, dtype="float64"):
        return Network.restored(arrays, device=self.device, slope=SLOPE, dtype=dtype)

    def sample(self, n_samples=1, *, random_state=0):
        """Draw profiles from the model, (n_samples, n_features)."""
        check_whole(n_samples=n_samples)
        check_whole(at_least=0, random_state=random_state)
        draw, like = generator(random_state), torch.empty(0, dtype=torch.float64)
        Z = randn(n_samples, self.n_latent, generator=draw, like=like)
        return self.generate(as_numpy(Z))

    def encode(self, Y, A, noise=0.0):
        """Return latent codes fitted to measurements, (n_samples, n_latent).

        Parameters
        ----------
        Y, A, noise
            See :meth:`latentomics.sensing.base.Decoder.decode`.
        """
        return as_numpy(self._search(*self._checked(Y, A, noise)))

    def _decode(self, Y, A, noise):
        Z = self._search(Y, A, noise).double()
        return as_numpy(self._restored(self.generator_)(Z))

    def _search(self, Y, A, noise):
        exact, dtype = self._restored(self.generator_), getattr(torch, self.dtype)
        level = exact.layers[-1].offset  # subtracted from both sides, before the cast
        generate = exact.fold_leave(-level, 1.0).mapped(lambda M: M.to(dtype))
        A, Y, v = map(self._tensor, (A, Y, self.variances_))
        starts = self._starts(Y, A, noise)
        A, Y = whiten(A, Y, v, noise)
        parts = (M.to(dtype) for M in (A, Y - A @ level, starts))
        return self._found(generate, *parts)

    def _found(self, generate, A, Y, starts):
        """Return the codes found, in chunks of samples to limit memory."""
        parts = zip(Y.split(CHUNK), starts.split(CHUNK, dim=1), strict=True)
        found = [
            search_latent(generate, A, *part, prior=self.prior, n_steps=self.n_steps)
            for part in parts
        ]
        return torch.cat([Z for Z, _ in found])

    def _starts(self, Y, A=None, noise=0.0):
        """Draw starting codes, the same for every sample."""
        draw = generator(self.random_state)
        start = randn(self.n_restarts, 1, self.n_latent, generator=draw, like=Y)
        return start.repeat(1, len(Y), 1)
