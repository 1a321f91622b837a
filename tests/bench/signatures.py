"""How fast part IV is: ten runs to their consensus, ours and the published way.

One thread of the CPU. The published way goes through one run
after the other, 10,000 iterations or more of the printed update each; that would take
a quarter of an hour, so it is the mean of some iterations times how many there are.
"""

import warnings
from functools import partial

import numpy as np
from published_snmf import iteration, start
from scipy.optimize import nnls
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from timing import in_turns

from latentomics.arrays import as_tensor, generator
from latentomics.data import available, load
from latentomics.signatures import SemiSupervisedNMF, refit_exposures
from latentomics.signatures.blocks import losses
from latentomics.signatures.extrapolation import extrapolated_step
from latentomics.signatures.runs import Setting, settle, start_runs, warm_up

N_RUNS = 10
THEIR_ITERATIONS = 10_000  # the least of their stopping rule
LAPS = 200
SIZE = {"n": 800, "K": 7}
GROWTH = {"n": (200, 2000, 20_000), "K": (5, 10, 20, 30)}
K_EXOMES, THEIR_RUNS, WARM = 10, 3, 3
AROUND_FEW = (100, 400)  # samples, below and above where SciPy's loop takes over
CAP = 1000  # multiplicative updates of a run


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
    each = [partial(_ours, X, y, 7, n_runs=1, random_state=r) for r in range(N_RUNS)]
    ways = {
        "ours": partial(_ours, X, y, 7),
        "ours, run after run": lambda: max((run() for run in each), key=_iterations),
        "published scheme": partial(published, X, y),
    }
    for who, (model, timing) in in_turns(ways).items():
        if who == "published scheme":  # counted, from some iterations of one run
            times = N_RUNS * THEIR_ITERATIONS / LAPS
            seconds = [name for name in timing if name.startswith("seconds")]
            timing |= {name: times * timing[name] for name in seconds}
        count = _iterations(model) or THEIR_ITERATIONS
        yield _row(task, who, timing, iterations=count)
    for n in GROWTH["n"]:
        yield from _alone(f"growth, samples {n}", partial(_ours, *made(n), 7))
    for K in GROWTH["K"]:
        X, y = made(K=max(K, 7))
        yield from _alone(f"growth, signatures {K}", partial(_ours, X, y, K))
    for n in GROWTH["n"]:
        yield from multiplicative(made(n)[0])
    S, X = made()[0][:30] / 1.0, made(20_000)[0]
    yield from _alone("NNLS, 20000 x 30", partial(refit_exposures, X, S))
    if available("tcga_sbs96") and available("cosmic_sbs"):
        X = load("tcga_sbs96").to_numpy(dtype=float)
        S = load("cosmic_sbs").to_numpy()
        yield from refits("NNLS, TCGA x COSMIC", X, S)
        for n in AROUND_FEW:
            yield from refits(f"NNLS, {n} of TCGA x COSMIC", X[:n], S)
        yield from exomes(X / X.sum(axis=1, keepdims=True))


def refits(task, X, S):
    """Yield exposures of TCGA exomes to all of COSMIC: ours, and SciPy's."""
    ways = {
        "ours": lambda: refit_exposures(X, S),
        "SciPy loop": lambda: np.array([nnls(S.T, x)[0] for x in X]),
    }
    found = in_turns(ways)
    (ours, _), (theirs, _) = found.values()
    apart = np.abs(ours - theirs).max() / theirs.max()
    assert apart < 1e-9
    for who, (_, timing) in found.items():
        how = {"measure": "largest difference", "value": apart}
        yield _row(task, who, timing, **how)


def exomes(X):
    """Yield ten runs without labels beside three of scikit-learn's, and their losses.

    From other starts, so the lowest loss is compared; scikit-learn's are timed with its
    own stopping rule, and once more stopped where their loss is that of ours.
    """

    def theirs(**given):
        models = [
            NMF(K_EXOMES, init="random", random_state=r, **given).fit(X)
            for r in range(THEIR_RUNS)
        ]
        return min(model.reconstruction_err_ for model in models) ** 2

    early = {"tol": 0, "max_iter": 50}
    ways = {
        "ours": lambda: without_labels(X, K_EXOMES)[0],
        "ours, float32": lambda: without_labels(X, K_EXOMES, "float32")[0],
        "three runs of scikit-learn": theirs,
        "three runs of scikit-learn, 50 iterations": partial(theirs, **early),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = in_turns(ways)
    for who, (loss, timing) in found.items():
        how = {"measure": "lowest loss", "value": loss}
        how["dtype"] = "float32" if "float32" in who else "float64"
        yield _row("ten NMF runs, TCGA, K 10", who, timing, **how)
    low, least = found["ours"][0], found["three runs of scikit-learn"][0]
    assert low < least * (1 + 1e-4)


def without_labels(X, K, dtype="float64"):
    """Return the losses of ten runs on profiles, without labels, the lowest first."""
    none = {"Y": np.zeros((1, len(X))), "labelled": np.zeros(len(X), bool)}
    how = {"unlabelled": 0.0, "device": "cpu", "dtype": dtype, "seed": 0}
    setting = Setting(K, lam_c=0.0, lam_2=1.0)
    runs = start_runs(X, settings=[setting], n_runs=N_RUNS, **none, **how)
    warm_up(runs, WARM)
    how = {"phase": 0, "tol": 1e-4, "max_iter": 800, "update": extrapolated_step}
    settle(runs, range(N_RUNS), **how)
    return sorted(losses(runs.problem, runs.state).tolist())


def multiplicative(X):
    """Yield ten runs of ours, and the updates at the core of SigProfilerExtractor.

    Multiplicative ones (Lee & Seung 2001), here of the same squares. One run goes on to
    the loss of the middle one of ours, or to a cap, which its name then says; ten are
    counted from it. *value* is the loss reached.
    """
    X, K = X / X.sum(axis=1, keepdims=True), SIZE["K"]
    goal = without_labels(X, K)[N_RUNS // 2]

    def theirs():
        rng = np.random.default_rng(0)
        E, S = rng.uniform(0, 2 / K, (len(X), K)), rng.dirichlet(np.ones(X.shape[1]), K)
        for count in range(1, CAP + 1):
            S *= E.T @ X / (E.T @ E @ S).clip(min=1e-300)
            E *= X @ S.T / (E @ (S @ S.T)).clip(min=1e-300)
            if count % 10 == 0 and np.square(X - E @ S).sum() <= goal * (1 + 1e-4):
                break
        return count, float(np.square(X - E @ S).sum())

    ways = {
        "ours": lambda: without_labels(X, K)[N_RUNS // 2],
        "multiplicative updates": theirs,
    }
    for who, (result, timing) in in_turns(ways).items():
        count, loss = (None, result) if who == "ours" else result
        if who != "ours":
            seconds = [name for name in timing if name.startswith("seconds")]
            timing |= {name: N_RUNS * timing[name] for name in seconds}
            who += f", stopped at {CAP}" * (count == CAP)
        how = {"iterations": count, "measure": "loss", "value": loss}
        yield _row(f"no labels, ten runs, {len(X)} catalogues", who, timing, **how)


def _alone(task, way):
    result, timing = in_turns({"": way})[""]
    yield _row(task, "ours", timing, iterations=_iterations(result))


def _ours(X, y, K, **given):
    model = SemiSupervisedNMF(K, n_runs=N_RUNS, device="cpu").set_params(**given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def _iterations(result):
    return getattr(result, "n_iter_", None)


def published(X, y):
    """Run some iterations of one run of the published scheme."""
    V = as_tensor((X / X.sum(axis=1, keepdims=True)).T[None], device="cpu")
    Y = as_tensor((np.arange(4)[:, None] == y)[None], device="cpu")
    state = start(V, Y, SIZE["K"], generator(0))
    for _ in range(LAPS):
        state = iteration(V, Y, *state, 0.1, 1e-3)


def _row(task, who, timing, iterations=None, **given):
    row = {"task": task, "who": who, **timing, "iterations": iterations}
    return {**row, "dtype": "float64", **given}
