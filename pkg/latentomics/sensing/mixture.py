"""Profiles as a mixture of Gaussians, and the exact posterior mean."""

from dataclasses import KW_ONLY

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from latentomics.arrays import as_numpy, binary_unit
from latentomics.metrics import first_near_best
from latentomics.params import OnDevice, Seeded, not_negative, whole
from latentomics.sensing.base import check_at_most
from latentomics.sensing.linear import GaussianDecoder, safe_cholesky

SOFT = 1e-3  # added to each latent variance, relative to their mean


class MixtureMMSE(GaussianDecoder, Seeded, OnDevice):
    r"""Decode with a mixture of Gaussians, one mean and covariance per kind of sample.

    .. math::
        p(x) = \sum_k \pi_k N(\mu + V m_k,\; V C_k V^\top + D), \qquad
        \hat x = \sum_k p(k \mid y)\, E[x \mid y, k]

    (book: ``eq-mixture``). V holds the first principal directions of the training
    profiles, in which scikit-learn fits the mixture, starting from clusters with
    randomly drawn centres; the diagonal matrix D holds the residual variances of the
    genes. Each kind decodes like :class:`LinearMMSE` and is weighted by its posterior
    probability given the measurements [1]. The result is the exact posterior mean.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
    directions_ : ndarray of shape (n_directions, n_features)
        V', orthonormal rows.
    weights_ : ndarray of shape (n_components,)
        Mixing proportions.
    means_ : ndarray of shape (n_components, n_directions)
    covariances_ : ndarray of shape (n_components, n_directions, n_directions)
    left_ : ndarray of shape (n_features,)
        The diagonal of D, in squared units of the profiles.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a finite matrix, or there are more kinds than profiles.

    References
    ----------
    [1] Yu, Sapiro & Mallat (2012). IEEE Transactions on Image Processing 21:2481-2499.
    """

    n_components: int = whole(15)
    """Number of kinds, at most the number of training profiles; fewer are found if
    profiles repeat."""
    _: KW_ONLY
    n_latent: int = whole(40)
    """Number of principal directions, capped at the rank of the centred profiles."""
    pooling: float = not_negative(0.0)
    r""":math:`\nu`: weight, in profiles, of the common covariance in that of each
    kind; it helps kinds with few profiles."""

    def fit(self, X, y=None):
        """Learn from profiles, (n_samples, n_features)."""
        X = self._profiles(X, min_samples=2)
        what = f"the {len(X)} sample(s) of X"
        check_at_most(len(X), what, n_components=self.n_components)
        self.mean_ = X.mean(axis=0)
        T = X - self.mean_
        unit = binary_unit(T)  # a power of 2: its mixture is that of X to the last bit
        T = self._tensor(T / unit)
        _, s, Vh = torch.linalg.svd(T, full_matrices=False)
        V = Vh[: self.n_latent][s[: self.n_latent] > s[0] * 1e-12]
        Z = T @ V.T
        self.directions_ = as_numpy(V)
        self.left_ = as_numpy((T - Z @ V).var(dim=0)) * unit**2
        self.weights_, means, covariances = self._mix(as_numpy(Z))
        self.means_, self.covariances_ = means * unit, covariances * unit**2
        return self

    def _mix(self, Z):
        r"""Fit the mixture in the principal directions, then pool its covariances.

        .. math:: C_k \leftarrow \frac{n_k C_k + \nu \bar C}{n_k + \nu}, \qquad
            \bar C = \sum_k \pi_k C_k
        """
        kinds = KMeans(
            self.n_components, init=far_rows, n_init=1, random_state=self.random_state
        )
        labels = kinds.fit_predict(Z)
        parts = [Z[labels == k] for k in np.unique(labels)]  # fewer if profiles repeat
        soft = SOFT * Z.var(axis=0).mean()
        start = [np.cov(Z.T, bias=True) + soft * np.eye(Z.shape[1]) for Z in parts]
        mixture = GaussianMixture(
            len(parts),
            reg_covar=soft,
            max_iter=100,
            tol=1e-3,
            weights_init=np.array([len(part) for part in parts]) / len(Z),
            means_init=np.array([part.mean(axis=0) for part in parts]),
            precisions_init=np.linalg.inv(start),
        ).fit(Z)
        weights, C = mixture.weights_, mixture.covariances_
        n, common = weights[:, None, None] * len(Z), np.tensordot(weights, C, axes=1)
        C = (n * C + self.pooling * common) / (n + self.pooling)
        return weights, mixture.means_, C

    def _posterior(self, Y, A, noise):
        Y, A, mu = map(self._tensor, (Y, A, self.mean_))
        V, left = map(self._tensor, (self.directions_, self.left_))
        means, C = map(self._tensor, (self.means_, self.covariances_))
        weights = self._tensor(self.weights_)
        AV = A @ V.T  # (m, q)
        Q = AV @ C @ AV.T + (A * (left + noise)) @ A.T  # (K, m, m)
        L = safe_cholesky(Q)
        centres = mu + means @ V  # (K, g)
        far = torch.linalg.solve_triangular(
            L, (Y[None] - (centres @ A.T)[:, None]).mT, upper=False
        )  # (K, m, n)
        logs = L.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        p = weights.log()[:, None] - far.square().sum(dim=1) / 2 - logs[:, None]
        p = p.softmax(dim=0)  # (K, n): which kind, given the measurements
        mean, second = torch.zeros_like(Y @ A), torch.zeros_like(Y @ A)
        for k in range(len(weights)):
            SAt = V.T @ (C[k] @ AV.T) + left[:, None] * A.T
            white = torch.linalg.solve_triangular(L[k], SAt.T, upper=False)  # (m, g)
            own = centres[k] + far[k].T @ white
            spread = ((C[k] @ V) * V).sum(dim=0) + left - white.square().sum(dim=0)
            mean += p[k][:, None] * own
            second += p[k][:, None] * (own.square() + spread)
        return as_numpy(mean), as_numpy(second - mean.square())


def far_rows(Z, n, random_state):
    """Return `n` distant rows as initial centres for k-means (k-means++ [1]).

    Several candidates are drawn for each centre, and the one with the smallest sum of
    squared distances to the nearest centre is kept, as in scikit-learn, except that
    ties go to the first drawn. Two rows nearest to each other tie, and rounding would
    decide.

    References
    ----------
    [1] Arthur & Vassilvitskii (2007). Proc ACM-SIAM SODA 18:1027-1035.
    """
    chosen = [random_state.choice(len(Z), p=np.full(len(Z), 1 / len(Z)))]
    left = cdist(Z, Z[chosen], "sqeuclidean")[:, 0]
    for _ in range(n - 1):
        places = random_state.uniform(size=2 + int(np.log(n))) * left.sum()
        tried = np.searchsorted(np.cumsum(left), places).clip(max=len(Z) - 1)
        after = np.minimum(left[:, None], cdist(Z, Z[tried], "sqeuclidean"))
        best = first_near_best(after.sum(axis=0))
        chosen.append(tried[best])
        left = after[:, best]
    return Z[chosen]
