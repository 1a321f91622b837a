"""Many runs of a labelled NMF side by side, each until it settles."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from latentomics.arrays import as_numpy, as_tensor
from latentomics.signatures.blocks import Problem, State, logits, losses, step

LOOK_EVERY = 10  # iterations
SETTLED_LOOKS = 2  # in a row


class Look(NamedTuple):
    """The loss of a run at one of its looks."""

    run: int
    iteration: int  # since the warm-up
    phase: int  # 0 until the first pseudo-labels
    loss: float


@dataclass
class Runs:
    """State and history of a batch of runs.

    Attributes
    ----------
    state : State
    problem : Problem
        With the pseudo-labels given so far.
    n_iter : ndarray of int of shape (R,)
        Iterations after the warm-up.
    settled : ndarray of bool of shape (R,)
        False where a phase reached `max_iter` first, or the loss rose.
    history : list of Look
        One for each look at each run.
    """

    state: State
    problem: Problem
    n_iter: np.ndarray
    settled: np.ndarray
    history: list[Look] = field(default_factory=list)


class Setting(NamedTuple):
    """The parameters in which runs of one batch may differ: one point of a grid."""

    n_components: int
    lam_c: float
    lam_2: float


def start_runs(X, Y, labelled, settings, *, n_runs, unlabelled, seed, device, dtype):
    """Return all runs at their random starts: `n_runs` for each setting.

    A start depends only on the seed, the number of the run and the sizes, never on the
    rest of the batch.

    Parameters
    ----------
    X : ndarray of shape (N, M)
        Profiles; rows sum to 1.
    Y : ndarray of shape (O, N)
    labelled : bool ndarray of shape (N,)
    settings : list of Setting
    """
    each = [setting for setting in settings for _ in range(n_runs)]
    sizes = np.array([setting.n_components for setting in each])
    S, E = _draw_starts(sizes, n_runs, seed, *X.shape)
    tensor = partial(as_tensor, device=device, dtype=dtype)
    problem = Problem(
        X=tensor(X),
        lam_c=tensor([setting.lam_c for setting in each]),
        lam_2=tensor([setting.lam_2 for setting in each]),
        alive=tensor(np.arange(sizes.max()) < sizes[:, None]),
        Y=tensor(np.broadcast_to(Y, (len(each), *Y.shape))),
        labelled=tensor(np.broadcast_to(labelled, (len(each), len(X)))),
        unlabelled=unlabelled,
    )
    W = problem.X.new_zeros(len(each), sizes.max(), len(Y))
    n_iter, settled = np.zeros(len(each), dtype=int), np.ones(len(each), dtype=bool)
    return Runs(State(tensor(S), tensor(E), W), problem, n_iter, settled)


def _draw_starts(sizes, n_runs, seed, n, n_channels):
    """Draw signatures on the simplex, and exposures that sum to about 1."""
    S = np.full((len(sizes), sizes.max(), n_channels), 1 / n_channels)
    E = np.zeros((len(sizes), sizes.max(), n))
    for run, K in enumerate(sizes):
        rng = np.random.default_rng([seed, run % n_runs])
        S[run, :K] = rng.dirichlet(np.ones(n_channels), K)
        E[run, :K] = rng.uniform(0, 2 / K, (K, n))
    return S, E


def warm_up(runs, n_iter, n_runs=None):
    """Factorise without labels first: used too early, they fix random signatures.

    Without labels, settings with the same number of signatures do not differ, so each
    of their `n_runs` starts is run only once.
    """
    sizes = as_numpy(runs.problem.alive.sum(dim=1)).tolist()
    n_runs = n_runs or len(sizes)
    starts = [(size, run % n_runs) for run, size in enumerate(sizes)]
    distinct = list(dict.fromkeys(starts))
    which = [starts.index(start) for start in distinct]
    problem, state = runs.problem.of(which), runs.state.of(which)
    for _ in range(n_iter):
        state = step(problem, state, labels=False)
    runs.state = state.of([distinct.index(start) for start in starts])


def settle(runs, which, *, phase, tol, max_iter, update=step):
    """Iterate the runs `which` until the loss of each has settled, and record it.

    A run has settled once the relative change of its loss is below `tol` at two looks
    in a row, ten iterations apart.
    """
    # Not `iterate`: each run of the batch stops, and is recorded, on its own
    which = torch.arange(len(runs.n_iter), device=runs.problem.X.device)[list(which)]
    problem, state = runs.problem.of(which), runs.state.of(which)
    loss = losses(problem, state)
    _record(runs, which, 0, phase, loss)
    calm, rose = torch.zeros_like(loss), torch.zeros_like(loss, dtype=torch.bool)
    for n_iter in range(1, max_iter + 1):
        state = update(problem, state)
        if n_iter % LOOK_EVERY and n_iter < max_iter:
            continue
        before, loss = loss, losses(problem, state)
        _check_finite(loss, n_iter)
        _record(runs, which, n_iter, phase, loss)
        change = (loss - before) / loss.abs().clamp(min=torch.finfo(loss.dtype).tiny)
        rose = rose | (loss - before > rounding(problem, loss))
        calm = torch.where(change.abs() < tol, calm + 1, 0)
        at_rest = calm >= SETTLED_LOOKS
        ends = at_rest | (n_iter == max_iter)
        if ends.any():
            here = as_numpy(which[ends])
            runs.state.put(which[ends], state.of(ends))
            runs.n_iter[here] += n_iter
            runs.settled[here] &= as_numpy((at_rest & ~rose)[ends])
            which, loss, calm, rose = (v[~ends] for v in (which, loss, calm, rose))
            problem, state = problem.of(~ends), state.of(~ends)
            if not len(which):
                return


def rounding(problem, loss):
    """Return how much a loss may rise through rounding alone."""
    size = problem.X.square().sum() + loss.abs()
    return 1e3 * torch.finfo(problem.X.dtype).eps * size


def _record(runs, which, n_iter, phase, loss):
    for run, value in zip(as_numpy(which), as_numpy(loss), strict=True):
        at = int(runs.n_iter[run]) + n_iter
        runs.history.append(Look(int(run), at, phase, float(value)))


def _check_finite(loss, n_iter):
    if not torch.isfinite(loss).all():
        raise FloatingPointError(
            f"the loss of a run is no longer finite after {n_iter} iterations; this "
            "update diverges here, 'mm' cannot"
        )


def part(runs, place, model):
    """Return a copy of a model's runs, without padded signatures."""
    K, first = model.n_components, place * model.n_runs
    here = slice(first, first + model.n_runs)
    problem, state = runs.problem.of(here), runs.state.of(here)
    return Runs(
        State(state.S[:, :K].clone(), state.E[:, :K].clone(), state.W[:, :K].clone()),
        replace(problem, alive=problem.alive[:, :K]),
        runs.n_iter[here].copy(),
        runs.settled[here].copy(),
        [
            look._replace(run=look.run - first)
            for look in runs.history
            if first <= look.run < here.stop
        ],
    )


def probabilities(runs):
    """Return the class probabilities of each sample by run, shape (R, O, N)."""
    return as_numpy(logits(runs.state).softmax(dim=1))


def give_labels(runs, Y, labelled):
    """Replace the labels of all runs, arrays (R, O, N) and (R, N)."""
    X = runs.problem.X
    Y, labelled = (as_tensor(M, device=X.device.type).to(X) for M in (Y, labelled))
    runs.problem = replace(runs.problem, Y=Y, labelled=labelled)
