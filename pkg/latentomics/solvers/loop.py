"""One loop for every method: when to look, when to stop, what to say."""

import math
import warnings
from dataclasses import dataclass, field

import torch
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import binary_size
from latentomics.checks import check_not_negative, check_whole


@dataclass
class Trace:
    """Record of a run: one entry per look, plus how and when the run ended."""

    objective: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)
    iteration: list[int] = field(default_factory=list)
    n_iter: int = 0
    status: str = "running"  # then "converged" or "max_iter"


def relative_change(new, old):
    """Return ||new - old|| / ||new||, which has no units; 0 when both are 0.

    A state that is a tuple is judged by its first tensor, the variable itself.
    """
    if isinstance(new, tuple):
        new, old = new[0], old[0]
    size = binary_size(new)  # else squares vanish, and nothing seems to move
    step = ((new - old) / size).norm()
    return step / (new / size).norm().clamp(min=torch.finfo(new.dtype).tiny)


def iterate(
    step, state, objective, *, tol, max_iter, look_every=10, gap=relative_change
):
    """Apply `step` until `gap` <= `tol`; look (one device sync) every few steps.

    Parameters
    ----------
    step : callable
        state -> next state. A state is a tensor or a tuple of them.
    state : tensor or tuple of tensors
        Where to start.
    objective : callable
        state -> the value to minimise, recorded at each look.
    tol : float
        Stop once ``gap(state, previous state)`` is at most this; no units.
    max_iter : int
        Largest number of steps; reaching it warns with the gap reached.
    look_every : int, default=10
    gap : callable, default=relative_change
        (state, previous state) -> distance from convergence, without units.

    Returns
    -------
    state, trace : the last state and its :class:`Trace`

    Raises
    ------
    ValueError
        If `max_iter` or `look_every` is not a positive whole number, or `tol` is
        negative or not finite.
    FloatingPointError
        If the objective stops being a finite number.
    """
    check_whole(max_iter=max_iter, look_every=look_every)
    check_not_negative(tol=tol)
    trace = Trace()
    for n_iter in range(1, max_iter + 1):
        previous, state = state, step(state)
        if n_iter % look_every and n_iter < max_iter:
            continue
        trace.n_iter = n_iter
        trace.iteration.append(n_iter)
        trace.objective.append(float(objective(state)))
        if not math.isfinite(trace.objective[-1]):
            raise FloatingPointError(
                f"the objective became {trace.objective[-1]} by iteration {n_iter}; "
                "check the scale of X, or take smaller steps"
            )
        trace.gap.append(float(gap(state, previous)))
        if trace.gap[-1] <= tol:
            trace.status = "converged"
            return state, trace
    trace.status = "max_iter"
    warnings.warn(
        f"stopped after max_iter={max_iter}: gap {trace.gap[-1]:.1e} > tol {tol:.1e}",
        ConvergenceWarning,
        stacklevel=3,
    )
    return state, trace
