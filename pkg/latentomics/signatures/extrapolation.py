"""A faster way to factorise without labels: each step goes on a little further."""

from dataclasses import dataclass, replace

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

    In single precision at first, then a last step in that of `runs`. Where single
    precision cannot tell a change of `tol`, as in an almost perfect fit, runs settle
    once more in double precision.
    """
    how = {"phase": phase, "tol": tol, "update": extrapolated_step}
    single = replace(
        runs, state=runs.state.to(torch.float32), problem=runs.problem.to(torch.float32)
    )
    settle(single, which, max_iter=max_iter, **how)
    X = runs.problem.X
    which = torch.as_tensor(which, device=X.device)
    problem, state = runs.problem.of(which), single.state.of(which).to(X.dtype)
    state = step(problem, state, labels=False)
    runs.state.put(which, state)
    loss = losses(problem, state)
    record(runs, which, 1, phase, loss)
    runs.n_iter[as_numpy(which)] += 1
    unsure = as_numpy(which[tol * loss < UNSURE * X.square().sum()])
    if X.dtype == torch.float64 and len(unsure):
        runs.settled[unsure] = True  # only now can it be said
        settle(runs, unsure, max_iter=max_iter, **how)


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
        state = _from_rest(state)
    share = state.share[:, None, None]
    plain = update_signatures(problem, State(state.S, state.E_ahead, state.W))
    S = project_simplex(plain + share * (plain - state.S_plain))
    gram, target = misfit = misfit_parts(problem, S)
    E = sweep(problem, State(S, state.E_ahead, state.W), misfit)
    loss = (gram / 2 @ E).sub_(target).mul_(E).sum(dim=(1, 2))
    kept = loss <= state.loss

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


def _from_rest(state):
    S, E, W = state.S, state.E, state.W
    first = torch.full_like(S[:, 0, 0], FIRST)
    never = torch.full_like(first, torch.inf)
    return Ahead(S, E, W, S, E, never, first, torch.ones_like(first))
