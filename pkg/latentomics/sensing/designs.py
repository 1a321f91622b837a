"""Pools optimised for the covariance of profiles, instead of random pools."""

import torch

from latentomics.arrays import as_numpy, as_tensor, generator, randn
from latentomics.base import check_not_negative, check_positive, check_whole
from latentomics.sensing.linear import safe_cholesky
from latentomics.sensing.measurement import Measurement
from latentomics.solvers import iterate


class OptimisedPools(Measurement):
    r"""Sums of genes with non-negative weights, optimised for linear decoding.

    .. math:: \min_{A \ge 0,\ \|a_i\| = 1} \operatorname{tr} \Sigma - \operatorname{tr}
        \Big[ A \Sigma^2 A^\top \big( A (\Sigma + \sigma^2 I) A^\top \big)^{-1} \Big]

    the expected squared error of :class:`LinearMMSE` (book: ``eq-optimised-pools``),
    with :math:`\Sigma` the covariance of the training profiles. Weights are squares of
    unconstrained parameters, optimised by Adam from a random start. Without the sign
    constraint, the principal directions would be optimal: their error is a lower bound.

    Parameters
    ----------
    n_measurements : int, default=20
        m, at most the number of genes.
    noise : float, default=0.0
        :math:`\sigma^2`, see :func:`noise_variance`.
    learning_rate : float, default=0.03
    tol : float, default=1e-5
        Stop once a step changes the error by less than this fraction of it.
    max_iter : int, default=500
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"

    Attributes
    ----------
    components_ : ndarray of shape (n_measurements, n_features)
        A; rows have length 1.
    trace_ : Trace
        The error at each look, as a fraction of the variance of the profiles.

    Raises
    ------
    ValueError
        In `fit`: if there are more measurements than genes, all profiles are equal, or
        a parameter is out of range.
    """

    min_samples = 2

    def __init__(
        self,
        n_measurements=20,
        *,
        noise=0.0,
        learning_rate=0.03,
        tol=1e-5,
        max_iter=500,
        random_state=0,
        device="auto",
    ):
        self.n_measurements, self.noise = n_measurements, noise
        self.learning_rate, self.tol, self.max_iter = learning_rate, tol, max_iter
        self.random_state, self.device = random_state, device

    def _draw(self, X):
        check_not_negative(noise=self.noise)
        check_positive(learning_rate=self.learning_rate)
        check_whole(at_least=0, random_state=self.random_state)
        if not X.std(axis=0).any():
            raise ValueError("X must vary; got the same profile in every row")
        X = as_tensor(X - X.mean(axis=0), device=self.device)
        S = X.T @ X / max(len(X) - 1, 1)
        shape = self.n_measurements, len(S)
        B = randn(*shape, generator=generator(self.random_state), like=S)
        B.requires_grad_(True)
        descent = torch.optim.Adam([B], lr=self.learning_rate)

        def step(_):
            descent.zero_grad()
            expected_error(_pools(B), S, self.noise).backward()
            descent.step()
            return B.detach().clone()

        def objective(B):
            return expected_error(_pools(B), S, self.noise)

        B, self.trace_ = iterate(
            step,
            B.detach().clone(),
            objective,
            tol=self.tol,
            max_iter=self.max_iter,
            gap=lambda new, old: (objective(new) / objective(old) - 1).abs(),
        )
        return as_numpy(_pools(B))

    @property
    def n_iter_(self):
        """Steps taken, for scikit-learn."""
        return self.trace_.n_iter


def _pools(B):
    """Return non-negative weights, rows of length 1."""
    A = B.square()
    return A / A.norm(dim=1, keepdim=True)


def expected_error(A, S, noise):
    """Return the fraction of variance a linear decoder leaves unexplained, a tensor."""
    AS = A @ S
    L = safe_cholesky(A @ AS.T + noise * (A @ A.T))
    explained = torch.linalg.solve_triangular(L, AS, upper=False).square().sum()
    return 1 - explained / S.trace()
