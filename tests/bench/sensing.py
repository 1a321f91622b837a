"""How fast part V is: pursuit and SMAF beside SPAMS, and a file too large for memory.

One thread of the CPU. SPAMS (``spams-bin``) is timed where it is installed.
"""

import warnings
from functools import partial
from importlib import import_module
from importlib.util import find_spec

import large_file
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import orthogonal_mp
from sklearn.neural_network import MLPRegressor
from timing import in_turns

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.sensing import (
    KSVD,
    SMAF,
    GaussianMeasurement,
    MLPDecoder,
    OnlineDictionary,
)
from latentomics.sensing.dictionary_base import first_atoms
from latentomics.solvers.pursuit import pursuit
from latentomics.studies.sensing.simulate import planted_modules

N_SAMPLES, N_ATOMS, K = 1000, 500, 15
LENGTHS = (500, 5000)
SMAF_SIZE = (10_000, 500)  # samples, genes; as many modules as genes
SMALL = (2000, 300)
ATOMS, PASSES, EPOCHS, HIDDEN = 100, 5, 20, (500, 500, 500)


def rows():
    """Yield one row for each task and who did it, for ``speed.csv``."""
    for length in LENGTHS:
        yield from pursuits(*coded(length))
    yield from factorizations()
    yield from dictionaries()
    yield from networks()
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
    for who, (W, timing) in in_turns(solvers).items():
        W = W.T if W.shape[0] == N_ATOMS else W
        left = np.square(Y - W @ D).sum() / np.square(Y).sum()
        dtype = "float32" if "float32" in who else "float64"
        facts = {**timing, "iterations": K, "dtype": dtype}
        facts |= {"measure": "share unexplained", "value": left}
        yield {"task": f"pursuit, atoms of length {D.shape[1]}", "who": who, **facts}


def their_pursuit(D, Y):
    """Return SPAMS' ORMP on matrices laid out as it wants them."""
    omp = import_module("spams").omp
    D, Y = np.asfortranarray(D.T), np.asfortranarray(Y.T)
    return lambda: omp(Y, D, L=K, return_reg_path=False, numThreads=1)


def factorizations():
    """Yield how long SMAF takes end to end."""
    n, g = SMAF_SIZE
    X = planted_modules(n, g).X.to_numpy(dtype=float)
    X = X / X.max(axis=0).clip(min=1)
    solvers = {
        "ours": lambda: SMAF(g, device="cpu").fit(X),
        "ours, float32": lambda: SMAF(g, device="cpu", dtype="float32").fit(X),
    }
    if find_spec("spams"):
        theirs = import_module("published_smaf").published_smaf
        solvers["spams"] = lambda: theirs(X, g)
    for who, (_, timing) in in_turns(solvers).items():
        dtype = "float32" if "float32" in who else "float64"
        facts = {**timing, "iterations": 10, "dtype": dtype}
        yield {"task": f"SMAF, {n} x {g}, {g} modules", "who": who, **facts}


def dictionaries():
    """Yield K-SVD and the online dictionary, with what each leaves unexplained."""
    n, g = SMALL
    X = planted_modules(n, g).X.to_numpy(dtype=float)
    X, k = X - X.mean(axis=0), 5
    given = {"n_nonzero": k, "tol": 0, "max_iter": PASSES, "device": "cpu"}
    D = as_numpy(first_atoms(as_tensor(X, device="cpu"), ATOMS, generator(0)))
    ours, online = KSVD(ATOMS, **given), OnlineDictionary(ATOMS, **given)
    yield from _dictionaries(
        f"K-SVD, {n} x {g}, {ATOMS} atoms",
        X,
        k,
        {"ours": lambda: _atoms(ours, X), "NumPy loop": partial(ksvd_loop, X, D, k)},
    )
    ways = {"ours": lambda: _atoms(online, X)}
    if find_spec("spams"):
        how = {"mode": 3, "lambda1": k, "numThreads": 1, "verbose": False}
        how |= {"batchsize": 256, "iter": PASSES * -(-n // 256)}
        columns = np.asfortranarray(X.T), np.asfortranarray(D.T)
        learn = import_module("spams").trainDL
        ways["spams"] = lambda: learn(columns[0], D=columns[1], **how).T
    yield from _dictionaries(f"online dictionary, {n} x {g}, {ATOMS}", X, k, ways)


def _atoms(model, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X).components_


def _dictionaries(task, X, k, ways):
    for who, (D, timing) in in_turns(ways).items():
        D = D / np.linalg.norm(D, axis=1, keepdims=True).clip(min=1e-300)
        left = np.square(X - pursuit(D, X, k) @ D).sum() / np.square(X).sum()
        facts = {"iterations": PASSES, "dtype": "float64"}
        facts |= {"measure": "share unexplained", "value": left}
        yield {"task": task, "who": who, **timing, **facts}


def ksvd_loop(X, D, k):
    """K-SVD as it is usually written: OMP, then an SVD for each atom."""
    D = D / np.linalg.norm(D, axis=1, keepdims=True)
    for _ in range(PASSES):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            W = orthogonal_mp(D.T, X.T, n_nonzero_coefs=k, precompute=True).T
        for j in range(len(D)):
            users = np.flatnonzero(W[:, j])
            if len(users):
                own = X[users] - W[users] @ D + np.outer(W[users, j], D[j])
                U, sizes, V = np.linalg.svd(own, full_matrices=False)
                D[j], W[users, j] = V[0], sizes[0] * U[:, 0]
    return D


def networks():
    """Yield a network of the paper's size trained by ours and by scikit-learn."""
    n, g = SMALL
    X = planted_modules(n, g).X.to_numpy(dtype=np.float32)
    A = GaussianMeasurement(50, random_state=0).fit(X).components_
    ours = MLPDecoder(HIDDEN, max_epochs=EPOCHS, validation_fraction=0, device="cpu")
    how = {
        "batch_size": ours.batch_size,
        "max_iter": EPOCHS,
        "n_iter_no_change": EPOCHS,
    }
    theirs = MLPRegressor(hidden_layer_sizes=HIDDEN, random_state=0, **how)
    Y = X @ A.T.astype(np.float32)

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs.fit(Y, X)

    ways = {"ours": lambda: ours.fit(X, A), "scikit-learn": fit}
    for who, (_, timing) in in_turns(ways).items():
        facts = {"iterations": EPOCHS, "dtype": "float32"}
        yield {"task": f"network, {n} x {g}, 50 sums", "who": who, **timing, **facts}
