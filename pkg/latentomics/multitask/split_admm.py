"""The default solver: ADMM that splits the fit of the cells from the rank penalty."""

import torch

from latentomics.multitask.problem import Certificate, tiny
from latentomics.multitask.shrink import Shrinker
from latentomics.solvers import iterate

IMBALANCE = 5  # ratio of the two residuals above which a penalty is changed
BALANCE_EVERY = 20  # iterations; most lam of a warm path need fewer
BALANCE_UNTIL = 200  # then fixed: convergence is not proven for a changing penalty
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
    state, found = loop.start(), []
    for lam in lams:
        check = Certificate(problem, lam, lambda state: (state[0], state[1]))
        state, trace = iterate(
            lambda state, lam=lam: loop.step(state, lam),
            (*state[:-1], 0),
            check.objective,
            tol=tol,
            max_iter=max_iter,
            gap=check.gap,
        )
        found.append((state[0], trace))
    return found


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
        return Z, Z.sum(), self.target / self.r2, self.r2, 0

    def step(self, state, lam):
        Z_old, _, E, r2, count = state
        A = (self.target + r2 * (Z_old - E)) / (self.squares + r2)
        ahead = RELAXATION * A + (1 - RELAXATION) * Z_old + E
        Z, values = self.shrink(ahead, lam / r2)
        count = count + 1
        E, r2 = balanced(count, A, Z, Z_old, ahead - Z, r2)
        return Z, values.sum(), E, r2, count


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
        Z = torch.zeros_like(E)
        r1 = torch.ones_like(self.r2)
        return Z, Z.sum(), torch.zeros_like(Y), -Y, E, r1, self.r2, 0

    def step(self, state, lam):
        Z_old, _, F_old, D, E, r1, r2, count = state
        A = r1 * self.s * (self.U.T @ (F_old - D)) + r2 * (Z_old - E)
        A = A / (r1 * self.s.square() + r2)
        fitted = self.U @ (self.s * A)
        V = RELAXATION * fitted + (1 - RELAXATION) * F_old + D
        F = V + self.problem.centred(self.problem.Y - V) / (1 + r1)
        ahead = RELAXATION * A + (1 - RELAXATION) * Z_old + E
        Z, values = self.shrink(ahead, lam / r2)
        count = count + 1
        D, r1 = balanced(count, fitted, F, F_old, V - F, r1)
        E, r2 = balanced(count, A, Z, Z_old, ahead - Z, r2)
        return Z, values.sum(), F, D, E, r1, r2, count


def balanced(count, W, Z, Z_old, dual, rho):
    r"""Return scaled dual and penalty of the constraint W = Z, rebalanced at intervals.

    If the primal residual :math:`\|W - Z\|` exceeds the change :math:`\|Z - Z'\|` by a
    factor of `IMBALANCE`, each relative to its size, the penalty is doubled; in the
    reverse case it is halved. The scaled dual is rescaled to match.
    """
    if count % BALANCE_EVERY or count > BALANCE_UNTIL:
        return dual, rho
    least = tiny(W)
    primal = (W - Z).norm() / torch.maximum(W.norm(), Z.norm()).clamp(min=least)
    moving = (Z - Z_old).norm() / dual.norm().clamp(min=least)
    factor = torch.where(primal > IMBALANCE * moving, 2.0, 1.0)
    factor = torch.where(moving > IMBALANCE * primal, 0.5, factor).to(W)
    return dual / factor, rho * factor
