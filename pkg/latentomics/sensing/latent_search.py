"""Decoding with a generative model: search for the latent code that was measured."""

import torch
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import as_numpy, as_tensor, generator, randn
from latentomics.base import check_not_negative, check_positive, check_whole
from latentomics.sensing.base import Decoder
from latentomics.sensing.linear import safe_cholesky
from latentomics.sensing.networks import check_draws, check_hidden, respond, restored

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

    for _ in range(n_steps):
        gradient = torch.autograd.grad(objective(Z).sum(), Z)[0]
        Z.grad = gradient.contiguous()  # the fused step reads memory in order
        move.step()
    with torch.no_grad():
        value, best = objective(Z).min(dim=0)
        return Z[best, torch.arange(Z.shape[1])].detach(), value


class GenerativeDecoder(Decoder):
    """Base class of decoders that map a latent code, from N(0, I), to a profile.

    A subclass has `n_latent`, `hidden`, `prior`, `n_restarts`, `n_steps`,
    `learning_rate`, `batch_size`, `random_state`, `device` and `dtype`, and learns
    `generator_`, the weights from codes to profiles, and `variances_`, the variance of
    each gene around a generated profile.
    """

    def _check_search(self):
        check_whole(n_latent=self.n_latent, n_restarts=self.n_restarts)
        check_whole(n_steps=self.n_steps)
        check_hidden(self.hidden)
        check_not_negative(prior=self.prior)
        check_positive(learning_rate=self.learning_rate)
        check_whole(batch_size=self.batch_size)
        check_draws(self)

    def generate(self, Z):
        """Return the profiles of latent codes, (n_samples, n_features).

        Parameters
        ----------
        Z : array of shape (n_samples, n_latent)
        """
        return as_numpy(self._generated(as_tensor(Z, device=self.device)))

    def _generated(self, Z):
        return respond(restored(self.generator_, device=self.device), Z, SLOPE)

    def sample(self, n_samples=1, *, random_state=0):
        """Draw profiles from the model, (n_samples, n_features)."""
        check_is_fitted(self)
        check_whole(n_samples=n_samples)
        check_whole(at_least=0, random_state=random_state)
        like = torch.empty(0, dtype=torch.float64)
        draw = {"generator": generator(random_state), "like": like}
        return self.generate(as_numpy(randn(n_samples, self.n_latent, **draw)))

    def encode(self, Y, A, noise=0.0):
        """Return latent codes fitted to measurements, (n_samples, n_latent).

        Parameters
        ----------
        Y, A, noise
            See :meth:`latentomics.sensing.base.Decoder.decode`.
        """
        return as_numpy(self._search(*self._checked(Y, A, noise)))

    def _decode(self, Y, A, noise):
        return as_numpy(self._generated(self._search(Y, A, noise).double()))

    def _search(self, Y, A, noise):
        exact = {"device": self.device, "dtype": "float64"}
        *layers, level = self.generator_  # subtracted from both sides, before the cast
        A, Y, v, level = (as_tensor(M, **exact) for M in (A, Y, self.variances_, level))
        starts = self._starts(Y, A, noise)
        layers = restored(layers, device=self.device, dtype=self.dtype)
        layers.append(level.new_zeros(level.shape).to(layers[0]))
        A, Y = whiten(A, Y, v, noise)
        parts = [M.to(layers[0]) for M in (A, Y - A @ level, starts)]
        return self._found(lambda Z: respond(layers, Z, SLOPE), *parts)

    def _found(self, generate, A, Y, starts):
        """Return the codes found, in chunks of samples to limit memory."""
        how = {"prior": self.prior, "n_steps": self.n_steps}
        parts = zip(Y.split(CHUNK), starts.split(CHUNK, dim=1), strict=True)
        found = [search_latent(generate, A, *part, **how)[0] for part in parts]
        return torch.cat(found)

    def _drawn_starts(self, Y):
        """Draw starting codes, the same for every sample."""
        draw = generator(self.random_state)
        start = randn(self.n_restarts, 1, self.n_latent, generator=draw, like=Y)
        return start.repeat(1, len(Y), 1)

    def _starts(self, Y, A, noise):
        return self._drawn_starts(Y)
