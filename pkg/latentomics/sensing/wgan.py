"""A Wasserstein GAN of profiles, and decoding by a search of its codes."""

from dataclasses import KW_ONLY

import pandas as pd
import torch

from latentomics.arrays import as_numpy, generator, rand, randn
from latentomics.params import not_negative, whole
from latentomics.sensing.latent_search import SLOPE, GenerativeDecoder
from latentomics.sensing.trained_network import spread
from latentomics.solvers.networks import Network, check_loss, descend, watched

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


class WGANDecoder(GenerativeDecoder, learning_rate=2e-4, batch_size=64):
    r"""Learn a generator against a critic; decode by a search of its latent codes.

    .. math:: \min_G \max_{D} \; \mathbb{E}\, D(x) - \mathbb{E}\, D(G(z))
        - \lambda\, \mathbb{E} \big( \|\nabla D(\hat x)\| - 1 \big)^2

    [1] (book: ``eq-wgan-gp``), with :math:`z` from N(0, I) and :math:`\hat x` a random
    point between a profile and a generated one. The critic takes `n_critic` steps per
    generator step. Measurements are decoded by ``eq-csgm``. A GAN has no error model of
    its own, so errors are estimated on the training profiles (at most 256), each
    searched for as if all of its genes had been measured.

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

    _: KW_ONLY
    n_critic: int = whole(5)
    """Steps of the critic per step of the generator."""
    penalty: float = not_negative(10.0)
    r""":math:`\lambda`, for profiles divided by the root of their mean variance."""
    max_iter: int = whole(1500)
    """Generator steps."""

    def fit(self, X, y=None, *, progress=None):
        """Learn from profiles, (n_samples, n_features).

        `progress` is a callable like ``tqdm.auto.tqdm``, called with an iterable and
        `total`.
        """
        X = self._tensor(self._profiles(X, min_samples=2))
        units = X.mean(0), spread(X)
        X = ((X - units[0]) / units[1]).to(getattr(torch, self.dtype))
        network = self._play(X, progress).mapped(torch.Tensor.detach)
        self.variances_ = as_numpy(units[1] ** 2 * self._errors(network, X))
        network = network.mapped(torch.Tensor.double)
        self.generator_ = network.fold_leave(*units).arrays
        return self

    def _play(self, X, progress):
        """Return the generator after adversarial training."""
        draw, g = generator(self.random_state), X.shape[1]
        network, critic = (
            Network.start(sizes, draw, slope=SLOPE, last=1.0).learnable(X)
            for sizes in ([self.n_latent, *self.hidden, g], [g, *self.hidden[::-1], 1])
        )
        move, teach = (
            torch.optim.Adam(each.weights, self.learning_rate, BETAS, fused=True)
            for each in (network, critic)
        )
        n, history = self.batch_size, []

        def fake():
            return network(randn(n, self.n_latent, generator=draw, like=X))

        # not `iterate`: neither loss says when to stop
        for step in watched(self.max_iter, progress):
            for _ in range(self.n_critic):
                real = X[torch.randint(len(X), (n,), generator=draw)]
                made = fake().detach()
                share = rand(n, 1, generator=draw, like=X)
                seen = critic_loss(critic, real, made, share, self.penalty)
                descend(teach, seen[0])
            descend(move, -critic(fake()).mean())
            if step % LOOK_EVERY == 0 or step == self.max_iter:
                loss, distance, norm = (float(part.detach()) for part in seen)
                check_loss(loss, step)
                history.append((step, distance, norm))
        names = ["iteration", "wasserstein", "gradient_norm"]
        self.history_ = pd.DataFrame(history, columns=names)
        return network

    def _errors(self, network, X):
        """Return each gene's mean squared error on some profiles."""
        X = X[torch.randperm(len(X), generator=generator(self.random_state))[:MOST]]
        starts = self._starts(X)
        Z = self._found(lambda Z: network(Z) / START_SD, None, X / START_SD, starts)
        return (X - network(Z)).double().square().mean(0)
