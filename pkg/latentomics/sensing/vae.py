"""A variational autoencoder of profiles, and decoding by a search of its codes."""

import math
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from latentomics.arrays import as_numpy, as_tensor, generator, randn
from latentomics.params import whole
from latentomics.sensing.latent_search import GenerativeDecoder
from latentomics.sensing.linear import safe_cholesky
from latentomics.solvers.networks import Network, check_loss, one_pass, watched

LEAST_SD = 1e-3  # floor of a gene's SD, relative to the mean SD, for constant genes
LEAST_LOG_SD = math.log(LEAST_SD)
START_SD = 0.5  # initial SD around the generated profile, relative to the gene's own


def gaussian_kl(mu, log_var):
    r"""Return KL(N(mu, exp(log_var)) || N(0, I)) of each row, in nats.

    .. math:: \tfrac12 \sum_j \mu_j^2 + s_j^2 - 1 - \log s_j^2
    """
    return (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1) / 2


def on_cpu(state):
    """Return an optimiser's state with its tensors on the CPU, to pickle anywhere."""
    moments = {
        place: {name: T.cpu() for name, T in kept.items()}
        for place, kept in state["state"].items()
    }
    return state | {"state": moments}


def negative_log_likelihood(X, X_hat, log_sd):
    """Return -log N(x; x_hat, diag(sd^2)) of each row, in nats."""
    z = (X - X_hat) / log_sd.exp()
    return (z.square() / 2 + log_sd + math.log(2 * math.pi) / 2).sum(dim=1)


class VAEDecoder(GenerativeDecoder):
    r"""Learn a variational autoencoder; decode by a search of its latent codes.

    .. math:: \max_{\theta, \phi, \sigma} \; \sum_i
        \mathbb{E}_{q_\phi(z | x_i)} \log N(x_i; G_\theta(z), \mathrm{diag}(\sigma^2))
        - \beta\, \mathrm{KL}\big( q_\phi(z | x_i) \,\|\, N(0, I) \big)

    [1] (book: ``eq-elbo``), with a learned variance for each gene, and :math:`\beta`
    rising to 1 over the first passes. Measurements are decoded by ``eq-csgm``: the most
    probable code given them, :math:`\sigma^2` and the noise, searched from several
    starts, the first of which is the encoder's output for a rough linear estimate.

    Attributes
    ----------
    generator_, encoder_ : list of ndarray
        Weights and offset of each layer in turn, float64, for profiles in their
        original units; the encoder returns the mean and log variance of a code.
    variances_ : ndarray of shape (n_features,)
        :math:`\sigma^2`, in squared units of the profiles.
    mean_, scale_ : ndarray of shape (n_features,)
        Mean and standard deviation of each gene, in the samples of the (first) fit.
    history_ : DataFrame
        `epoch` and `loss`: the negative objective above, in nats per sample, for
        profiles divided by `scale_`.

    Raises
    ------
    ValueError
        In `fit`: if a parameter is out of range.
    FloatingPointError
        In `fit`: if the loss is no longer finite.

    References
    ----------
    [1] Kingma & Welling (2014). ICLR. arXiv:1312.6114.
    """

    _: KW_ONLY
    n_epochs: int = whole(150)
    """Passes over the samples in `fit`, in which the learning rate decays to 0 along a
    cosine."""
    kl_warm_up: int = whole(30, at_least=0)
    r"""Passes, or calls of `partial_fit`, until :math:`\beta = 1`; 0 for no warm-up."""

    def fit(self, X, y=None, *, progress=None):
        """Learn from profiles, (n_samples, n_features).

        `progress` is a callable like ``tqdm.auto.tqdm``, called with an iterable and
        `total`.
        """
        X = self._profiles(X, min_samples=2)
        run = self._resume(self._begin(X))
        cool = torch.optim.lr_scheduler.CosineAnnealingLR(run.move, self.n_epochs)
        for _ in watched(self.n_epochs, progress):
            self._pass(run, X)
            cool.step()
        return self._finish(run)

    def partial_fit(self, X, y=None):
        """Learn from a batch of profiles, in one pass at the full learning rate.

        The first batch sets the scale of each gene, so it should hold many samples.
        """
        self._check_parameters()
        first = not hasattr(self, "generator_")
        X = self._profiles(X, reset=first, min_samples=2 if first else 1)
        run = self._resume(self._begin(X) if first else self._state)
        self._pass(run, X)
        return self._finish(run)

    def sample(self, n_samples=1, *, random_state=0):
        """Draw profiles from the model, (n_samples, n_features), with gene noise."""
        X = super().sample(n_samples, random_state=random_state)
        rng = np.random.default_rng(random_state)
        return X + rng.standard_normal(X.shape) * np.sqrt(self.variances_)

    def _begin(self, X):
        """Return the start of a run, and set the scales of the genes."""
        self.mean_, self.scale_ = X.mean(axis=0), gene_scale(X)
        draw, g = generator(self.random_state), X.shape[1]
        encoder = Network.start([g, *self.hidden[::-1], 2 * self.n_latent], draw)
        decoder = Network.start([self.n_latent, *self.hidden, g], draw)
        log_sd = np.full(g, math.log(START_SD), dtype=self.dtype)
        return Kept(encoder.arrays, decoder.arrays, log_sd, None, draw.get_state(), [])

    def _resume(self, kept):
        """Return a run resumed from a saved state."""
        log_sd = self._tensor(kept.log_sd, self.dtype).requires_grad_()
        encoder, decoder = (
            self._restored(arrays, self.dtype).learnable(log_sd)
            for arrays in (kept.encoder, kept.decoder)
        )
        weights = [*encoder.weights, *decoder.weights, log_sd]
        move = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)
        if kept.moments:
            move.load_state_dict(kept.moments)
            move.param_groups[0]["lr"] = self.learning_rate
        draw = generator(0)
        draw.set_state(kept.seed)
        return Run(encoder, decoder, log_sd, move, draw, list(kept.history))

    def _pass(self, run, X):
        """Train for one pass over all samples, and record the loss."""
        X = self._tensor((X - self.mean_) / self.scale_, self.dtype)
        epoch = len(run.history) + 1
        weight = min(1.0, epoch / max(self.kl_warm_up, 1))

        def loss(rows):
            log_sd = run.log_sd.clamp(min=LEAST_LOG_SD)
            return negative_elbo(
                run.encoder, run.decoder, log_sd, X[rows], run.draw, weight
            )

        rows = torch.arange(len(X))
        mean = one_pass(run.move, loss, rows, self.batch_size, run.draw)
        check_loss(mean, epoch)
        run.history.append({"epoch": epoch, "loss": mean})

    def _finish(self, run):
        kept = self._state = Kept(
            run.encoder.arrays,
            run.decoder.arrays,
            as_numpy(run.log_sd),
            on_cpu(run.move.state_dict()),
            run.draw.get_state(),
            run.history,
        )
        units = [as_tensor(M, device="cpu") for M in (self.mean_, self.scale_)]
        encoder = Network.restored(kept.encoder, device="cpu")
        decoder = Network.restored(kept.decoder, device="cpu")
        self.encoder_ = encoder.fold_entry(*units).arrays
        self.generator_ = decoder.fold_leave(*units).arrays
        log_sd = as_tensor(kept.log_sd, device="cpu").clamp(min=LEAST_LOG_SD)
        self.variances_ = (as_numpy(log_sd.exp()) * self.scale_) ** 2
        self.history_ = pd.DataFrame(run.history)
        return self

    def _starts(self, Y, A, noise):
        """Replace the first drawn code by that of a rough linear estimate."""
        starts = super()._starts(Y, A, noise)
        mean, v = self._tensor(self.mean_), self._tensor(self.scale_).square()
        L = safe_cholesky((A * (v + noise)) @ A.T)
        guess = mean + torch.cholesky_solve((Y - A @ mean).T, L).T @ A * v
        starts[0] = self._restored(self.encoder_)(guess)[:, : self.n_latent]
        return starts


class Kept(NamedTuple):
    """State of a training run, from which it can be resumed."""

    encoder: list  # arrays
    decoder: list  # arrays
    log_sd: np.ndarray  # (g,)
    moments: dict | None  # of Adam; None before the first step
    seed: torch.Tensor  # state of the generator of draws
    history: list


@dataclass
class Run:
    """A training run, for profiles in units of `scale_` around `mean_`."""

    encoder: Network
    decoder: Network  # from codes to profiles
    log_sd: torch.Tensor  # (g,)
    move: torch.optim.Optimizer  # of the three
    draw: torch.Generator
    history: list


def negative_elbo(encoder, decoder, log_sd, X, draw, weight=1.0):
    """Return the negative objective of ``eq-elbo``, averaged over rows.

    One code is drawn per row; `weight` is beta.
    """
    mu, log_var = encoder(X).chunk(2, dim=1)
    Z = mu + randn(*mu.shape, generator=draw, like=mu) * (log_var / 2).exp()
    misfit = negative_log_likelihood(X, decoder(Z), log_sd)
    return (misfit + weight * gaussian_kl(mu, log_var)).mean()


def gene_scale(X):
    """Return the standard deviation of each gene, with a small positive floor."""
    s = X.std(axis=0)
    return np.maximum(s, LEAST_SD * s.mean()) if s.any() else np.ones_like(s)
