"""The paper's own ADMM: one ridge problem per drug, then one shrinkage."""

import torch

from latentomics.multitask.problem import Certificate, tiny
from latentomics.multitask.ridge import Ridges
from latentomics.multitask.shrink import Shrinker
from latentomics.multitask.split_admm import RELAXATION, balanced
from latentomics.solvers import iterate


def admm_path(problem, lams, *, tol, max_iter):
    r"""Solve for each of `lams`, warm-starting from the previous solution.

    The problem is split as :math:`W = Z` (book: ``eq-multitask-admm``), with the
    scaled dual G:

    .. math::
        w_t &\leftarrow (B_t^\top B_t + \rho I)^{-1}
               (B_t^\top y_t + \rho (z_t - g_t)) \\
        Z &\leftarrow S_{\lambda / \rho}(W + G), \qquad G \leftarrow G + W - Z

    :math:`B_t` holds the measured lines of drug t, centred. In the first 200 iterations
    :math:`\rho` is adapted to balance the primal and dual residuals; with one
    eigendecomposition per pattern of measured lines, changing it costs nothing.

    Parameters
    ----------
    problem : TraceNormProblem
        In the paper the basis is the centred features themselves.
    lams : list of float
    tol : float
        Relative duality gap at which to stop.

    Returns
    -------
    list of (Z, trace)
    """
    ridges, found = Ridges(problem), []
    rho = problem.basis.square().sum() / len(problem.basis)
    rho = rho.clamp(min=tiny(rho))  # all lines may have the same features
    W = problem.basis.T @ torch.zeros_like(problem.Y)
    state = W, W.sum(), W, rho, 0
    for lam in lams:
        shrink = Shrinker()
        check = Certificate(problem, lam, lambda state: (state[0], state[1]))
        state, trace = iterate(
            lambda state, lam=lam, shrink=shrink: _step(state, lam, ridges, shrink),
            (*state[:4], 0),
            check.objective,
            tol=tol,
            max_iter=max_iter,
            gap=check.gap,
        )
        found.append((state[0], trace))
    return found


def _step(state, lam, ridges, shrink):
    Z_old, _, G, rho, count = state
    W = ridges.solve(Z_old - G, rho)
    relaxed = RELAXATION * W + (1 - RELAXATION) * Z_old
    Z, values = shrink(relaxed + G, lam / rho)
    count = count + 1
    G, rho = balanced(count, W, Z, Z_old, G + relaxed - Z, rho)
    return Z, values.sum(), G, rho, count
