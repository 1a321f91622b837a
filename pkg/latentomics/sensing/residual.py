"""Linear correction of another decoder's residuals."""

import numpy as np

from latentomics.arrays import as_numpy, as_tensor, resolve_device
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.base import Decoder
from latentomics.sensing.linear import linear_gain
from latentomics.sensing.stacked import own_decoder
from latentomics.sensing.vae import VAEDecoder


class ResidualDecoder(Decoder):
    r"""Add the best linear estimate of a decoder's residual to its output.

    .. math:: \hat x = \tilde x + \bar r + \Gamma A^\top
        \big( A (\Gamma + \sigma^2 I) A^\top \big)^{-1}
        \big( y - A (\tilde x + \bar r) \big)

    (book: ``eq-residual-lmmse``), with :math:`\tilde x` the decoder's output, and
    :math:`\bar r` and :math:`\Gamma` the mean and covariance of :math:`x - \tilde x`
    in training samples measured, with noise, and decoded in the same way. A generative
    model captures a few directions well; a linear rule can recover some of the others.

    The residual is assumed independent of the noise, although :math:`\tilde x` follows
    the noise a little. Their covariance, estimated from as many samples as genes, does
    more harm than good. A decoder that is already the best linear one gains nothing.

    Parameters
    ----------
    decoder : Decoder, optional
        Anything with ``fit(X)`` and ``decode(Y, A, noise)``; by default
        :class:`VAEDecoder`.
    shrinkage : float, default=0.1
        In [0, 1]: shrinkage of :math:`\Gamma` towards its diagonal.
    max_samples : int, default=1000
        Number of training samples kept; every `decode` decodes them again.
    random_state : int, default=0
        Seed of the choice of samples and of their noise.
    device : {"auto", "cpu", "cuda"}, default="auto"

    Attributes
    ----------
    decoder_ : Decoder
        Fitted to all samples.
    profiles_ : ndarray of shape (n_samples, n_features)
        The samples kept.

    Raises
    ------
    ValueError
        In `fit`: if a parameter is out of range.
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
        r"""Return the mean and covariance of the decoder's residuals under `A`.

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
