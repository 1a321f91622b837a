"""ADMM that splits the fit of the cells from the rank penalty."""

from functools import partial
from typing import NamedTuple

import torch

from latentomics.linalg import Shrinker
from latentomics.multitask.problem import warm_path
from latentomics.solvers.admm import balanced

RELAXATION = 1.6  # beyond 1, each half-step overshoots; 1.5 to 1.8 is usual (ADMM)


def split_path(problem, U, s, lams, *, tol, max_iter):
    r"""Solve for each of `lams`, warm-starting from the previous solution.

    With the basis :math:`B = U\Sigma` the constraints :math:`F = U \Sigma A` and
    :math:`A = Z` leave three easy steps (book: ``eq-split-admm``); D and E are the
    scaled duals:

    .. math::
        A &\leftarrow (r_1 \Sigma^2 + r_2)^{-1}
             [r_1 \Sigma U^\top (F - D) + r_2 (Z - E)] \\
        F &\leftarrow V + P(Y - V - b) / (1 + r_1), \quad V = U \Sigma A + D \\
        Z &\leftarrow S_{\lambda / r_2}(A + E)

    :math:`b` is the mean of :math:`Y - V` over the measured lines of each drug. Only
    diagonal matrices are inverted, for every mask and every lam, so the penalties,
    which start at :math:`r_1 = 1` and :math:`r_2` = the median of :math:`\sigma^2`, can
    adapt to the residuals at no cost. If nothing is missing, F is not needed and A
    minimises the loss exactly.

    Parameters
    ----------
    problem : TraceNormProblem
    U, s : tensors of shape (n, r), (r,)
    lams : list of float
        Decreasing; above ``problem.lam_max()`` the solution is exactly 0.
    tol : float
        Relative duality gap at which to stop.

    Returns
    -------
    list of (Z, trace)
    """
    loop = _Full(problem, U, s) if problem.full else _Gappy(problem, U, s)
    return warm_path(
        problem,
        lams,
        loop.start(),
        lambda lam: partial(loop.step, lam),
        tol=tol,
        max_iter=max_iter,
    )


class FullState(NamedTuple):
    """Where the loop stands if every cell is measured."""

    Z: torch.Tensor  # (r, T)
    nuclear: torch.Tensor  # (), trace norm of Z
    E: torch.Tensor  # (r, T), scaled dual of A = Z
    r2: torch.Tensor  # (), its penalty
    count: int  # iterations at this lam


class _Full:
    """Steps if every cell is measured: the loss is diagonal in these coordinates."""

    def __init__(self, problem, U, s):
        self.target = s[:, None] * (U.T @ problem.Y)
        self.squares = s.square()[:, None]
        self.r2 = s.square().median()
        self.shrink = Shrinker()

    def start(self):
        """Return the state that is the solution for every lam above lam_max."""
        Z = torch.zeros_like(self.target)
        return FullState(Z, Z.sum(), self.target / self.r2, self.r2, 0)

    def step(self, lam, state):
        Z_old, _, E, r2, count = state
        A = (self.target + r2 * (Z_old - E)) / (self.squares + r2)
        ahead = RELAXATION * A + (1 - RELAXATION) * Z_old + E
        Z = self.shrink(ahead, lam / r2)
        E, r2 = balanced(count + 1, A, Z, Z_old, ahead - Z, r2)
        return FullState(Z, self.shrink.values.sum(), E, r2, count + 1)


class GappyState(NamedTuple):
    """Where the loop stands if cells are missing."""

    Z: torch.Tensor  # (r, T)
    nuclear: torch.Tensor  # (), trace norm of Z
    F: torch.Tensor  # (n, T)
    D: torch.Tensor  # (n, T), scaled dual of F = U S A
    E: torch.Tensor  # (r, T), scaled dual of A = Z
    r1: torch.Tensor  # (), penalty of F = U S A
    r2: torch.Tensor  # (), penalty of A = Z
    count: int  # iterations at this lam


class _Gappy:
    """Steps if cells are missing."""

    def __init__(self, problem, U, s):
        self.problem, self.U, self.s = problem, U, s[:, None]
        self.r2 = s.square().median()
        self.shrink = Shrinker()

    def start(self):
        """Return the state that is the solution for every lam above lam_max."""
        Y = self.problem.Y
        E = self.s * (self.U.T @ Y) / self.r2
        Z, r1 = torch.zeros_like(E), torch.ones_like(self.r2)
        return GappyState(Z, Z.sum(), torch.zeros_like(Y), -Y, E, r1, self.r2, 0)

    def step(self, lam, state):
        Z_old, _, F_old, D, E, r1, r2, count = state
        A = r1 * self.s * (self.U.T @ (F_old - D)) + r2 * (Z_old - E)
        A = A / (r1 * self.s.square() + r2)
        fitted = self.U @ (self.s * A)
        V = RELAXATION * fitted + (1 - RELAXATION) * F_old + D
        F = V + self.problem.centred(self.problem.Y - V) / (1 + r1)
        ahead = RELAXATION * A + (1 - RELAXATION) * Z_old + E
        Z = self.shrink(ahead, lam / r2)
        D, r1 = balanced(count + 1, fitted, F, F_old, V - F, r1)
        E, r2 = balanced(count + 1, A, Z, Z_old, ahead - Z, r2)
        return GappyState(Z, self.shrink.values.sum(), F, D, E, r1, r2, count + 1)
