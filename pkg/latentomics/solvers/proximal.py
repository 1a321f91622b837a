"""Accelerated proximal gradient, for a smooth loss plus one prox."""

import torch

from latentomics.solvers.loop import iterate


def proximal_gradient(slope, prox, start, objective, *, tol, max_iter):
    r"""Minimise a loss whose gradient is 1-Lipschitz plus a simple penalty.

    One step of the method of [1] from the extrapolated point Y (book:
    ``eq-fista``):

    .. math::
        Z^+ = \mathrm{prox}(Y - \nabla f(Y)), \qquad
        Y^+ = Z^+ + \frac{t - 1}{t^+} (Z^+ - Z)

    The momentum is dropped whenever it points uphill (the gradient test of [2]), so the
    objective rarely rises, and strongly convex problems converge linearly.

    Parameters
    ----------
    slope : callable
        Y -> gradient of the loss, same shape.
    prox : callable
        Proximal operator of the penalty for a unit step.
    start : tensor
    objective : callable
        Z -> loss plus penalty.
    tol, max_iter
        As in :func:`iterate`; the gap is the relative change of Z.

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
        Z_next = prox(Y - slope(Y))
        uphill = ((Y - Z_next) * (Z_next - Z)).sum() > 0
        t = torch.where(uphill, torch.ones_like(t), t)
        t_next = (1 + (1 + 4 * t.square()).sqrt()) / 2
        return Z_next, Z_next + (t - 1) / t_next * (Z_next - Z), t_next

    state = start, start, torch.ones((), dtype=start.dtype, device=start.device)
    (Z, _, _), trace = iterate(
        step, state, lambda state: objective(state[0]), tol=tol, max_iter=max_iter
    )
    return Z, trace
