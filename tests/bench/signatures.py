"""How fast part IV is: ten runs to their consensus, ours and the published way.

One thread of the CPU, seconds of processor. The published way goes through one run
after the other, 10,000 iterations or more of the printed update each; that would take
a quarter of an hour, so it is the mean of some iterations times how many there are.
"""

import time
import warnings

import numpy as np
import pandas as pd
from published_snmf import iteration, start
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import as_tensor, generator
from latentomics.data import available, load
from latentomics.signatures import SemiSupervisedNMF, refit_exposures

N_RUNS = 10
THEIR_ITERATIONS = 10_000  # the least of their stopping rule
LAPS = 200
REPEATS = 5
SIZE = {"n": 800, "K": 7}
GROWTH = {"n": (1000, 5000, 20_000), "K": (5, 10, 20, 30)}


def made(n=800, K=7, seed=0):
    """Return counts of `n` samples of K signatures; half of them have a label."""
    rng = np.random.default_rng(seed)
    S, E = rng.dirichlet(np.full(96, 0.1), K), rng.dirichlet(np.full(K, 0.3), n)
    y = E[:, :4].argmax(axis=1)
    y[n // 2 :] = -1
    return rng.poisson(500 * E @ S) + (np.arange(96) == 0), y


def rows():
    """Yield one row for each task and who did it, for ``speed.csv``."""
    X, y = made()
    _ours(X, y, 7)  # what is slow only once
    task = "ten runs to their consensus, 800 samples, 7 signatures"
    yield {"task": task, "who": "ours", **_ours(X, y, 7)}
    yield {"task": task, "who": "published scheme", **published(X, y)}
    X, y = made()
    alone = [_ours(X, y, 7, n_runs=1, random_state=r) for r in range(N_RUNS)]
    alone = pd.DataFrame(alone).agg({"seconds": "sum", "iterations": "max"})
    yield {"task": task, "who": "ours, run after run", **alone, "dtype": "float64"}
    for n in GROWTH["n"]:
        yield {"task": f"growth, samples {n}", "who": "ours", **_ours(*made(n), 7)}
    for K in GROWTH["K"]:
        row = _ours(*made(K=max(K, 7)), K)
        yield {"task": f"growth, signatures {K}", "who": "ours", **row}
    S, X = made()[0][:30] / 1.0, made(20_000)[0]
    begin = time.process_time()
    refit_exposures(X, S)
    row = {"seconds": time.process_time() - begin, "dtype": "float64"}
    yield {"task": "NNLS, 20000 x 30", "who": "ours", **row}
    if available("tcga_sbs96") and available("cosmic_sbs"):
        yield from refits(load("tcga_sbs96"), load("cosmic_sbs"))


def refits(X, S):
    """Yield exposures of all TCGA exomes to all of COSMIC: ours, and SciPy's."""
    X, S = X.to_numpy(), S.to_numpy()
    ways = {
        "ours": lambda: refit_exposures(X, S),
        "SciPy loop": lambda: np.array([nnls(S.T, x)[0] for x in X]),
    }
    found = {who: timed(way) for who, way in ways.items()}
    (ours, _), (theirs, _) = found.values()
    assert np.abs(ours - theirs).max() < 1e-9 * theirs.max()
    for who, (_, row) in found.items():
        yield {"task": "NNLS, TCGA x COSMIC", "who": who, **row, "dtype": "float64"}


def timed(act):
    """Return a result, and the median, least and largest seconds of processor."""
    seconds = []
    for _ in range(REPEATS):
        begin = time.process_time()
        result = act()
        seconds.append(time.process_time() - begin)
    return result, {
        "seconds": np.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "repeats": REPEATS,
    }


def _ours(X, y, K, **given):
    model = SemiSupervisedNMF(K, n_runs=N_RUNS, device="cpu").set_params(**given)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    seconds = time.process_time() - begin
    return {"seconds": seconds, "iterations": model.n_iter_, "dtype": "float64"}


def published(X, y):
    """Time some iterations of one run, and say what all of all runs would take."""
    V = as_tensor((X / X.sum(axis=1, keepdims=True)).T[None], device="cpu")
    Y = as_tensor((np.arange(4)[:, None] == y)[None], device="cpu")
    state = start(V, Y, SIZE["K"], generator(0))
    begin = time.process_time()
    for _ in range(LAPS):
        state = iteration(V, Y, *state, 0.1, 1e-3)
    each = (time.process_time() - begin) / LAPS
    seconds = N_RUNS * THEIR_ITERATIONS * each
    return {"seconds": seconds, "iterations": THEIR_ITERATIONS, "dtype": "float64"}
