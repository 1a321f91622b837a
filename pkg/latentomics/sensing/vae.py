"""A variational autoencoder of profiles, and decoding by a search of its codes."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from latentomics.arrays import as_numpy, as_tensor, generator, randn
from latentomics.base import check_whole
from latentomics.sensing.latent_search import SLOPE, GenerativeDecoder
from latentomics.sensing.linear import safe_cholesky
from latentomics.sensing.networks import (
    check_loss,
    fold_entry,
    fold_leave,
    one_pass,
    respond,
    restored,
    start_layers,
    stored,
    watched,
)

LEAST_SD = 1e-3  # floor of a gene's SD, relative to the mean SD, for constant genes
START_SD = 0.5  # initial SD around the generated profile, relative to the gene's own


def gaussian_kl(mu, log_var):
    r"""Return KL(N(mu, exp(log_var)) || N(0, I)) of each row, in nats.

    .. math:: \tfrac12 \sum_j \mu_j^2 + s_j^2 - 1 - \log s_j^2
    """
    return (mu.square() + log_var.exp() - 1 - log_var).sum(dim=1) / 2


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

    Parameters
    ----------
    n_latent : int, default=32
    hidden : tuple of int, default=(192, 192)
        Widths of the hidden layers of the generator; the encoder has them reversed.
    learning_rate : float, default=1e-3
        Of Adam; in `fit`, it decays to 0 along a cosine.
    batch_size : int, default=128
    n_epochs : int, default=150
        Passes over the samples in `fit`.
    kl_warm_up : int, default=30
        Passes, or calls of `partial_fit`, until :math:`\beta = 1`; 0 for no warm-up.
    prior : float, default=1.0
        Weight of the squared norm of a code in the search; 1 is that of the model.
    n_restarts, n_steps : int, default=3, 150
        Starts and steps of the search.
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

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

    def __init__(
        self,
        n_latent=32,
        *,
        hidden=(192, 192),
        learning_rate=1e-3,
        batch_size=128,
        n_epochs=150,
        kl_warm_up=30,
        prior=1.0,
        n_restarts=3,
        n_steps=150,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.n_latent, self.hidden, self.learning_rate = n_latent, hidden, learning_rate
        self.batch_size, self.n_epochs = batch_size, n_epochs
        self.kl_warm_up = kl_warm_up
        self.prior, self.n_restarts, self.n_steps = prior, n_restarts, n_steps
        self.random_state, self.device, self.dtype = random_state, device, dtype

    def fit(self, X, y=None, *, progress=None):
        """Learn from profiles, (n_samples, n_features).

        `progress` is a callable like ``tqdm.auto.tqdm``, called with an iterable and
        `total`.
        """
        self._check()
        X = self._profiles(X, ensure_min_samples=2)
        run = self._begin(X)
        cool = torch.optim.lr_scheduler.CosineAnnealingLR(run.move, self.n_epochs)
        for _ in watched(self.n_epochs, progress):
            self._pass(run, X)
            cool.step()
        return self._finish(run)

    def partial_fit(self, X, y=None):
        """Learn from a batch of profiles, in one pass at the full learning rate.

        The first batch sets the scale of each gene, so it should hold many samples.
        """
        self._check()
        first = not hasattr(self, "generator_")
        X = self._profiles(X, reset=first, ensure_min_samples=2 if first else 1)
        run = self._begin(X) if first else self._resume()
        self._pass(run, X)
        return self._finish(run)

    def sample(self, n_samples=1, *, random_state=0):
        """Draw profiles from the model, (n_samples, n_features), with gene noise."""
        X = super().sample(n_samples, random_state=random_state)
        rng = np.random.default_rng(random_state)
        return X + rng.standard_normal(X.shape) * np.sqrt(self.variances_)

    def _check(self):
        self._check_search()
        check_whole(n_epochs=self.n_epochs)
        check_whole(at_least=0, kl_warm_up=self.kl_warm_up)

    def _begin(self, X):
        """Return a new run, and set the scales of the genes."""
        self.mean_, self.scale_ = X.mean(axis=0), gene_scale(X)
        draw, g = generator(self.random_state), X.shape[1]
        encoder = start_layers([g, *self.hidden[::-1], 2 * self.n_latent], draw)
        layers = start_layers([self.n_latent, *self.hidden, g], draw)
        log_sd = torch.full((g,), math.log(START_SD))
        weights = [*encoder, *layers, log_sd]
        return self._run([as_numpy(M) for M in weights], draw, [])

    def _run(self, arrays, draw, history):
        where = {"device": self.device, "dtype": self.dtype}
        weights = [M.requires_grad_() for M in restored(arrays, **where)]
        move = torch.optim.Adam(weights, lr=self.learning_rate, fused=True)
        return Run(weights, move, draw, history)

    def _resume(self):
        arrays, moments, seed, history = self._state
        run = self._run(arrays, generator(0), list(history))
        run.draw.set_state(seed)
        run.move.load_state_dict(moments)
        run.move.param_groups[0]["lr"] = self.learning_rate
        return run

    def _pass(self, run, X):
        """Train for one pass over all samples, and record the loss."""
        where = {"device": self.device, "dtype": self.dtype}
        X = as_tensor((X - self.mean_) / self.scale_, **where)
        epoch = len(run.history) + 1
        weight = min(1.0, epoch / max(self.kl_warm_up, 1))

        def loss(rows):
            encoder, layers, log_sd = self._parts(run.weights)
            return negative_elbo(encoder, layers, log_sd, X[rows], run.draw, weight)

        plan = {"batch_size": self.batch_size, "draw": run.draw}
        mean = one_pass(run.move, run.weights, loss, torch.arange(len(X)), **plan)
        check_loss(mean, epoch)
        run.history.append({"epoch": epoch, "loss": mean})

    def _parts(self, weights):
        n = 2 * (len(self.hidden) + 1)
        return weights[:n], weights[n:-1], weights[-1].clamp(min=math.log(LEAST_SD))

    def _finish(self, run):
        moments = run.move.state_dict()
        self._state = stored(run.weights), moments, run.draw.get_state(), run.history
        units = [as_tensor(M, device="cpu") for M in (self.mean_, self.scale_)]
        weights = [M.detach().cpu().double() for M in run.weights]
        encoder, layers, log_sd = self._parts(weights)
        self.encoder_ = stored(fold_entry(encoder, *units))
        self.generator_ = stored(fold_leave(layers, *units))
        self.variances_ = (as_numpy(log_sd.exp()) * self.scale_) ** 2
        self.history_ = pd.DataFrame(run.history)
        return self

    def _starts(self, Y, A, noise):
        """Replace the first drawn code by that of a rough linear estimate."""
        starts = super()._starts(Y, A, noise)
        mean, v = (as_tensor(M, device=self.device) for M in (self.mean_, self.scale_))
        v = v.square()
        L = safe_cholesky((A * (v + noise)) @ A.T)
        guess = mean + torch.cholesky_solve((Y - A @ mean).T, L).T @ A * v
        encoder = restored(self.encoder_, device=self.device, dtype="float64")
        starts[0] = respond(encoder, guess, SLOPE)[:, : self.n_latent]
        return starts


@dataclass
class Run:
    """State of a training run that can be resumed."""

    weights: list  # encoder, generator, log SD
    move: torch.optim.Optimizer
    draw: torch.Generator
    history: list


def negative_elbo(encoder, layers, log_sd, X, draw, weight=1.0):
    """Return the negative objective of ``eq-elbo``, averaged over rows.

    One code is drawn per row; `weight` is beta.
    """
    mu, log_var = respond(encoder, X, SLOPE).chunk(2, dim=1)
    Z = mu + randn(*mu.shape, generator=draw, like=mu) * (log_var / 2).exp()
    X_hat = respond(layers, Z, SLOPE)
    misfit = negative_log_likelihood(X, X_hat, log_sd)
    return (misfit + weight * gaussian_kl(mu, log_var)).mean()


def gene_scale(X):
    """Return the standard deviation of each gene, with a small positive floor."""
    s = X.std(axis=0)
    return np.maximum(s, LEAST_SD * s.mean()) if s.any() else np.ones_like(s)
