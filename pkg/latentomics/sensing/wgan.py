"""A Wasserstein GAN of profiles, and decoding by a search of its codes."""

import pandas as pd
import torch

from latentomics.arrays import as_numpy, as_tensor, generator, rand, randn
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.latent_search import (
    SLOPE,
    GenerativeDecoder,
)
from latentomics.sensing.mlp import spread
from latentomics.sensing.networks import (
    check_loss,
    fold_leave,
    learnable,
    respond,
    start_layers,
    stored,
    watched,
)

BETAS = 0.0, 0.9  # of Adam, as in the paper
LOOK_EVERY = 10  # generator steps between rows of the history
START_SD = 0.5  # assumed SD of an error, in units of the RMS spread of the genes
MOST = 256  # samples whose errors are estimated


def gradient_norms(critic, X):
    """Return the norm of the gradient of a critic at each row of `X`."""
    X = X.detach().requires_grad_()
    (G,) = torch.autograd.grad(critic(X).sum(), X, create_graph=True)
    return G.norm(dim=1)


def critic_loss(critic, real, fake, share, penalty):
    r"""Return the loss of the critic, and its two parts.

    .. math:: \mathbb{E}\, D(\tilde x) - \mathbb{E}\, D(x) + \lambda\, \mathbb{E}
        \big( \|\nabla D(\hat x)\| - 1 \big)^2, \qquad
        \hat x = \epsilon x + (1 - \epsilon) \tilde x

    (book: ``eq-wgan-gp``).

    Parameters
    ----------
    critic : callable
        Rows -> numbers.
    real, fake : tensors of shape (n, n_features)
        :math:`x` and :math:`\tilde x`.
    share : tensor of shape (n, 1)
        :math:`\epsilon`, between 0 and 1.
    penalty : float
        :math:`\lambda`.

    Returns
    -------
    loss, distance, norm : tensors
        `distance` estimates the Wasserstein distance; `norm` is the mean norm of the
        gradient.
    """
    distance = critic(real).mean() - critic(fake).mean()
    norms = gradient_norms(critic, share * real + (1 - share) * fake)
    loss = penalty * (norms - 1).square().mean() - distance
    return loss, distance.detach(), norms.detach().mean()


class WGANDecoder(GenerativeDecoder):
    r"""Learn a generator against a critic; decode by a search of its latent codes.

    .. math:: \min_G \max_{D} \; \mathbb{E}\, D(x) - \mathbb{E}\, D(G(z))
        - \lambda\, \mathbb{E} \big( \|\nabla D(\hat x)\| - 1 \big)^2

    [1] (book: ``eq-wgan-gp``), with :math:`z` from N(0, I) and :math:`\hat x` a random
    point between a profile and a generated one. The critic takes `n_critic` steps per
    generator step. Measurements are decoded by ``eq-csgm``. A GAN has no error model of
    its own, so errors are estimated on the training profiles (at most 256), each
    searched for as if all of its genes had been measured.

    Parameters
    ----------
    n_latent : int, default=32
    hidden : tuple of int, default=(192, 192)
        Widths of the hidden layers of the generator; the critic has them reversed.
    n_critic : int, default=5
    penalty : float, default=10.0
        :math:`\lambda`, for profiles divided by the root of their mean variance.
    learning_rate : float, default=2e-4
        Of Adam, for generator and critic.
    batch_size : int, default=64
    max_iter : int, default=1500
        Generator steps.
    prior : float, default=1.0
        Weight of the squared norm of a code in the search; 0 is that of Bora et al.
    n_restarts, n_steps : int, default=3, 150
        Starts and steps of the search.
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

    Attributes
    ----------
    generator_ : list of ndarray
        Weights and offset of each layer in turn, from a code to a profile.
    variances_ : ndarray of shape (n_features,)
        Mean squared error of each gene on the training profiles.
    history_ : DataFrame
        `iteration`; `wasserstein`, the critic's estimate of the distance, in units of
        the root mean variance of the genes; and `gradient_norm`.

    Raises
    ------
    ValueError
        In `fit`: if a parameter is out of range.
    FloatingPointError
        In `fit`: if the critic's loss is no longer finite.

    References
    ----------
    [1] Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville (2017). NeurIPS.
        arXiv:1704.00028.
    """

    def __init__(
        self,
        n_latent=32,
        *,
        hidden=(192, 192),
        n_critic=5,
        penalty=10.0,
        learning_rate=2e-4,
        batch_size=64,
        max_iter=1500,
        prior=1.0,
        n_restarts=3,
        n_steps=150,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.n_latent, self.hidden, self.n_critic = n_latent, hidden, n_critic
        self.penalty, self.learning_rate = penalty, learning_rate
        self.batch_size, self.max_iter, self.prior = batch_size, max_iter, prior
        self.n_restarts, self.n_steps = n_restarts, n_steps
        self.random_state, self.device, self.dtype = random_state, device, dtype

    def fit(self, X, y=None, *, progress=None):
        """Learn from profiles, (n_samples, n_features).

        `progress` is a callable like ``tqdm.auto.tqdm``, called with an iterable and
        `total`.
        """
        self._check_search()
        check_whole(n_critic=self.n_critic, max_iter=self.max_iter)
        check_not_negative(penalty=self.penalty)
        X = self._profiles(X, ensure_min_samples=2)
        X = as_tensor(X, device=self.device)
        units = X.mean(0), spread(X)
        X = ((X - units[0]) / units[1]).to(getattr(torch, self.dtype))
        layers = [M.detach() for M in self._play(X, progress)]
        self.variances_ = self._errors(layers, X, units[1])
        self.generator_ = stored(fold_leave([M.double() for M in layers], *units))
        return self

    def _play(self, X, progress):
        """Return the weights of the generator after adversarial training."""
        draw = generator(self.random_state)
        sizes = [self.n_latent, *self.hidden, X.shape[1]]
        layers = learnable(start_layers(sizes, draw, last=1.0), X)
        sizes = [X.shape[1], *self.hidden[::-1], 1]
        critic = learnable(start_layers(sizes, draw, last=1.0), X)
        movers = [self._adam(weights) for weights in (layers, critic)]
        history = []
        for step in watched(self.max_iter, progress):
            for _ in range(self.n_critic):
                seen = self._teach(critic, layers, movers[1], X, draw)
            value = respond(critic, self._fake(layers, X, draw), SLOPE).mean()
            _move(movers[0], layers, -value)
            if step % LOOK_EVERY == 0 or step == self.max_iter:
                loss, distance, norm = (float(part.detach()) for part in seen)
                check_loss(loss, step)
                row = {"iteration": step, "wasserstein": distance}
                history.append({**row, "gradient_norm": norm})
        self.history_ = pd.DataFrame(history)
        return layers

    def _adam(self, weights):
        return torch.optim.Adam(weights, self.learning_rate, BETAS, fused=True)

    def _fake(self, layers, X, draw):
        Z = randn(self.batch_size, self.n_latent, generator=draw, like=X)
        return respond(layers, Z, SLOPE)

    def _teach(self, critic, layers, mover, X, draw):
        """Take a step of the critic; return its loss, distance and gradient."""
        rows = torch.randint(len(X), (self.batch_size,), generator=draw)
        fake = self._fake(layers, X, draw).detach()
        share = rand(self.batch_size, 1, generator=draw, like=X)
        seen = critic_loss(
            lambda X: respond(critic, X, SLOPE), X[rows], fake, share, self.penalty
        )
        _move(mover, critic, seen[0])
        return seen

    def _errors(self, layers, X, unit):
        """Return each gene's mean squared error on some profiles, in original units."""
        some = torch.randperm(len(X), generator=generator(self.random_state))[:MOST]
        X = X[some]
        starts = self._drawn_starts(X)
        Z = self._found(
            lambda Z: respond(layers, Z, SLOPE) / START_SD, None, X / START_SD, starts
        )
        left = (X - respond(layers, Z, SLOPE)).double().square().mean(0)
        return as_numpy(unit**2 * left)


def _move(mover, weights, loss):
    for M, G in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        M.grad = G.contiguous()  # the fused step reads memory in order
    mover.step()
