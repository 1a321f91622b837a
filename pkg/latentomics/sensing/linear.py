"""The best linear estimate, from the mean and covariance of profiles."""

import numpy as np
import torch

from latentomics.arrays import as_numpy
from latentomics.params import OnDevice, share
from latentomics.sensing.base import Decoder

JITTER = 1e-10  # relative to the mean variance of a measurement, for singular matrices


class GaussianDecoder(Decoder):
    """Base class of decoders that also return standard deviations.

    A subclass defines `_posterior(Y, A, noise)`, which maps arrays to means and
    variances.
    """

    def decode(self, Y, A, noise=0.0, *, return_std=False):
        """Return the profiles behind measurements, (n_samples, n_features).

        Parameters
        ----------
        Y, A, noise
            See :meth:`latentomics.sensing.base.Decoder.decode`.
        return_std : bool, default=False
            Also return the standard deviation of each gene in each sample, given the
            measurements, in the units of the profiles.

        Returns
        -------
        X_hat : ndarray of shape (n_samples, n_features)
        std : ndarray of shape (n_samples, n_features)
            Only if `return_std`.
        """
        Y, A, noise = self._checked(Y, A, noise)
        mean, variance = self._posterior(Y, A, noise)
        if not return_std:
            return mean
        return mean, np.sqrt(np.broadcast_to(variance, mean.shape).clip(min=0))


class LinearMMSE(GaussianDecoder, OnDevice):
    r"""Decode by the best linear rule, from the mean and covariance of profiles.

    .. math:: \hat x = \mu + \Sigma A^\top \big( A (\Sigma + \sigma^2 I) A^\top
        \big)^{-1} (y - A \mu)

    (book: ``eq-lmmse``): the posterior mean if profiles are Gaussian, and the linear
    rule of least mean squared error if they are not. The covariance is that of the
    training profiles, shrunk towards its diagonal by `shrinkage`.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
    covariance_ : ndarray of shape (n_features, n_features)
        :math:`\Sigma`, in squared units of the profiles.
    n_samples_seen_ : int

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a finite matrix of at least two samples, or `shrinkage`
        is not in [0, 1].

    References
    ----------
    Kay (1993). Fundamentals of Statistical Signal Processing I, chapter 12.
    """

    shrinkage: float = share(0.0)
    r"""s in :math:`\Sigma = (1 - s) C + s\, \mathrm{diag}(C)`."""

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        X = self._profiles(X, min_samples=2)
        self.n_samples_seen_ = 0
        return self._add(X)

    def partial_fit(self, X, y=None):
        """Learn from a further batch; equivalent to one fit to all batches."""
        self._check_parameters()
        if not hasattr(self, "covariance_"):
            return self.fit(X)
        return self._add(self._profiles(X, reset=False))

    def _add(self, X):
        """Merge a batch into the running moments (Chan, Golub & LeVeque 1983)."""
        n, before = len(X), self.n_samples_seen_
        mean = X.mean(axis=0)
        T = self._tensor(X - mean)
        scatter = as_numpy(T.T @ T)
        if before:
            step = mean - self.mean_
            scatter += self._scatter
            scatter += before * n / (before + n) * np.outer(step, step)
            mean = self.mean_ + n / (before + n) * step
        self._scatter, self.mean_ = scatter, mean
        self.n_samples_seen_ = before + n
        C = scatter / max(self.n_samples_seen_ - 1, 1)
        self.covariance_ = shrunk(C, self.shrinkage)
        return self

    def _posterior(self, Y, A, noise):
        parts = self.mean_, self.covariance_, Y, A
        return gaussian_posterior(*map(self._tensor, parts), noise)


def shrunk(C, share):
    """Return a covariance with the entries off its diagonal shrunk by a share."""
    shrunken = (1 - share) * C
    np.fill_diagonal(shrunken, np.diag(C))
    return shrunken


def gaussian_posterior(mu, S, Y, A, noise):
    """Return the mean and variances of Gaussian profiles given tensors, as arrays."""
    gain, SAt = linear_gain(S, A, noise)
    variance = S.diagonal() - (gain * SAt).sum(dim=1)
    return as_numpy(mu + (Y - A @ mu) @ gain.T), as_numpy(variance)


def linear_gain(S, A, noise):
    r"""Return :math:`K = \Sigma A^\top Q^{-1}` and :math:`\Sigma A^\top`, tensors.

    :math:`Q = A (\Sigma + \sigma^2 I) A^\top`, the covariance of the measurements.
    """
    SAt = S @ A.T
    Q = A @ SAt + noise * (A @ A.T)
    return torch.cholesky_solve(SAt.T, safe_cholesky(Q)).T, SAt


def safe_cholesky(Q):
    """Return the lower Cholesky factor of a covariance that may be singular."""
    Q = (Q + Q.mT) / 2
    size = Q.diagonal(dim1=-2, dim2=-1).mean(dim=-1)
    floor = JITTER * torch.where(size > 0, size, 1)
    eye = torch.eye(Q.shape[-1], dtype=Q.dtype, device=Q.device)
    return torch.linalg.cholesky(Q + floor[..., None, None] * eye)
