"""Experiments with the denoising methods, as tidy tables."""

from functools import partial

import numpy as np
import pandas as pd

from latentomics.denoise.deep_factorization import DeepMatrixFactorization
from latentomics.denoise.dual_branch import DualBranchNMF
from latentomics.denoise.losses import Huber
from latentomics.denoise.nuclear_ball import NuclearNormBall
from latentomics.denoise.residual_thresholding import ResidualThresholdedDMF
from latentomics.denoise.robust_pca import RobustPCA
from latentomics.denoise.search import CellSearch
from latentomics.denoise.soft_impute import SoftImpute
from latentomics.denoise.stable_pcp import StablePCP
from latentomics.metrics import first_near_best, spike_scores
from latentomics.studies.denoise.variants import VariantDMF

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
# nothing is searched here: 2.5 standard deviations of the noise is the usual outlier
# threshold of robust statistics (Rousseeuw & Leroy 1987)
MEAN_OF_STARTS = {"eta": 2.5, "eta_unit": "noise", "hidden": (100, 100), "n_starts": 8}
# the published network: four inner layers, every entry of the start N(0, 1e-3 ** 2),
# squared loss
PUBLISHED = {
    "hidden": (500,) * 4,
    "init": "gaussian",
    "learning_rate": 1e-3,
    "scale": "raw",
    "scoring": "mse",
    "max_iter": 20_000,
}


# methods fast enough for matrices of 10^5 entries and more
SCALABLE = ("constant", "perfect", "soft_impute", "stable_pcp", "rt_dmf", "rt_dmf_mean")


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


def deep_methods(planted, start, *, published=True, device="auto"):
    """Return the factorizations trained by descent, from the random start `start`.

    The method that averages over starts has its own starts for each `start`.
    """
    own = {"random_state": start, "device": device}
    shared = {"scale": None, **own}
    apart = {"random_state": start * MEAN_OF_STARTS["n_starts"]}
    huber = DeepMatrixFactorization(loss=Huber(), **shared)
    methods = {
        "dual_branch": DualBranchNMF(**own),
        "dmf_huber": CellSearch(huber, HUBER_GRID),
        "rt_dmf": CellSearch(ResidualThresholdedDMF(**shared), RT_GRID),
        "rt_dmf_mean": ResidualThresholdedDMF(**MEAN_OF_STARTS, **shared | apart),
    }
    if published:
        methods["dmf_published"] = VariantDMF(**PUBLISHED, **own)
    X = visible(planted)

    def low_rank_of(method):
        return method.fit(X, validation=planted.validation).low_rank_

    return {name: partial(low_rank_of, m) for name, m in methods.items()}


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
