"""Pools optimised for the covariance of profiles, instead of random pools."""

from dataclasses import KW_ONLY

import torch

from latentomics.arrays import as_numpy, generator, randn
from latentomics.params import Iterative, OnDevice, Seeded, not_negative, positive
from latentomics.sensing.linear import safe_cholesky
from latentomics.sensing.measurement import Measurement
from latentomics.solvers import iterate
from latentomics.solvers.networks import descend


class OptimisedPools(
    Measurement, Iterative, Seeded, OnDevice, n_measurements=20, max_iter=500
):
    r"""Sums of genes with non-negative weights, optimised for linear decoding.

    .. math:: \min_{A \ge 0,\ \|a_i\| = 1} \operatorname{tr} \Sigma - \operatorname{tr}
        \Big[ A \Sigma^2 A^\top \big( A (\Sigma + \sigma^2 I) A^\top \big)^{-1} \Big]

    the expected squared error of :class:`LinearMMSE` (book: ``eq-optimised-pools``),
    with :math:`\Sigma` the covariance of the training profiles. Weights are squares of
    unconstrained parameters, optimised by Adam from a random start. Without the sign
    constraint, the principal directions would be optimal: their error is a lower bound.

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

    _: KW_ONLY
    noise: float = not_negative(0.0)
    r""":math:`\sigma^2`, see :func:`noise_variance`."""
    learning_rate: float = positive(0.03)
    """Learning rate of Adam."""
    tol: float = not_negative(1e-5)
    """Stop once a step changes the error by less than this fraction of it."""

    min_samples = 2

    def _draw(self, X):
        if not X.std(axis=0).any():
            raise ValueError("X must vary; got the same profile in every row")
        X = self._tensor(X - X.mean(axis=0))
        S = X.T @ X / max(len(X) - 1, 1)
        shape = self.n_measurements, len(S)
        B = randn(*shape, generator=generator(self.random_state), like=S)
        B.requires_grad_(True)
        descent = torch.optim.Adam([B], lr=self.learning_rate)

        def objective(B):
            return expected_error(_pools(B), S, self.noise)

        def step(_):
            descend(descent, objective(B))
            return B.detach().clone()

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
