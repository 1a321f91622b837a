"""A faster way to factorise without labels: each step goes on a little further."""

from dataclasses import dataclass, replace

import torch

from latentomics.linalg.simplex import project_simplex
from latentomics.signatures.blocks import (
    State,
    misfit_parts,
    step,
    sweep,
    update_signatures,
)
from latentomics.signatures.runs import settle

FIRST = 0.5  # share of the last change that is added
LONGER, CAP_LONGER, SHORTER = 1.05, 1.01, 1 / 1.5  # of that share, after each step
COARSEST = 1e-5  # least `tol` that changes of a loss in single precision can meet


def settle_without_labels(runs, which, *, phase, tol, max_iter):
    """Iterate as :func:`settle` does, with :func:`extrapolated_step`.

    Unless `tol` asks for more, in single precision but for a last step: near a minimum,
    errors of 1e-7 change the loss by their square.
    """
    how = {"phase": phase, "tol": tol, "max_iter": max_iter}
    if tol < COARSEST:
        settle(runs, which, update=extrapolated_step, **how)
        return
    single = replace(runs, state=runs.state.to(torch.float32))
    single.problem = runs.problem.to(torch.float32)
    settle(single, which, update=extrapolated_step, **how)
    which = torch.as_tensor(which).to(runs.problem.X.device)
    state = single.state.of(which).to(runs.problem.X.dtype)
    runs.state.put(which, step(runs.problem.of(which), state, labels=False))


@dataclass
class Ahead(State):
    """A state, and where the next step begins: S and E where they seem to be going."""

    S_plain: torch.Tensor  # S before it was moved on
    E_ahead: torch.Tensor
    loss: torch.Tensor  # (R,), up to the squares of X
    share: torch.Tensor  # (R,)
    cap: torch.Tensor  # (R,), of the share


def extrapolated_step(problem, state):
    r"""Update S and E, from where their last change leads [1]; labels count for nothing.

    .. math:: \tilde S = \Pi\big(S^+ + \beta (S^+ - S)\big), \qquad
        \tilde E = \big(E^+ + \beta (E^+ - E)\big)_+

    :math:`S^+` is a sweep from :math:`\tilde S, \tilde E`, and :math:`E^+` one from the
    new :math:`\tilde S`. A run whose loss would rise stays where it is, and :math:`\beta`
    shrinks; otherwise it grows, so the loss never rises.

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
    loss = (E * (gram / 2 @ E).sub_(target)).sum(dim=(1, 2))
    kept = loss <= state.loss

    def if_kept(new, old):
        return torch.where(kept.view(-1, *[1] * (new.dim() - 1)), new, old)

    moved = kept.to(E)[:, None, None]
    return Ahead(
        S=if_kept(S, state.S),
        E=torch.lerp(state.E, E, moved),
        W=state.W,
        S_plain=if_kept(plain, state.S),
        E_ahead=torch.lerp(state.E, E, moved * (1 + share)).clamp_(min=0),
        loss=if_kept(loss, state.loss),
        share=if_kept((LONGER * state.share).minimum(state.cap), SHORTER * state.share),
        cap=if_kept((CAP_LONGER * state.cap).clamp(max=1), state.share),
    )


def _from_rest(state):
    S, E, W = state.S, state.E, state.W
    first = torch.full_like(S[:, 0, 0], FIRST)
    never = torch.full_like(first, torch.inf)
    return Ahead(S, E, W, S, E, never, first, torch.ones_like(first))
