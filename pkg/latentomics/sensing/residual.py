"""What a decoder has missed, guessed by a linear rule."""

import numpy as np

from latentomics.arrays import as_numpy, as_tensor, resolve_device
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.base import Decoder
from latentomics.sensing.linear import linear_gain
from latentomics.sensing.stacked import own_decoder
from latentomics.sensing.vae import VAEDecoder


class ResidualDecoder(Decoder):
    r"""Add to what a decoder returns the best linear guess of what it missed.

    .. math:: \hat x = \tilde x + \bar r + \Gamma A^\top
        \big( A (\Gamma + \sigma^2 I) A^\top \big)^{-1}
        \big( y - A (\tilde x + \bar r) \big)

    (book: ``eq-residual-lmmse``), with :math:`\tilde x` of the decoder, and mean
    :math:`\bar r` and covariance :math:`\Gamma` of :math:`x - \tilde x` in training
    samples that were measured, with noise, and decoded in the same way. A generative
    model follows few directions well and leaves the rest, which a linear rule can see.

    This takes what was missed as independent of the noise, which :math:`\tilde x` has
    followed a little. The covariance of the two, found from as many samples as there
    are genes, does more harm than good; and a decoder that already is the best linear
    one gains nothing here.

    Parameters
    ----------
    decoder : Decoder, optional
        Anything with ``fit(X)`` and ``decode(Y, A, noise)``; by default
        :class:`VAEDecoder`.
    shrinkage : float, default=0.1
        From 0 to 1: how far :math:`\Gamma` is drawn towards its diagonal.
    max_samples : int, default=1000
        Training samples kept, to be decoded at each `decode`.
    random_state : int, default=0
        Of the samples kept and of their noise.
    device : {"auto", "cpu", "cuda"}, default="auto"

    Attributes
    ----------
    decoder_ : Decoder
        Fitted to all samples.
    profiles_ : ndarray of shape (n_samples, n_features)
        Those kept.

    Raises
    ------
    ValueError
        In `fit`: a parameter outside what is allowed.
    """

    def __init__(
        self,
        decoder=None,
        *,
        shrinkage=0.1,
        max_samples=1000,
        random_state=0,
        device="auto",
    ):
        self.decoder, self.shrinkage, self.max_samples = decoder, shrinkage, max_samples
        self.random_state, self.device = random_state, device

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        check_not_negative(shrinkage=self.shrinkage)
        if self.shrinkage > 1:
            raise ValueError(
                f"shrinkage must be a number from 0 to 1; got {self.shrinkage!r}"
            )
        check_whole(at_least=2, max_samples=self.max_samples)
        check_whole(at_least=0, random_state=self.random_state)
        resolve_device(self.device)
        X = self._profiles(X, ensure_min_samples=2)
        self.decoder_ = own_decoder(self.decoder, VAEDecoder(device=self.device)).fit(X)
        order = np.random.default_rng(self.random_state).permutation(len(X))
        self.profiles_ = X[order[: self.max_samples]]
        return self

    def missed(self, A, noise=0.0):
        r"""Return mean and covariance of what the decoder misses, measured by `A`.

        Returns
        -------
        mean : ndarray of shape (n_features,)
        covariance : ndarray of shape (n_features, n_features)
            :math:`\Gamma`, shrunk.
        """
        X, rng = self.profiles_, np.random.default_rng(self.random_state)
        noisy = X + rng.standard_normal(X.shape) * noise**0.5
        R = X - self.decoder_.decode(noisy @ A.T, A, noise)
        C = np.cov(R.T).reshape(2 * X.shape[1:])
        variances = np.diag(C).copy()
        C = (1 - self.shrinkage) * C
        C[np.diag_indices_from(C)] = variances
        return R.mean(axis=0), C

    def _decode(self, Y, A, noise):
        mean, C = self.missed(A, noise)
        where = {"device": self.device}
        gain, _ = linear_gain(as_tensor(C, **where), as_tensor(A, **where), noise)
        start = self.decoder_.decode(Y, A, noise) + mean
        return start + (Y - start @ A.T) @ as_numpy(gain).T
