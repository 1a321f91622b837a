"""Two other updates: one that is slow and mostly safe, and the published one, rescaled.

Both have the signature of :func:`blocks.step`, the update that is used.
"""

from dataclasses import replace

from latentomics.signatures.blocks import (
    State,
    label_slope,
    logits,
    step,
    update_signatures,
    update_weights,
)

LEARNING_RATE = 5e-3  # of W
FLOOR = 1e-25


def split_step(problem, state):
    r"""Multiply E by negative over positive parts of the slope; S and W as `step`.

    .. math:: E \leftarrow E \circ \frac{2 X S^\top + \lambda_c [\ldots]_-}{2 E S
        S^\top + \lambda_c [\ldots]_+}

    Entries stay above 0 by themselves, and what is 0 stays 0. The parts of the labels
    bend as E moves, so that no bound holds: where they outweigh the fit, it may rise.
    """
    state = replace(state, S=update_signatures(problem, state))
    S, E = state.S, state.E
    P, Y = logits(state).softmax(dim=1), problem.Y
    known = problem.labelled[:, None]
    above, below = state.W.clamp(min=0), (-state.W).clamp(min=0)
    lam = problem.lam_c[:, None, None] / 2
    up = E_target(problem, S) + lam * (above @ (known * Y) + below @ (known * P))
    down = (S @ S.mT) @ E + lam * (above @ (known * P) + below @ (known * Y))
    state = replace(state, E=E * up / down.clamp(min=FLOOR))
    return replace(state, W=update_weights(problem, state))


def literal_step(problem, state):
    r"""Apply equations 5 to 7 of the paper in turn, on the simplex: the loss may rise.

    Bringing S to the simplex rescales E and W too. That is ours: the equations do not
    scale, and the authors' code scales S alone.

    The correction of E by the labels stands in the numerator, where it can turn an
    entry negative; such an entry is set to almost 0, and a product never leaves 0.
    """
    S, E = _multiplied(problem, state)
    push = problem.lam_c[:, None, None] / 2 * (state.W @ label_slope(problem, state))
    E = E * (E_target(problem, S) - push) / ((S @ S.mT) @ E).clamp(min=FLOOR)
    return _on_simplex(problem, State(S, E.clamp(min=FLOOR), state.W))


def E_target(problem, S):
    """Return ``S X'``, (R, K, N)."""
    return S @ problem.X.T


def _multiplied(problem, state):
    """Return S after the multiplicative update of Lee & Seung, and E as it is."""
    E, S = state.E, state.S
    down = (E @ E.mT) @ S
    return S * (E @ problem.X) / down.clamp(min=FLOOR), E


def _on_simplex(problem, state):
    """Return signatures that sum to 1, the product unchanged; then W goes downhill."""
    size = state.S.sum(dim=2, keepdim=True).clamp(min=FLOOR)
    state = State(state.S / size, state.E * size, state.W / size)
    state = replace(state, E=state.E * problem.alive[..., None])
    slope = state.E @ label_slope(problem, state).mT
    slope = slope + 2 * problem.lam_2[:, None, None] * state.W
    return replace(state, W=state.W - LEARNING_RATE * slope)


UPDATES = {"mm": step, "split": split_step, "paper": literal_step}
