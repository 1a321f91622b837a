"""Experiments with the denoising methods, as tidy tables."""

from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from latentomics.denoise.deep_factorization import DeepMatrixFactorization
from latentomics.denoise.dual_branch import DualBranchNMF
from latentomics.denoise.losses import Huber, Trimmed
from latentomics.denoise.nuclear_ball import NuclearNormBall
from latentomics.denoise.residual_thresholding import ResidualThresholdedDMF
from latentomics.denoise.robust_pca import RobustPCA
from latentomics.denoise.search import CellSearch
from latentomics.denoise.soft_impute import SoftImpute
from latentomics.denoise.stable_pcp import StablePCP
from latentomics.metrics import first_near_best, spike_scores

ETA = 0.15  # threshold at which every method is judged
ORACLE_ETAS = (0.05, 0.1, 0.15, 0.2)  # the best of these is reported too
# lam as a share of the largest singular value of the centred matrix
LAM_SHARES = (0.7, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1)
GAMMAS = (0.035, 0.05, 0.075, 0.1, 0.15)
EPSILONS = (0.05, 0.1, 0.15, 0.2)
TAUS = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5)
RT_GRID = {
    "eta": [0.1, 0.12, 0.135, 0.15, 0.2],
    "hidden": [(100,), (100, 100)],
}
# Huber's bound is on the scale of the noise, of standard deviation .05, not of spikes
HUBER_GRID = {
    "loss__eta": [0.025, 0.05, 0.075, 0.1, 0.15],
    "hidden": [(100,), (100, 100)],
}
# nothing is searched here; bounds of robust statistics, in noise levels: 2.5 for an
# outlier (Rousseeuw & Leroy 1987), 1.345 for Huber's loss (95% efficient, Huber 1981)
MEAN_OF_STARTS = {"hidden": (100, 100), "n_starts": 8}
MEAN_LOSSES = {
    "dmf_squared_mean": "squared",
    "dmf_huber_mean": Huber(1.345, unit="noise"),
    "rt_dmf_mean": Trimmed(2.5, unit="noise"),
}


# methods fast enough for matrices of 10^5 entries and more
SCALABLE = ("constant", "perfect", "soft_impute", "stable_pcp", "dmf_huber_mean")
SCALABLE += ("rt_dmf", "rt_dmf_mean", "dmf_chosen")


def reference_methods(planted, *, device="auto"):
    """Return the two reference rows: the worst and the best conceivable L."""
    seen = planted.D[planted.seen]
    return {
        "constant": lambda: np.full(planted.D.shape, np.median(seen)),
        "perfect": lambda: planted.L_true,
    }


def convex_methods(planted, *, device="auto"):
    """Return the nuclear-norm baselines; none has a random start.

    All are fitted to D minus its median. SoftImpute and the ball are tuned by squared
    error on the validation cells, as is usual, methods with a sparse part by absolute
    error.
    """
    X = visible(planted)
    center = np.median(planted.D[planted.seen])
    largest = np.linalg.norm(np.where(planted.seen, planted.D - center, 0), 2)
    lams = [share * largest for share in LAM_SHARES]
    rough = {"device": device, "tol": 1e-5}
    ball = NuclearNormBall(device=device, tol=1e-4)  # ADMM's last digits are slow
    ball = CellSearch(ball, {"eps": EPSILONS}, scoring="mse")
    searches = {
        "soft_impute": CellSearch(SoftImpute(**rough), {"lam": lams}, scoring="mse"),
        "nuclear_ball": ball,
        "robust_pca": CellSearch(RobustPCA(**rough), {"tau": TAUS}),
        "stable_pcp": CellSearch(StablePCP(**rough), {"gamma": GAMMAS, "lam": lams}),
    }

    def low_rank_of(search):
        search.fit(X - center, validation=planted.validation)
        return center + search.low_rank_

    return {name: partial(low_rank_of, s) for name, s in searches.items()}


def best_stable_pcp(planted, *, device="auto"):
    """Return stable PCP at its best, the settings with the fewest wrong flags at 0.15.

    Chosen from `GAMMAS`, `LAM_SHARES` and whether the median is taken off, by the truth:
    what no search on measured entries could surpass.
    """
    seen = planted.D[planted.seen]
    rough = {"device": device, "tol": 1e-5}

    def low_rank():
        X = np.where(planted.validation, np.nan, visible(planted))
        found = []
        for center in (np.median(seen), 0.0):
            largest = np.linalg.norm(np.where(planted.seen, planted.D - center, 0), 2)
            for gamma, share in product(GAMMAS, LAM_SHARES):
                model = StablePCP(gamma=gamma, lam=share * largest, **rough)
                found.append(center + model.fit(X - center).low_rank_)
        errors = [score_recovery(planted, L)["re_15"] for L in found]
        return found[first_near_best(errors)]

    return {"stable_pcp_hindsight": low_rank}


def deep_methods(planted, start, *, device="auto"):
    """Return the factorizations trained by descent, from the random start `start`.

    Those whose name ends in `_mean` average eight starts, their own for each `start`;
    "dmf_chosen" is the one of them with the lowest absolute validation error.
    """
    own = {"random_state": start, "device": device}
    shared = {"scale": None, **own}
    huber = DeepMatrixFactorization(loss=Huber(), **shared)
    methods = {
        "dual_branch": DualBranchNMF(**own),
        "dmf_huber": CellSearch(huber, HUBER_GRID),
        "rt_dmf": CellSearch(ResidualThresholdedDMF(**shared), RT_GRID),
    }
    first = start * MEAN_OF_STARTS["n_starts"]
    shared |= MEAN_OF_STARTS | {"random_state": first}
    for name, loss in MEAN_LOSSES.items():
        methods[name] = DeepMatrixFactorization(loss=loss, **shared)
    losses = {"loss": list(MEAN_LOSSES.values())}
    methods["dmf_chosen"] = CellSearch(DeepMatrixFactorization(**shared), losses)
    X = visible(planted)

    def low_rank_of(method):
        return method.fit(X, validation=planted.validation).low_rank_

    return {name: partial(low_rank_of, m) for name, m in methods.items()}


def mean_of_dual_branches(planted, start, *, device="auto"):
    """Return the dual-branch NMF averaged over as many starts as the others are."""
    n_starts = MEAN_OF_STARTS["n_starts"]

    def low_rank():
        own = range(start * n_starts, (start + 1) * n_starts)
        models = [DualBranchNMF(random_state=k, device=device) for k in own]
        X, held = visible(planted), planted.validation
        fits = [model.fit(X, validation=held).low_rank_ for model in models]
        return np.mean(fits, axis=0)

    return {"dual_branch_mean": low_rank}


def visible(planted):
    """Return the matrix a method may see: test cells are gaps."""
    return np.where(planted.test, np.nan, planted.D)


def score_recovery(planted, L_hat):
    """Return the scores of one estimate, test error and spikes found.

    Spikes are judged at the fixed threshold 0.15 and, under names that end in
    `_oracle`, at the one of {.05, .1, .15, .2} with the fewest errors, a choice that
    needs the truth.
    """
    truth = {"seen": planted.seen, "block": planted.block}
    found = [
        spike_scores(planted.D, L_hat, planted.S_true, eta=eta, **truth)
        for eta in ORACLE_ETAS
    ]
    best = found[first_near_best([scores["re"] for scores in found])]
    fixed = found[ORACLE_ETAS.index(ETA)]
    return {
        "test_mse": float(np.mean((planted.D - L_hat)[planted.test] ** 2)),
        "re_15": fixed["re"],
        "ibre_15": fixed["ibre"],
        "f1_15": fixed["f1"],
        "re_oracle": best["re"],
        "ibre_oracle": best["ibre"],
        "precision": fixed["precision"],
        "recall": fixed["recall"],
    }


def simulation_table(sets, methods, starts, *, progress=None):
    """Score every method on every set from every start.

    Parameters
    ----------
    sets : dict of str to PlantedSet
    methods : callable
        (planted, start) -> dict of name to a function that returns L.
    starts : iterable of int
    progress : callable, optional
        Wraps the list of (set, start), as ``tqdm.auto.tqdm`` does.

    Returns
    -------
    DataFrame
        Columns `set`, `method`, `start` and those of :func:`score_recovery`.
    """
    rows = []
    points = [(name, start) for name in sets for start in starts]
    for name, start in progress(points) if progress else points:
        for method, run in methods(sets[name], start).items():
            scores = score_recovery(sets[name], run())
            rows.append({"set": name, "method": method, "start": start, **scores})
    return pd.DataFrame(rows)
