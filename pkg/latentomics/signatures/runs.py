"""Many runs of a labelled NMF side by side, each until it settles."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from latentomics.arrays import as_mask, as_numpy, as_tensor
from latentomics.signatures.blocks import Problem, State, logits, losses, step

LOOK_EVERY = 10  # iterations
SETTLED_LOOKS = 2  # in a row


@dataclass
class Runs:
    """State and history of a batch of runs.

    Attributes
    ----------
    state : State
    problem : Problem
        With the pseudo-labels given so far.
    history : dict of str to list
        `run`, `iteration`, `phase` (0 until the first pseudo-labels) and `loss`, one
        entry for each look at each run.
    n_iter : ndarray of int of shape (R,)
        Iterations after the warm-up.
    settled : ndarray of bool of shape (R,)
        False where a phase reached `max_iter` first, or the loss rose.
    """

    state: State
    problem: Problem
    history: dict = field(
        default_factory=lambda: {"run": [], "iteration": [], "phase": [], "loss": []}
    )
    n_iter: np.ndarray = None
    settled: np.ndarray = None


@dataclass(frozen=True)
class Setting:
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
    where = {"device": device, "dtype": dtype}
    widest = max(s.n_components for s in settings)
    drawn = [_start(len(X), X.shape[1], widest, s, seed, n_runs) for s in settings]
    S, E, alive = (np.concatenate(part) for part in zip(*drawn, strict=True))
    each = np.repeat(np.arange(len(settings)), n_runs)
    problem = Problem(
        as_tensor(X, **where),
        as_tensor([settings[i].lam_c for i in each], **where),
        as_tensor([settings[i].lam_2 for i in each], **where),
        as_tensor(alive, **where),
        as_tensor(np.broadcast_to(Y, (len(each), *Y.shape)), **where),
        as_mask(np.broadcast_to(labelled, (len(each), len(X))), device=device),
        unlabelled,
    )
    problem.labelled = problem.labelled.to(problem.X)
    W = problem.X.new_zeros(len(each), widest, len(Y))
    state = State(as_tensor(S, **where), as_tensor(E, **where), W)
    runs = Runs(state, problem)
    runs.n_iter = np.zeros(len(each), dtype=int)
    runs.settled = np.ones(len(each), dtype=bool)
    return runs


def _start(n, n_channels, widest, setting, seed, n_runs):
    """Draw signatures on the simplex, and exposures that sum to about 1."""
    K = setting.n_components
    S = np.full((n_runs, widest, n_channels), 1 / n_channels)
    E = np.zeros((n_runs, widest, n))
    for run in range(n_runs):
        rng = np.random.default_rng([seed, run])
        S[run, :K] = rng.dirichlet(np.ones(n_channels), K)
        E[run, :K] = rng.uniform(0, 2 / K, (K, n))
    return S, E, np.repeat(np.arange(widest)[None] < K, n_runs, axis=0)


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
        ends = (calm >= SETTLED_LOOKS) | (n_iter == max_iter)
        if ends.any():
            here = as_numpy(which[ends])
            runs.state.put(which[ends], state.of(ends))
            runs.n_iter[here] += n_iter
            runs.settled[here] &= as_numpy((calm >= SETTLED_LOOKS) & ~rose)[
                as_numpy(ends)
            ]
            which, loss, calm, rose = (v[~ends] for v in (which, loss, calm, rose))
            problem, state = problem.of(~ends), state.of(~ends)
            if not len(which):
                return


def rounding(problem, loss):
    """Return how much a loss may rise through rounding alone."""
    size = problem.X.square().sum() + loss.abs()
    return 1e3 * torch.finfo(problem.X.dtype).eps * size


def _record(runs, which, n_iter, phase, loss):
    here = as_numpy(which)
    runs.history["run"] += here.tolist()
    runs.history["iteration"] += (runs.n_iter[here] + n_iter).tolist()
    runs.history["phase"] += [phase] * len(here)
    runs.history["loss"] += as_numpy(loss).tolist()


def _check_finite(loss, n_iter):
    if not torch.isfinite(loss).all():
        raise FloatingPointError(
            f"the loss of a run is no longer finite after {n_iter} iterations; this "
            "update diverges here, 'mm' cannot"
        )


def part(runs, place, model):
    """Return a copy of a model's runs, without padded signatures."""
    here, K = (
        slice(place * model.n_runs, (place + 1) * model.n_runs),
        model.n_components,
    )
    problem, state = runs.problem.of(here), runs.state.of(here)
    problem = replace(problem, alive=problem.alive[:, :K])
    kept = (state.S[:, :K], state.E[:, :K], state.W[:, :K])
    state = State(*(block.clone() for block in kept))
    mine = [here.start <= run < here.stop for run in runs.history["run"]]
    history = {
        name: [v for v, m in zip(values, mine, strict=True) if m]
        for name, values in runs.history.items()
    }
    history["run"] = [run - here.start for run in history["run"]]
    facts = runs.n_iter[here].copy(), runs.settled[here].copy()
    return Runs(state, problem, history, *facts)


def probabilities(runs):
    """Return the class probabilities of each sample by run, shape (R, O, N)."""
    return as_numpy(logits(runs.state).softmax(dim=1))


def give_labels(runs, Y, labelled):
    """Replace the labels of all runs, arrays (R, O, N) and (R, N)."""
    where = {"device": runs.problem.X.device.type}
    dtype = str(runs.problem.X.dtype).removeprefix("torch.")
    runs.problem = replace(
        runs.problem,
        Y=as_tensor(Y, dtype=dtype, **where),
        labelled=as_tensor(labelled, dtype=dtype, **where),
    )
