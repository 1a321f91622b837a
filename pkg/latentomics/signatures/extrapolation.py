"""A faster way to factorise without labels: each step goes on a little further."""

from dataclasses import dataclass

import torch

from latentomics.linalg.simplex import project_simplex
from latentomics.signatures.blocks import (
    State,
    misfit_parts,
    sweep,
    update_signatures,
)

FIRST = 0.5  # share of the last change that is added
LONGER, CAP_LONGER, SHORTER = 1.05, 1.01, 1 / 1.5  # of that share, after each step
SLACK = 4  # rounding errors of the squares of X by which a loss may rise


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
    :math:`\beta` shrinks; elsewhere it grows. So the loss never rises but by rounding
    (book: ``eq-extrapolated-nmf``).

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
    rounding = SLACK * torch.finfo(E.dtype).eps * problem.X.square().sum()
    kept = ~(loss > state.loss + rounding)  # so NaN is kept, and `settle` raises

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
