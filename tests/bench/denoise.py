"""How fast part II is: `make bench` runs this and stores ``book/results/speed.csv``.

One thread of the CPU, the best of five runs. Of the published loop one iteration is
timed, as the mean of fifty.
"""

import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from published_loop import published_loop
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import generator
from latentomics.data import load
from latentomics.denoise import (
    DeepMatrixFactorization,
    ResidualThresholdedDMF,
    Trimmed,
)
from latentomics.denoise.chain import balanced_start, chain_gradient, tails
from latentomics.studies.denoise import experiments

PUBLISHED = {"hidden": (500,) * 4, "sd": 1e-3, "learning_rate": 1e-3}
LAPS = 50
BIG = (5000, 2000)
REPEATS = 5


def timed(work):
    """Return the least seconds of several runs, after one to warm up."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def fit(model, X, validation):
    """Fit, and let too few iterations pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, validation=validation)


def published_iteration(planted):
    """Seconds of one iteration of the published loop."""
    given = (planted.D, planted.seen, planted.validation)
    M, seen, held = map(torch.tensor, given)
    lap = published_loop(M, seen, held, **PUBLISHED, n_iter=LAPS) / LAPS
    task = "one iteration, 5 factors of width 500"
    return _row(task, "published loop", lap, dtype="float64")


def per_iteration(planted, hidden, n_iter=400):
    """Seconds of one iteration, and of its matrix products alone."""
    X, held = experiments.visible(planted), planted.validation
    given = {"scale": None, "device": "cpu", "patience": 10**6}

    def run(n):
        loss = Trimmed(0.15)
        model = DeepMatrixFactorization(hidden, loss=loss, max_iter=n, **given)
        return timed(lambda: fit(model, X, held))

    factors = balanced_start([800, *hidden, 100], 1e-3, generator(0))
    factors = [M.float() for M in factors]
    G = torch.ones(800, 100)

    def products():
        for _ in range(n_iter):
            chain_gradient(factors, tails(factors), G)

    name = f"one iteration, {len(hidden) + 1} factors"
    yield _row(name, "ours", (run(n_iter + 40) - run(40)) / n_iter)
    yield _row(name, "matrix products alone", timed(products) / n_iter)


def whole_fit(planted):
    """Seconds of the method of chapter 23 from data to answer, all starts."""
    model = experiments.deep_methods(planted, 0, device="cpu")["rt_dmf_mean"]
    start = time.perf_counter()
    model()
    seconds = time.perf_counter() - start
    return _row("two-block, whole fit of rt_dmf_mean", "ours", seconds)


def peak_memory():
    """GiB that 20 iterations on 5,000 x 2,000 add to a new process."""
    code = "import denoise; print(*denoise.measure_memory())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    seconds, gib = map(float, done.stdout.split())
    return _row("5,000 x 2,000", "ours", seconds, iterations=20, memory_gib=gib)


def measure_memory():
    """Return the seconds and the growth of the largest resident size, GiB, of a fit."""
    torch.set_num_threads(1)
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    X = np.random.default_rng(0).normal(size=BIG)
    model = ResidualThresholdedDMF(2.5, max_iter=20, device="cpu", tol=0)
    start = time.perf_counter()
    fit(model, X, None)
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - kib
    return seconds, grown / 2**20


def rows():
    """Yield one dict per measurement."""
    planted = load("rtdmf_twoblock")
    yield peak_memory()
    for hidden in ((100,), (100, 100)):
        yield from per_iteration(planted, hidden)
    yield whole_fit(planted)
    yield published_iteration(planted)


def _row(task, who, seconds, iterations=1, dtype="float32", memory_gib=None):
    row = {"task": task, "who": who, "seconds": seconds, "iterations": iterations}
    return {**row, "dtype": dtype, "memory_gib": memory_gib}
