"""Three more solvers of the trace-norm problem, for the chapter and the benchmark."""

from functools import partial
from typing import NamedTuple

import torch

from latentomics.linalg import Shrinker
from latentomics.multitask import TraceNormRegressor
from latentomics.multitask.problem import Certificate, spectral_norm, tiny, warm_path
from latentomics.multitask.ridge import Ridges
from latentomics.multitask.split_admm import RELAXATION
from latentomics.solvers import proximal_gradient
from latentomics.solvers.admm import balanced


class AcceleratedGradient(TraceNormRegressor):
    r"""Solve by accelerated proximal gradient in the sample space.

    With L the largest eigenvalue of :math:`B^\top B`, one step from the extrapolated
    point V is (book: ``eq-fista``)

    .. math:: A^+ = S_{\lambda/L}\big(V + \tfrac1L B^\top R(V)\big)

    R is the residual at the best intercepts, so the loss depends on A alone. Otherwise
    as :class:`TraceNormRegressor`.
    """

    def _run(self, problem, space, lams):
        B, found = problem.basis, []
        L = spectral_norm(B).square().clamp(min=tiny(B))
        A = B.T @ torch.zeros_like(problem.Y)
        for lam in lams:
            A, trace = self._at(problem, lam, L, A)
            found.append((A, trace))
        return found

    def _at(self, problem, lam, L, start):
        shrink = Shrinker()
        check = Certificate(problem, lam, lambda A: (A, shrink.values.sum()))
        return proximal_gradient(
            lambda A: -(problem.basis.T @ problem.residual(A)),
            lambda A: shrink(A, lam / L),
            start,
            check.objective,
            tol=self.tol,
            max_iter=self.max_iter,
            lipschitz=L,
            gap=check.gap,
        )


class State(NamedTuple):
    """Where the paper's ADMM stands; d coordinates, T drugs."""

    Z: torch.Tensor  # (d, T)
    nuclear: torch.Tensor  # (), trace norm of Z
    G: torch.Tensor  # (d, T), scaled dual of W = Z
    rho: torch.Tensor  # (), its penalty
    count: int  # iterations at this lam


class SampleSpaceADMM(TraceNormRegressor):
    r"""Solve by the paper's ADMM in as many coordinates as lines.

    The problem is split as :math:`W = Z` (book: ``eq-multitask-admm``), with the
    scaled dual G:

    .. math::
        w_t &\leftarrow (B_t^\top B_t + \rho I)^{-1}
               (B_t^\top y_t + \rho (z_t - g_t)) \\
        Z &\leftarrow S_{\lambda / \rho}(W + G), \qquad G \leftarrow G + W - Z

    :math:`B_t` holds the measured lines of drug t, centred. In the first iterations
    :math:`\rho` is adapted to balance the primal and dual residuals; with one
    eigendecomposition per pattern of measured lines, changing it costs nothing.
    Otherwise as :class:`TraceNormRegressor`.
    """

    def _run(self, problem, space, lams):
        ridges, B = Ridges(problem), problem.basis
        rho = B.square().sum() / len(B)
        rho = rho.clamp(min=tiny(rho))  # all lines may have the same features
        W = B.T @ torch.zeros_like(problem.Y)
        return warm_path(
            problem,
            lams,
            State(W, W.sum(), W, rho, 0),
            lambda lam: partial(_step, lam, ridges, Shrinker()),
            tol=self.tol,
            max_iter=self.max_iter,
        )


def _step(lam, ridges, shrink, state):
    Z_old, _, G, rho, count = state
    W = ridges.solve(Z_old - G, rho)
    relaxed = RELAXATION * W + (1 - RELAXATION) * Z_old
    Z = shrink(relaxed + G, lam / rho)
    G, rho = balanced(count + 1, W, Z, Z_old, G + relaxed - Z, rho)
    return State(Z, shrink.values.sum(), G, rho, count + 1)


class PaperADMM(SampleSpaceADMM):
    """Solve by the ADMM of Yuan et al. (2016) as it stands, on all features.

    One ridge problem per drug and iteration (book: ``eq-multitask-admm``). Otherwise as
    :class:`TraceNormRegressor`.
    """

    def _pose(self, X, Y):
        space, problem = super()._pose(X, Y)
        problem.basis = space.centred
        return space, problem

    def _solve(self, X, Y, grid=None):
        path = super()._solve(X, Y, grid)
        path.coords = [path.space.coordinates(W) for W in path.coords]
        return path


SOLVERS = {
    "paper": PaperADMM,
    "sample_space": SampleSpaceADMM,
    "fista": AcceleratedGradient,
    "split": TraceNormRegressor,
}
