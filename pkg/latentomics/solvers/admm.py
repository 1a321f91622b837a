"""The alternating direction method of multipliers (ADMM) for two terms."""

from typing import NamedTuple

import torch

from latentomics.solvers.loop import iterate

IMBALANCE = 5  # ratio of the two residuals above which a penalty is changed
BALANCE_EVERY = 20  # iterations; most lam of a warm path need fewer
# Then fixed: convergence is not proven for a changing penalty. Hard problems, such as
# data without noise, gain from late changes; most others end before the 200th step.
BALANCE_UNTIL = 1000


class State(NamedTuple):
    """Where the method stands."""

    L: torch.Tensor  # variable of the first term
    Z: torch.Tensor  # of the second
    U: torch.Tensor  # scaled dual of L = Z
    rho: torch.Tensor  # (), its penalty
    count: int  # iterations


def admm(prox_f, prox_g, start, objective, *, step, tol, max_iter):
    r"""Minimise f(L) + g(Z) subject to L = Z.

    The alternating direction method of multipliers [1] in scaled form (book:
    ``eq-admm``), :math:`t = 1 / \rho`:

    .. math::
        L \leftarrow \mathrm{prox}_{tf}(Z - U), \qquad
        Z \leftarrow \mathrm{prox}_{tg}(L + U), \qquad
        U \leftarrow U + L - Z

    In the first 1,000 iterations, :math:`\rho` is adapted: see :func:`balanced`.

    Parameters
    ----------
    prox_f, prox_g : callable
        (matrix, t) -> proximal operator of t f, of t g.
    start : tensor
        First Z.
    objective : callable
        (L, Z) -> the value to minimise.
    step : tensor of no dimension
        First t, in the units of the variable.
    tol, max_iter
        As in :func:`iterate`; the gap is the larger of the two relative residuals.

    Returns
    -------
    L, Z, trace

    References
    ----------
    [1] Boyd, Parikh, Chu, Peleato & Eckstein (2011). Found Trends Mach Learn 3:1-122,
        sections 3.1.1, 3.3.1 and 3.4.1.
    """

    def advance(state):
        _, Z_old, U, rho, count = state
        L = prox_f(Z_old - U, 1 / rho)
        Z = prox_g(L + U, 1 / rho)
        U, rho = balanced(count + 1, L, Z, Z_old, U + L - Z, rho)
        return State(L, Z, U, rho, count + 1)

    state, trace = iterate(
        advance,
        State(start, start, torch.zeros_like(start), 1 / step, 0),
        lambda state: objective(state.L, state.Z),
        tol=tol,
        max_iter=max_iter,
        gap=lambda state, previous: max(
            residuals(state.L, state.Z, previous.Z, state.U)
        ),
    )
    return state.L, state.Z, trace


def balanced(count, L, Z, Z_old, U, rho):
    r"""Return scaled dual and penalty of the constraint L = Z, now and then rebalanced.

    Every 20 iterations, until the 1,000th, the penalty is doubled if the primal
    residual exceeds five times the dual one, and halved in the reverse case. The scaled
    dual :math:`U = \Gamma / \rho` is divided by the same factor, which leaves the price
    :math:`\Gamma` as it is.
    """
    if count % BALANCE_EVERY or count > BALANCE_UNTIL:
        return U, rho
    primal, dual = residuals(L, Z, Z_old, U)
    factor = torch.where(primal > IMBALANCE * dual, 2.0, 1.0)
    factor = torch.where(dual > IMBALANCE * primal, 0.5, factor).to(U)
    return U / factor, rho * factor


def residuals(L, Z, Z_old, U):
    r"""Return :math:`\|L - Z\|` and :math:`\|Z - Z'\|`, each relative to its size.

    The second, the dual residual :math:`\rho (Z - Z')`, is measured against the dual
    :math:`\rho U`.
    """
    tiny = torch.finfo(U.dtype).tiny
    primal = (L - Z).norm() / torch.maximum(L.norm(), Z.norm()).clamp(min=tiny)
    return primal, (Z - Z_old).norm() / U.norm().clamp(min=tiny)
