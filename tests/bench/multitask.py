"""How fast part III is: whole paths of lam, ours and the paper's way side by side.

One thread of the CPU. All solvers go down the same lam, each from where it ended
before, to the same duality gap; what is timed is :meth:`fit_path`, checks included.
"""

import warnings
from functools import partial

import elastic_nets
import numpy as np
from published_kbmtl import published_kbmtl
from sklearn.exceptions import ConvergenceWarning
from timing import gib, in_a_new_process, in_turns

from latentomics.multitask import KBMTL, TraceNormRegressor
from latentomics.multitask.trace_norm import trace_norm_grid
from latentomics.studies.multitask.rival_solvers import SOLVERS
from latentomics.studies.multitask.simulate import planted_mechanisms

GAP = 1e-3
# lines, drugs, share missing: the paper's own sizes among them, 20,000 features
PATHS = ((500, 24, 0.2), (240, 350, 0.0), (240, 350, 0.2), (59, 255, 0.2))
N_FEATURES = 20_000
# where the paper's way, which works on all features, still ends within minutes
RACE = {"n_lines": 120, "n_features": 20_000, "n_drugs": 60, "missing": 0.2}
RACE_LAMS = 20
RACERS = ("split", "fista", "sample_space", "paper")
MIDDLE = {"n_lines": 200, "n_features": 4000, "n_drugs": 50}
GROWTH = {
    "n_features": (1000, 4000, 16_000, 64_000),
    "n_lines": (50, 100, 200, 400),
    "n_drugs": (25, 50, 100, 200, 400),
}


KBMTL_SIZE = {"n_lines": 200, "n_features": 1000, "n_drugs": 50, "missing": 0.2}
KBMTL_STEPS = 10


def rows():
    """Yield one row for each solver and task, for ``speed.csv``."""
    _path(planted_mechanisms(**RACE), "split", 2)  # what is slow only once
    single = TraceNormRegressor(tol=GAP, dtype="float32", device="cpu")
    for n_lines, n_drugs, missing in PATHS:
        size = {"n_lines": n_lines, "n_features": N_FEATURES, "n_drugs": n_drugs}
        task = f"path of 50, N {n_lines}, T {n_drugs}, {missing:.0%} missing"
        made = planted_mechanisms(**size, missing=missing)
        solvers = {"split": "split", "fista": "fista", "split, float32": single}
        memory = f"multitask.memory_of_path({n_lines}, {n_drugs}, {missing})"
        more = {"split": {"memory_gib": in_a_new_process(memory)}}
        more["split, float32"] = {"dtype": "float32"}
        for row in _paths(task, made, solvers, 50):
            yield row | more.get(row["who"], {})
    made = planted_mechanisms(**RACE)
    task = "race, N {n_lines}, P {n_features}, T {n_drugs}".format(**RACE)
    yield from _paths(task, made, {name: name for name in RACERS}, RACE_LAMS)
    yield from elastic_nets.rows()
    yield from kbmtl()
    for name, values in GROWTH.items():
        for value in values:
            made = planted_mechanisms(**(MIDDLE | {name: value}), missing=0.2)
            yield from _paths(f"growth, {name} {value}", made, {"split": "split"}, 50)


def _paths(task, made, solvers, n_lams):
    ways = {
        who: partial(_path, made, solver, n_lams) for who, solver in solvers.items()
    }
    for who, (path, timing) in in_turns(ways).items():
        iterations = sum(trace.n_iter for trace in path.traces)
        gap = max(trace.gap[-1] for trace in path.traces)
        found = {"iterations": iterations, "dtype": "float64"}
        found |= {"measure": "duality gap", "value": gap}
        yield {"task": task, "who": who, **timing, **found}


def _path(made, solver, n_lams):
    model = solver
    if isinstance(solver, str):
        model = SOLVERS[solver](tol=GAP, device="cpu")
    return model.fit_path(made.X.to_numpy(), made.Y.to_numpy(), trace_norm_grid(n_lams))


def kbmtl():
    """Yield KBMTL beside a loop over lines and drugs; both must say the same."""
    made = planted_mechanisms(**KBMTL_SIZE)
    X, Y = made.X.to_numpy(), made.Y.to_numpy()
    model = KBMTL(tol=0, max_iter=KBMTL_STEPS, device="cpu")

    def ours():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X, Y)

    K = ours()._kernel(X)
    theirs = partial(published_kbmtl, K, Y - np.nanmean(Y, axis=0), KBMTL_STEPS)
    ways = in_turns({"ours": ours, "published loop": theirs})
    A, W = ways["published loop"][0]
    apart = np.abs(A @ W - model.projection_ @ model.weights_).max()
    assert apart < 1e-6
    task = "KBMTL, {n_lines} lines, {n_drugs} drugs".format(**KBMTL_SIZE)
    for who, (_, timing) in ways.items():
        more = {"iterations": KBMTL_STEPS, "dtype": "float64"}
        more |= {"measure": "largest difference", "value": apart}
        yield {"task": task, "who": who, **timing, **more}


def memory_of_path(n_lines, n_drugs, missing):
    """Fit a path, and return by how many GiB the peak of this process rose."""
    rng = np.random.default_rng(0)  # drawn in place: making a screen takes more memory
    X = rng.normal(size=(n_lines, N_FEATURES))
    Y = X[:, :10] @ rng.normal(size=(10, n_drugs))
    Y[rng.random(Y.shape) < missing] = np.nan
    before = gib("VmHWM")
    TraceNormRegressor(tol=GAP, device="cpu").fit_path(X, Y, trace_norm_grid(50))
    return gib("VmHWM") - before
