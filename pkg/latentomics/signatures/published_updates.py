"""Two alternative updates: a slow, mostly safe one, and the published one, rescaled.

Both have the signature of :func:`blocks.step`, the default update.
"""

from dataclasses import replace

from latentomics.signatures.blocks import (
    State,
    label_slope,
    logits,
    step,
    update_signatures,
    update_weights,
    weights_slope,
)

LEARNING_RATE = 5e-3  # of W
FLOOR = 1e-25


def split_step(problem, state):
    r"""Multiply E by negative over positive parts of the gradient; S, W as in `step`.

    .. math:: E \leftarrow E \circ \frac{2 X S^\top + \lambda_c [\ldots]_-}{2 E S
        S^\top + \lambda_c [\ldots]_+}

    Entries stay non-negative, and zeros stay zero. The label terms change as E moves,
    so no bound holds: where they outweigh the misfit, the loss may rise.
    """
    state = replace(state, S=update_signatures(problem, state))
    S, E = state.S, state.E
    P, Y = logits(state).softmax(dim=1), problem.Y
    known = problem.labelled[:, None]
    above, below = state.W.clamp(min=0), (-state.W).clamp(min=0)
    lam = problem.lam_c[:, None, None] / 2
    up = S @ problem.X.T + lam * (above @ (known * Y) + below @ (known * P))
    down = (S @ S.mT) @ E + lam * (above @ (known * P) + below @ (known * Y))
    state = replace(state, E=E * up / down.clamp(min=FLOOR))
    return replace(state, W=update_weights(problem, state))


def literal_step(problem, state):
    r"""Apply equations 5 to 7 of the paper in turn, on the simplex: the loss may rise.

    Scaling S to the simplex rescales E and W too. This is our addition: the equations
    do not rescale, and the authors' code rescales only S.

    The label term in the update of E is in the numerator, where it can make an entry
    negative; such an entry is set to almost 0, and multiplication keeps it there.
    """
    S, E, W = state.S, state.E, state.W
    push = problem.lam_c[:, None, None] / 2 * (W @ label_slope(problem, state))
    S = S * (E @ problem.X) / ((E @ E.mT) @ S).clamp(min=FLOOR)  # Lee & Seung
    E = E * (S @ problem.X.T - push) / ((S @ S.mT) @ E).clamp(min=FLOOR)
    size = S.sum(dim=2, keepdim=True).clamp(min=FLOOR)
    E = E.clamp(min=FLOOR) * size * problem.alive[..., None]
    state = State(S / size, E, W / size)  # S on the simplex, the same E S
    return replace(state, W=state.W - LEARNING_RATE * weights_slope(problem, state))


UPDATES = {"mm": step, "split": split_step, "paper": literal_step}
