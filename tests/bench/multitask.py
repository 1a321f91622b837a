"""How fast part III is: whole paths of lam, ours and the paper's way side by side.

One thread of the CPU. All solvers go down the same lam, each from where it ended
before, to the same duality gap; what is timed, in seconds of processor, is
:meth:`fit_path`, checks included.
"""

import subprocess
import sys
import time
from pathlib import Path

import elastic_nets
import numpy as np

from latentomics.multitask import TraceNormRegressor
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
MIDDLE = {"n_lines": 200, "n_features": 4000, "n_drugs": 50}
GROWTH = {
    "n_features": (1000, 4000, 16_000, 64_000),
    "n_lines": (50, 100, 200, 400),
    "n_drugs": (25, 50, 100, 200, 400),
}


def rows():
    """Yield one row for each solver and task, for ``speed.csv``."""
    _row("", "", planted_mechanisms(**RACE), "split", 2)  # what is slow only once
    for n_lines, n_drugs, missing in PATHS:
        size = {"n_lines": n_lines, "n_features": N_FEATURES, "n_drugs": n_drugs}
        task = f"path of 50, N {n_lines}, T {n_drugs}, {missing:.0%} missing"
        made = planted_mechanisms(**size, missing=missing)
        for solver in ("split", "fista"):
            row = _row(task, solver, made, solver, 50)
            if solver == "split":
                row["memory_gib"] = peak_memory(n_lines, n_drugs, missing)
            yield row
        single = TraceNormRegressor(tol=GAP, dtype="float32", device="cpu")
        yield _row(task, "split, float32", made, single, 50, dtype="float32")
    yield from race()
    yield from elastic_nets.rows()
    for name, values in GROWTH.items():
        for value in values:
            made = planted_mechanisms(**(MIDDLE | {name: value}), missing=0.2)
            yield _row(f"growth, {name} {value}", "split", made, "split", 50)


def race():
    """Yield the four solvers on a size where the paper's way comes to its end."""
    made = planted_mechanisms(**RACE)
    task = "race, N {n_lines}, P {n_features}, T {n_drugs}".format(**RACE)
    for solver in ("split", "fista", "sample_space", "paper"):
        yield _row(task, solver, made, solver, RACE_LAMS)


def _row(task, who, made, solver, n_lams, dtype="float64"):
    model = solver
    if isinstance(solver, str):
        model = SOLVERS[solver](tol=GAP, device="cpu")
    X, Y = made.X.to_numpy(), made.Y.to_numpy()
    start = time.process_time()
    path = model.fit_path(X, Y, trace_norm_grid(n_lams))
    seconds = time.process_time() - start
    iterations = sum(trace.n_iter for trace in path.traces)
    found = {"task": task, "who": who, "seconds": seconds, "iterations": iterations}
    return found | {"dtype": dtype}


def peak_memory(n_lines, n_drugs, missing):
    """Return the GiB that a path needs beyond the data, in a process of its own."""
    code = (
        "import multitask as m; print(m.memory_of_path("
        f"{n_lines}, {n_drugs}, {missing}))"
    )
    here = str(Path(__file__).parent)
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=here, capture_output=True, check=True
    )
    return float(found.stdout)


def memory_of_path(n_lines, n_drugs, missing):
    """Fit a path, and return by how many GiB the peak of this process rose."""
    rng = np.random.default_rng(0)  # drawn in place: making a screen takes more memory
    X = rng.normal(size=(n_lines, N_FEATURES))
    Y = X[:, :10] @ rng.normal(size=(10, n_drugs))
    Y[rng.random(Y.shape) < missing] = np.nan
    before = _high_water()
    TraceNormRegressor(tol=GAP, device="cpu").fit_path(X, Y, trace_norm_grid(50))
    return (_high_water() - before) / 2**20


def _high_water():
    """Return the peak memory of this process so far, KiB; a child begins at its own.

    `ru_maxrss` would begin at that of the process which started this one.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
