"""A second opinion: accelerated proximal gradient in the sample space."""

import torch

from latentomics.multitask.problem import Certificate, spectral_norm, tiny
from latentomics.multitask.shrink import Shrinker
from latentomics.solvers import iterate


def accelerated_path(problem, lams, *, tol, max_iter):
    r"""Solve for each of `lams`, warm-starting from the previous solution.

    With L the largest eigenvalue of :math:`B^\top B`, one step from the extrapolated
    point V is (book: ``eq-fista``)

    .. math:: A^+ = S_{\lambda/L}\big(V + \tfrac1L B^\top R(V)\big)

    R is the residual at the best intercepts, so the loss depends on A alone. The
    momentum is reset whenever it points uphill.

    Parameters
    ----------
    problem : TraceNormProblem
    lams : list of float
    tol : float
        Relative duality gap at which to stop.

    Returns
    -------
    list of (A, trace)
    """
    B = problem.basis
    L, found = spectral_norm(B).square().clamp(min=tiny(B)), []
    A = B.T @ torch.zeros_like(problem.Y)
    for lam in lams:
        shrink = Shrinker()

        def step(state, lam=lam, shrink=shrink):
            A, _, V, t = state
            new, values = shrink(V + B.T @ problem.residual(V) / L, lam / L)
            uphill = ((V - new) * (new - A)).sum() > 0
            t = torch.where(uphill, torch.ones_like(t), t)
            t_new = (1 + (1 + 4 * t.square()).sqrt()) / 2
            return new, values.sum(), new + (t - 1) / t_new * (new - A), t_new

        check = Certificate(problem, lam, lambda state: (state[0], state[1]))
        state = A, A.sum(), A, torch.ones_like(L)
        stop = {"tol": tol, "max_iter": max_iter, "gap": check.gap}
        (A, *_), trace = iterate(step, state, check.objective, **stop)
        found.append((A, trace))
    return found
