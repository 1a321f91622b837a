"""Linear correction of another decoder's residuals."""

from dataclasses import KW_ONLY

import numpy as np
from sklearn.base import clone

from latentomics.arrays import as_numpy
from latentomics.params import OnDevice, Seeded, parameter, share, whole
from latentomics.sensing.base import Decoder, check_decoder
from latentomics.sensing.linear import linear_gain, shrunk
from latentomics.sensing.measurement import with_variance
from latentomics.sensing.vae import VAEDecoder


class ResidualDecoder(Decoder, Seeded, OnDevice):
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

    decoder: object = parameter(None, kind="Decoder, optional", check=check_decoder)
    """Anything with ``fit(X)`` and ``decode(Y, A, noise)``; by default
    :class:`VAEDecoder`."""
    _: KW_ONLY
    shrinkage: float = share(0.1)
    r"""Shrinkage of :math:`\Gamma` towards its diagonal."""
    max_samples: int = whole(1000, at_least=2)
    """Number of training samples kept, randomly chosen; every `decode` measures them
    with drawn noise and decodes them again."""

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        X = self._profiles(X, min_samples=2)
        self.decoder_ = clone(self.decoder or VAEDecoder(device=self.device)).fit(X)
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
        A, noise = self._design(A, noise)
        X, rng = self.profiles_, np.random.default_rng(self.random_state)
        Y = with_variance(X, noise, rng) @ A.T
        R = X - self.decoder_.decode(Y, A, noise)
        C = np.cov(R.T).reshape(2 * X.shape[1:])
        return R.mean(axis=0), shrunk(C, self.shrinkage)

    def _decode(self, Y, A, noise):
        mean, C = self.missed(A, noise)
        gain, _ = linear_gain(self._tensor(C), self._tensor(A), noise)
        start = self.decoder_.decode(Y, A, noise) + mean
        return start + (Y - start @ A.T) @ as_numpy(gain).T
