"""The best linear estimate, from the mean and covariance of profiles."""

import numpy as np
import torch

from latentomics.arrays import as_numpy, as_tensor, resolve_device
from latentomics.base import check_not_negative
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


class LinearMMSE(GaussianDecoder):
    r"""Decode by the best linear rule, from the mean and covariance of profiles.

    .. math:: \hat x = \mu + \Sigma A^\top \big( A (\Sigma + \sigma^2 I) A^\top
        \big)^{-1} (y - A \mu)

    (book: ``eq-lmmse``): the posterior mean if profiles are Gaussian, and the linear
    rule of least mean squared error if they are not. The covariance is that of the
    training profiles, shrunk towards its diagonal by `shrinkage`.

    Parameters
    ----------
    shrinkage : float, default=0.0
        s in [0, 1]: :math:`\Sigma = (1 - s) C + s\, \mathrm{diag}(C)`.
    device : {"auto", "cpu", "cuda"}, default="auto"

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

    def __init__(self, shrinkage=0.0, *, device="auto"):
        self.shrinkage, self.device = shrinkage, device

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        self._check_parameters()
        X = self._profiles(X, ensure_min_samples=2)
        self.n_samples_seen_ = 0
        return self._add(X)

    def partial_fit(self, X, y=None):
        """Learn from a further batch; equivalent to one fit to all batches."""
        self._check_parameters()
        more = hasattr(self, "covariance_")
        X = self._profiles(X, reset=not more, ensure_min_samples=1 if more else 2)
        if not more:
            self.n_samples_seen_ = 0
        return self._add(X)

    def _check_parameters(self):
        check_not_negative(shrinkage=self.shrinkage)
        if self.shrinkage > 1:
            raise ValueError(
                f"shrinkage must be a number from 0 to 1; got {self.shrinkage!r}"
            )
        resolve_device(self.device)

    def _add(self, X):
        """Merge a batch into the running moments (Chan, Golub & LeVeque 1983)."""
        n, before = len(X), self.n_samples_seen_
        mean = X.mean(axis=0)
        T = as_tensor(X - mean, device=self.device)
        scatter = as_numpy(T.T @ T)
        if before:
            step = mean - self.mean_
            scatter += self._scatter
            scatter += before * n / (before + n) * np.outer(step, step)
            mean = self.mean_ + n / (before + n) * step
        self._scatter, self.mean_ = scatter, mean
        self.n_samples_seen_ = before + n
        C = scatter / max(self.n_samples_seen_ - 1, 1)
        spread = np.diag(C).copy()
        self.covariance_ = (1 - self.shrinkage) * C
        self.covariance_[np.diag_indices_from(C)] = spread
        return self

    def _posterior(self, Y, A, noise):
        S, A, Y, mu = (
            as_tensor(M, device=self.device)
            for M in (self.covariance_, A, Y, self.mean_)
        )
        gain, SAt = linear_gain(S, A, noise)
        mean = mu + (Y - A @ mu) @ gain.T
        variance = S.diagonal() - (gain * SAt).sum(dim=1)
        return as_numpy(mean), as_numpy(variance)


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
