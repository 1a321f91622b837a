"""Profiles as sums of dictionary atoms, with weights fitted to the measurements."""

from dataclasses import KW_ONLY

import numpy as np
import torch
from sklearn.base import clone

from latentomics.arrays import as_numpy
from latentomics.metrics import first_near_best
from latentomics.params import OnDevice, one_of, optional, parameter, whole
from latentomics.sensing.base import Decoder, check_at_most
from latentomics.sensing.linear import safe_cholesky
from latentomics.sensing.measurement import with_variance
from latentomics.solvers.pursuit import pursuit_path

HOW = ("pursuit", "legacy", "ridge", "pinv", "gaussian")
RIDGE = 1e-4  # as in the published code, in squared units of a measured atom
N_VALIDATION = 200  # training profiles to choose k with: enough to tell depths apart
DEEPEST = 50  # the largest k tried


def _learner(name, value):
    if isinstance(value, type) or not hasattr(value, "fit"):
        raise ValueError(f"{name} must be an estimator with fit; got {value!r}")


class DictionaryDecoder(Decoder, OnDevice):
    r"""Decode profiles as sums of a dictionary's atoms.

    .. math:: \hat x = w U, \qquad y \approx w\, U A^\top

    U holds the atoms, one per row; :math:`U A^\top` are the measured atoms. `how`
    chooses the codes w:

    "pursuit": at most k atoms, by ORMP (book: ``eq-ormp``), see
    :func:`~latentomics.sensing.pursuit`.

    "legacy": the same, but ignoring the lengths of the measured atoms, as in the
    published tables [1]; the decoded profiles are too small.

    "ridge": the atoms of "pursuit", refitted with an intercept b,

    .. math:: \min_{w, b} \|y - w\, U A^\top - b\|^2 + 10^{-4} \|w\|^2

    and then :math:`\hat x = w U + b`, with b added to every gene, as in [1].

    "pinv": the minimum-norm least-squares codes, :math:`w = y (U A^\top)^+`, as
    equation 3 of [2] is printed.

    "gaussian": the posterior mean, if codes are Gaussian with mean :math:`\mu` and
    covariance C, and the residuals of profiles are Gaussian with mean :math:`\rho` and
    diagonal covariance D, all estimated on the training profiles (book:
    ``eq-codes-prior``):

    .. math:: \hat w = \mu + (y - \mu\, U A^\top - \rho A^\top)\, Q^{-1} A U^\top C,
        \qquad Q = A \big( U^\top C U + D + \sigma^2 I \big) A^\top

    and then :math:`\hat x = \hat w U + \rho`.

    Attributes
    ----------
    dictionary_ : estimator
    profiles_ : ndarray of shape (n_profiles, n_features)
        If `n_nonzero` is None: at most 200 training profiles used to choose k.
    codes_mean_ : ndarray of shape (n_components,)
        With "gaussian": :math:`\mu`.
    codes_covariance_ : ndarray of shape (n_components, n_components)
        With "gaussian": C.
    left_mean_ : ndarray of shape (n_features,)
        With "gaussian": :math:`\rho`, in the units of the profiles.
    left_variance_ : ndarray of shape (n_features,)
        With "gaussian": D.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a finite matrix of at least two samples, or a parameter
        is out of range. In `decode`: also if `n_nonzero` exceeds the number of
        measurements.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    [2] Obbad, Fehmiu & Hankamer (2019). Generating Whole Transcriptomic Profiles Using
        Compressed Sensing and Machine Learning.
    """

    dictionary: object = parameter(kind="estimator", check=_learner)
    """With `fit(X)`, `components_` of shape (n_components, n_features) and, for
    "gaussian", `transform(X)`, which returns codes. A clone is fitted."""
    _: KW_ONLY
    how: str = one_of(HOW, "pursuit")
    """The decoding rule, see above."""
    n_nonzero: int | None = optional(whole(15))
    """k, for the first three; at most the number of measurements. None: chosen for
    each `A` and `noise`, see :meth:`choose_n_nonzero`."""

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        X = self._profiles(X, min_samples=2)
        self.dictionary_ = clone(self.dictionary).fit(X, None)
        if self.n_nonzero is None:
            few = np.linspace(0, len(X) - 1, min(len(X), N_VALIDATION))
            self.profiles_ = X[np.round(few).astype(int)]
        if self.how == "gaussian":
            W = np.asarray(self.dictionary_.transform(X), dtype="float64")
            left = X - W @ self.dictionary_.components_
            self.codes_mean_ = W.mean(axis=0)
            self.codes_covariance_ = np.cov(W, rowvar=False).reshape(2 * W.shape[1:])
            self.left_mean_ = left.mean(axis=0)
            self.left_variance_ = left.var(axis=0, ddof=1)
        return self

    def choose_n_nonzero(self, A, noise=0.0):
        r"""Return the number of atoms that decodes training profiles best from `A`.

        .. math:: \hat k = \arg\min_k \sum_i \| x_i - \hat x_i^{(k)} \|^2, \qquad
            k \le \min(m, 50)

        :math:`\hat x_i^{(k)}` is training profile i, measured with fresh noise and
        decoded with k atoms. More measurements can tell more atoms apart.

        Parameters
        ----------
        A, noise
            As in :meth:`decode`.

        Raises
        ------
        ValueError
            As in :meth:`decode`, or if `n_nonzero` is not None.
        """
        if self.n_nonzero is not None:
            raise ValueError(f"n_nonzero must be None here; got {self.n_nonzero!r}")
        return self._choose(*self._design(A, noise))

    def _choose(self, A, noise):
        rng, X = np.random.default_rng(0), self.profiles_
        Y = with_variance(X, noise, rng) @ A.T
        deepest = min(len(A), len(self.dictionary_.components_), DEEPEST)
        path = self._path(Y, A, deepest)
        guesses = (self._summed(path, Y, A, k) for k in range(1, deepest + 1))
        return 1 + int(first_near_best([((X - x) ** 2).sum() for x in guesses]))

    def _decode(self, Y, A, noise):
        if self.how == "gaussian":
            return self._expected(Y, A, noise)
        if self.how == "pinv":
            U, UAt = self._atoms(A)
            return as_numpy(self._tensor(Y) @ torch.linalg.pinv(UAt) @ U)
        k = self.n_nonzero or self._choose(A, noise)
        check_at_most(len(A), f"the {len(A)} measurements", n_nonzero=k)
        return self._summed(self._path(Y, A, k), Y, A, k)

    def _atoms(self, A):
        """Return the atoms and the measured atoms, as tensors."""
        U = self._tensor(self.dictionary_.components_)
        return U, U @ self._tensor(A).T

    def _path(self, Y, A, k):
        method = "legacy" if self.how == "legacy" else "ormp"
        UAt = as_numpy(self._atoms(A)[1])
        return pursuit_path(UAt, Y, k, method=method, device=self.device)

    def _summed(self, path, Y, A, k):
        """Return the profiles decoded with the first k atoms of each sample."""
        U, UAt = self._atoms(A)
        W = self._tensor(path.codes(k))
        if self.how != "ridge":
            return as_numpy(W @ U)
        W, b = refit(W, UAt, self._tensor(Y), k)
        return as_numpy(W @ U + b[:, None])

    def _expected(self, Y, A, noise):
        U, UAt = self._atoms(A)
        Y, A = self._tensor(Y), self._tensor(A)
        mu, C = self._tensor(self.codes_mean_), self._tensor(self.codes_covariance_)
        rho, left = self._tensor(self.left_mean_), self._tensor(self.left_variance_)
        Q = UAt.T @ C @ UAt + (A * (left + noise)) @ A.T
        news = Y - mu @ UAt - A @ rho
        W = mu + torch.cholesky_solve(news.T, safe_cholesky(Q)).T @ UAt.T @ C
        return as_numpy(W @ U + rho)


def refit(W, D, Y, n_nonzero):
    """Refit the non-zero codes with a small ridge penalty and an intercept.

    Parameters
    ----------
    W : tensor of shape (n_samples, n_atoms)
        At most `n_nonzero` non-zero entries per row.
    D : tensor of shape (n_atoms, n_measurements)
    Y : tensor of shape (n_samples, n_measurements)
    n_nonzero : int

    Returns
    -------
    W : tensor of shape (n_samples, n_atoms)
    b : tensor of shape (n_samples,)
    """
    middle, level = D.mean(dim=1), Y.mean(dim=1)
    D, Y = D - middle[:, None], Y - level[:, None]
    size, chosen = W.abs().topk(min(n_nonzero, W.shape[1]), dim=1)
    used = (size > 0).to(W)
    target = (Y @ D.T).gather(1, chosen) * used
    gram = (D @ D.T)[chosen[:, :, None], chosen[:, None, :]]  # (n, k, k)
    gram = gram * used[:, :, None] * used[:, None, :]
    gram.diagonal(dim1=1, dim2=2).add_(RIDGE)
    W = torch.zeros_like(W).scatter_(1, chosen, torch.linalg.solve(gram, target))
    return W, level - W @ middle
