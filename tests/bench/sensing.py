"""How fast part V is: pursuit and SMAF beside SPAMS, and a file too large for memory.

One thread of the CPU, seconds of processor. Pursuits are the least of some laps in
which solvers take turns, so that what else the machine does is no one's disadvantage.
SPAMS (``spams-bin``) is timed where it is installed.
"""

import time
from importlib import import_module
from importlib.util import find_spec

import large_file
import numpy as np
from sklearn.linear_model import orthogonal_mp

from latentomics.sensing import SMAF
from latentomics.solvers.pursuit import pursuit
from latentomics.studies.sensing.simulate import planted_modules

N_SAMPLES, N_ATOMS, K = 1000, 500, 15
LENGTHS = (500, 5000)
LAPS = 7


def rows():
    """Yield one row for each task and who did it, for ``speed.csv``."""
    for length in LENGTHS:
        yield from pursuits(*coded(length))
    yield from factorizations()
    yield from large_file.rows()


def coded(length, random_state=0):
    """Return atoms of length 1, and samples of about 15 of them with noise."""
    rng = np.random.default_rng(random_state)
    D = rng.normal(size=(N_ATOMS, length))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    W = rng.gamma(2.0, size=(N_SAMPLES, N_ATOMS))
    W *= rng.random(W.shape) < K / N_ATOMS
    return D, W @ D + 0.1 * rng.normal(size=(N_SAMPLES, length)) / length**0.5


def pursuits(D, Y):
    """Yield who took how long for the same codes."""
    cpu = {"device": "cpu"}
    solvers = {
        "ours": lambda: pursuit(D, Y, K, **cpu),
        "ours, float32": lambda: pursuit(D, Y, K, dtype="float32", **cpu),
        "ours, omp": lambda: pursuit(D, Y, K, method="omp", **cpu),
        "scikit-learn, omp": lambda: orthogonal_mp(
            D.T, Y.T, n_nonzero_coefs=K, precompute=True
        ),
    }
    if find_spec("spams"):
        solvers["spams"] = their_pursuit(D, Y)
    least = dict.fromkeys(solvers, np.inf)
    for _ in range(LAPS):
        for who, solve in solvers.items():
            begin = time.process_time()
            solve()
            least[who] = min(least[who], time.process_time() - begin)
    for who, seconds in least.items():
        dtype = "float32" if "float32" in who else "float64"
        facts = {"seconds": seconds, "iterations": K, "dtype": dtype}
        yield {"task": f"pursuit, atoms of length {D.shape[1]}", "who": who, **facts}


def their_pursuit(D, Y):
    """Return SPAMS' ORMP on matrices laid out as it wants them."""
    omp = import_module("spams").omp
    D, Y = np.asfortranarray(D.T), np.asfortranarray(Y.T)
    return lambda: omp(Y, D, L=K, return_reg_path=False, numThreads=1)


def factorizations():
    """Yield how long SMAF takes end to end, 10,000 samples of 500 genes."""
    X = planted_modules(10_000, 500).X.to_numpy(dtype=float)
    X = X / X.max(axis=0).clip(min=1)
    solvers = {
        "ours": lambda: SMAF(500, device="cpu").fit(X),
        "ours, float32": lambda: SMAF(500, device="cpu", dtype="float32").fit(X),
    }
    if find_spec("spams"):
        theirs = import_module("published_smaf").published_smaf
        solvers["spams"] = lambda: theirs(X, 500)
    for who, solve in solvers.items():
        begin = time.process_time()
        solve()
        seconds = time.process_time() - begin
        dtype = "float32" if "float32" in who else "float64"
        facts = {"seconds": seconds, "iterations": 10, "dtype": dtype}
        yield {"task": "SMAF, 10000 x 500, 500 modules", "who": who, **facts}
