"""The alternating direction method of multipliers (ADMM) for two terms."""

import torch

from latentomics.solvers.loop import iterate

IMBALANCE = 10  # ratio of the two residuals above which the step is changed
BALANCE_EVERY = 10  # iterations


def admm(prox_f, prox_g, start, objective, *, step, tol, max_iter):
    r"""Minimise f(L) + g(Z) subject to L = Z.

    The alternating direction method of multipliers [1] in scaled form (book:
    ``eq-admm``), :math:`t = 1 / \rho`:

    .. math::
        L \leftarrow \mathrm{prox}_{tf}(Z - U), \qquad
        Z \leftarrow \mathrm{prox}_{tg}(L + U), \qquad
        U \leftarrow U + L - Z

    Every ten iterations, t is halved if the primal residual :math:`\|L - Z\|` exceeds
    ten times the dual residual :math:`\|Z - Z'\| / t`, each relative to its size, and
    doubled in the opposite case.

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
    tiny = torch.finfo(start.dtype).tiny

    def residuals(state, previous):
        L, Z, U, _, _ = state
        primal = (L - Z).norm() / torch.maximum(L.norm(), Z.norm()).clamp(min=tiny)
        return primal, (Z - previous[1]).norm() / U.norm().clamp(min=tiny)

    def advance(state):
        _, Z, U, t, count = state
        L = prox_f(Z - U, t)
        Z = prox_g(L + U, t)
        U = U + L - Z
        new = L, Z, U, t, count + 1
        if new[-1] % BALANCE_EVERY:
            return new
        primal, dual = residuals(new, state)
        # a small t enforces the constraint
        factor = torch.where(primal > IMBALANCE * dual, 0.5, 1.0)
        factor = torch.where(dual > IMBALANCE * primal, 2.0, factor).to(U)
        return L, Z, U * factor, t * factor, new[-1]

    state = start, start, torch.zeros_like(start), step, 0
    (L, Z, *_), trace = iterate(
        advance,
        state,
        lambda state: objective(state[0], state[1]),
        tol=tol,
        max_iter=max_iter,
        gap=lambda state, previous: max(residuals(state, previous)),
    )
    return L, Z, trace
