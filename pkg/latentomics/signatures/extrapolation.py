"""A faster way to factorise without labels: each step goes on a little further."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from latentomics.arrays import as_numpy
from latentomics.linalg.simplex import project_simplex
from latentomics.signatures.blocks import (
    State,
    losses,
    misfit_parts,
    step,
    sweep,
    update_signatures,
)
from latentomics.signatures.runs import record, settle

FIRST = 0.5  # share of the last change that is added
LONGER, CAP_LONGER, SHORTER = 1.05, 1.01, 1 / 1.5  # of that share, after each step
UNSURE = 10 * torch.finfo(torch.float32).eps  # of a loss, relative to the squares of X


def settle_without_labels(runs, which, *, phase, tol, max_iter):
    """Iterate as :func:`settle` does, with :func:`extrapolated_step`.

    In single precision at first, and then one step in that of `runs`. Where single
    precision cannot tell a change of `tol`, as in an almost perfect fit, runs go on: in
    double precision if that is theirs, else by plain steps, which no rounding refuses.
    """
    which, settled, end = np.array(which), runs.settled.copy(), runs.n_iter + max_iter
    rough = which[~_unsure(runs, which, tol) & (max_iter > 1)]
    fresh = np.setdiff1d(which, rough)
    if len(rough):
        _settle_in_single(runs, rough, phase=phase, tol=tol, max_iter=max_iter - 1)
    again = rough[_unsure(runs, rough, tol)]
    runs.settled[again] = settled[again]  # single precision cannot say
    sure = np.setdiff1d(rough, again)
    record(runs, _places(runs, sure), 0, phase, _losses(runs, sure))
    double = runs.problem.X.dtype == torch.float64
    update = extrapolated_step if double else partial(step, labels=False)
    for some in (fresh, again):
        left = (end - runs.n_iter)[some].min(initial=max_iter)
        if len(some) and left:
            settle(runs, some, phase=phase, tol=tol, max_iter=int(left), update=update)
        elif len(some):
            runs.settled[some] = False


def _settle_in_single(runs, which, **how):
    """Settle runs in single precision, and take a step in theirs."""
    single = replace(  # n_iter, settled and history are those of `runs`
        runs, state=runs.state.to(torch.float32), problem=runs.problem.to(torch.float32)
    )
    settle(single, which, update=extrapolated_step, **how)
    here = _places(runs, which)
    state = single.state.of(here).to(runs.problem.X.dtype)
    runs.state.put(here, step(runs.problem.of(here), state, labels=False))
    runs.n_iter[which] += 1


def _places(runs, which):
    return torch.arange(len(runs.n_iter), device=runs.problem.X.device)[list(which)]


def _losses(runs, which):
    here = _places(runs, which)
    return losses(runs.problem.of(here), runs.state.of(here))


def _unsure(runs, which, tol):
    """Return for which runs a change of `tol` is lost in single precision."""
    size = UNSURE * runs.problem.X.square().sum()
    return as_numpy(tol * _losses(runs, which) < size)


@dataclass
class Ahead(State):
    """A state, and where the next step begins: S and E where they seem to be going."""

    S_plain: torch.Tensor  # S before it was moved on
    E_ahead: torch.Tensor
    loss: torch.Tensor  # (R,), up to the squares of X
    share: torch.Tensor  # (R,)
    cap: torch.Tensor  # (R,), of the share


def extrapolated_step(problem, state):
    r"""Update S and E from where their last change leads [1]; labels have no say.

    .. math:: \tilde S = \Pi\big(S^+ + \beta (S^+ - S)\big), \qquad
        \tilde E = \big(E^+ + \beta (E^+ - E)\big)_+

    :math:`S^+` is a sweep from :math:`\tilde S, \tilde E`, and :math:`E^+` one from
    the new :math:`\tilde S`. Where the loss would rise, a run stays where it is and
    :math:`\beta` shrinks; elsewhere it grows. So the loss never rises (book:
    ``eq-extrapolated-nmf``).

    References
    ----------
    [1] Ang & Gillis (2019). Neural Comput 31(2):417-439.
    """
    if not isinstance(state, Ahead):
        state = _from_rest(problem, state)
    share = state.share[:, None, None]
    plain = update_signatures(problem, State(state.S, state.E_ahead, state.W))
    S = project_simplex(plain + share * (plain - state.S_plain))
    misfit = misfit_parts(problem, S)
    E = sweep(problem, State(S, state.E_ahead, state.W), misfit)
    loss = _loss(E, misfit)
    kept = ~(loss > state.loss)  # a loss that is no number must come to light

    def if_kept(new, old):
        return torch.where(kept.view(-1, *[1] * (new.dim() - 1)), new, old)

    moved = kept.to(E)[:, None, None]
    E_ahead = torch.lerp(state.E, E, moved * (1 + share)).clamp_(min=0)
    return Ahead(
        S=if_kept(S, state.S),
        E=torch.lerp(state.E, E, moved, out=E),
        W=state.W,
        S_plain=if_kept(plain, state.S),
        E_ahead=E_ahead,
        loss=if_kept(loss, state.loss),
        share=if_kept((LONGER * state.share).minimum(state.cap), SHORTER * state.share),
        cap=if_kept((CAP_LONGER * state.cap).clamp(max=1), state.share),
    )


def _from_rest(problem, state):
    S, E, W = state.S, state.E, state.W
    share = torch.full_like(S[:, 0, 0], FIRST)
    loss = _loss(E, misfit_parts(problem, S))
    return Ahead(S, E, W, S, E, loss, share, torch.ones_like(share))


def _loss(E, misfit):
    """Return the loss of each run up to the squares of X."""
    gram, target = misfit
    return (gram / 2 @ E).sub_(target).mul_(E).sum(dim=(1, 2))
