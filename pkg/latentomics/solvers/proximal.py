"""Accelerated proximal gradient, for a smooth loss plus one prox."""

from typing import NamedTuple

import torch

from latentomics.solvers.loop import iterate, relative_change


class State(NamedTuple):
    """Where the method stands."""

    Z: torch.Tensor  # the variable
    Y: torch.Tensor  # of the same shape, extrapolated
    t: torch.Tensor  # (), of the momentum


def proximal_gradient(
    slope,
    prox,
    start,
    objective,
    *,
    tol,
    max_iter,
    lipschitz=1.0,
    gap=relative_change,
):
    r"""Minimise a loss whose gradient is L-Lipschitz plus a simple penalty.

    One step of the method of [1] from the extrapolated point Y (book:
    ``eq-fista``):

    .. math::
        Z^+ = \mathrm{prox}\big(Y - \tfrac1L \nabla f(Y)\big), \qquad
        Y^+ = Z^+ + \frac{t - 1}{t^+} (Z^+ - Z)

    The momentum is dropped whenever it points uphill (the gradient test of [2]), so the
    objective rarely rises, and strongly convex problems converge linearly.

    Parameters
    ----------
    slope : callable
        Y -> gradient of the loss, same shape.
    prox : callable
        Proximal operator of the penalty for a step of 1 / L.
    start : tensor
    objective : callable
        Z -> loss plus penalty.
    tol, max_iter
        As in :func:`iterate`.
    lipschitz : float or tensor, default=1.0
        L.
    gap : callable, default=relative_change
        (Z, previous Z) -> distance from convergence, without units.

    Returns
    -------
    Z, trace

    References
    ----------
    [1] Beck & Teboulle (2009). SIAM J Imaging Sci 2:183-202.
    [2] O'Donoghue & Candes (2015). Found Comput Math 15:715-732.
    """

    def step(state):
        Z, Y, t = state
        Z_next = prox(Y - slope(Y) / lipschitz)
        uphill = ((Y - Z_next) * (Z_next - Z)).sum() > 0
        t = torch.where(uphill, torch.ones_like(t), t)
        t_next = (1 + (1 + 4 * t.square()).sqrt()) / 2
        return State(Z_next, Z_next + (t - 1) / t_next * (Z_next - Z), t_next)

    one = torch.ones((), dtype=start.dtype, device=start.device)
    state, trace = iterate(
        step,
        State(start, start, one),
        lambda state: objective(state.Z),
        tol=tol,
        max_iter=max_iter,
        gap=lambda state, previous: gap(state.Z, previous.Z),
    )
    return state.Z, trace
