"""The default solver: ADMM with the fit of the cells and the rank split apart."""

import torch

from latentomics.multitask.problem import Certificate
from latentomics.multitask.shrink import Shrinker
from latentomics.solvers import iterate

RELAXATION = 1.6  # beyond 1, each half-step overshoots; 1.5 to 1.8 is usual (ADMM)


def split_path(problem, U, s, lams, *, tol, max_iter):
    r"""Solve at each of `lams`, each from where the one before ended.

    With the basis :math:`B = U\Sigma` the constraints :math:`F = U \Sigma A` and
    :math:`A = Z` leave three easy steps (book: ``eq-split-admm``); D and E are the
    scaled duals, :math:`r_1 = 1` and :math:`r_2` the median of :math:`\sigma^2`:

    .. math::
        A &\leftarrow (r_1 \Sigma^2 + r_2)^{-1}
             [r_1 \Sigma U^\top (F - D) + r_2 (Z - E)] \\
        F &\leftarrow V + P(Y - V - b) / (1 + r_1), \quad V = U \Sigma A + D \\
        Z &\leftarrow S_{\lambda / r_2}(A + E)

    :math:`b` is the mean of :math:`Y - V` over the measured lines of each drug. The
    one factorisation, of the diagonal, serves every mask and every lam. Where nothing
    is missing F is not needed and A is exact for the loss.

    Parameters
    ----------
    problem : TraceNormProblem
    U, s : tensors of shape (n, r), (r,)
    lams : list of float
        Falling; above ``problem.lam_max()`` the answer is exactly 0.
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
            state,
            check.objective,
            tol=tol,
            max_iter=max_iter,
            gap=check.gap,
        )
        found.append((state[0], trace))
    return found


class _Full:
    """Steps where every cell is measured: the loss is diagonal in these coordinates."""

    def __init__(self, problem, U, s):
        self.target = s[:, None] * (U.T @ problem.Y)
        self.squares = s.square()[:, None]
        self.r2 = s.square().median()
        self.shrink = Shrinker()

    def start(self):
        """Return the state that is the answer for every lam above lam_max."""
        Z = torch.zeros_like(self.target)
        return Z, Z.sum(), self.target / self.r2

    def step(self, state, lam):
        Z, _, E = state
        A = (self.target + self.r2 * (Z - E)) / (self.squares + self.r2)
        A = RELAXATION * A + (1 - RELAXATION) * Z
        Z, values = self.shrink(A + E, lam / self.r2)
        return Z, values.sum(), E + A - Z


class _Gappy:
    """Steps where cells are missing."""

    def __init__(self, problem, U, s):
        self.problem, self.U, self.s = problem, U, s[:, None]
        self.r2 = s.square().median()
        self.shrink = Shrinker()

    def start(self):
        """Return the state that is the answer for every lam above lam_max."""
        Y = self.problem.Y
        E = self.s * (self.U.T @ Y) / self.r2
        Z = torch.zeros_like(E)
        return Z, Z.sum(), torch.zeros_like(Y), -Y, E

    def step(self, state, lam):
        Z, _, F, D, E = state
        A = self.s * (self.U.T @ (F - D)) + self.r2 * (Z - E)
        A = A / (self.s.square() + self.r2)
        fitted = RELAXATION * (self.U @ (self.s * A)) + (1 - RELAXATION) * F
        A = RELAXATION * A + (1 - RELAXATION) * Z
        V = fitted + D
        F = V + self.problem.centred(self.problem.Y - V) / 2
        Z, values = self.shrink(A + E, lam / self.r2)
        return Z, values.sum(), F, D + fitted - F, E + A - Z
