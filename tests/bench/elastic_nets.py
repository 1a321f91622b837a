"""How fast elastic nets of many drugs are: ours, exact, beside celer drug by drug.

A nested cross-validation of CCLE chooses each drug's penalty in every outer fold: in
each of five inner folds, and then on all of the fold, a path of 100 lam for each of
five ratios. Both are timed on the same few of these paths, and scaled to all of one
outer fold. celer stops at a duality gap, ours at rounding; no loss of celer's may be
above ours by more than that gap.
"""

import time
import warnings

import numpy as np
from timing import REPEATS, columns

from latentomics.data import available, screen
from latentomics.multitask import ElasticNetPerTask, elastic_net_grid

N_FOLDS = 5
PATHS = 4  # of the paths in each repeat
TOL = 1e-8  # relative to the loss of W = 0; at its default, 1e-6, celer is faster
GRID = elastic_net_grid()
RATIOS = list(dict.fromkeys(point["l1_ratio"] for point in GRID))
SHARE = (1 - 1 / N_FOLDS) ** 2  # of the lines in an inner fold


def rows():
    """Yield one row for each way, if CCLE and celer are there."""
    try:
        from celer import celer_path
    except ImportError:
        return
    if not available("ccle_response"):
        return
    ways = {"ours": ours, "celer, drug by drug": lambda *a: celer(celer_path, *a)}
    X, Y = (M.to_numpy() for M in (screen("ccle").X, screen("ccle").Y))
    n_paths = Y.shape[1] * (N_FOLDS + 1)
    seconds, above = {who: [] for who in ways}, dict.fromkeys(ways, 0.0)
    for repeat in range(REPEATS):
        rng, spent = np.random.default_rng(repeat), dict.fromkeys(ways, 0.0)
        for drug in rng.choice(Y.shape[1], PATHS, replace=False):
            lines = ~np.isnan(Y[:, drug]) & (rng.random(len(Y)) < SHARE)
            Z, r = X[lines] - X[lines].mean(axis=0), Y[lines, drug]
            Z, r = Z / np.where(Z.any(axis=0), Z.std(axis=0), 1), r - r.mean()
            r /= r.std()
            found = {}
            for who, way in ways.items():
                begin = time.process_time()
                W = way(Z, r)
                spent[who] += time.process_time() - begin
                found[who] = losses(Z, r, W)
            best = np.minimum(*found.values())
            for who in ways:
                above[who] = max(above[who], (found[who] - best).max())
        for who in ways:
            seconds[who].append(spent[who] * n_paths / PATHS)
    assert above["ours"] < 1e-12
    assert max(above.values()) < 2 * TOL  # celer's is relative to twice that loss
    for who, found in seconds.items():
        yield {
            "task": "nested elastic nets, CCLE",
            "who": who,
            **columns(found),
            "dtype": "float64",
            "measure": "most above the lower loss",
            "value": above[who],
        }


def losses(X, y, W):
    """Return the loss of each column of `W`, relative to that of W = 0."""
    lams = np.concatenate([_lams(X, y, ratio) for ratio in RATIOS])
    ratios = np.repeat(RATIOS, len(lams) // len(RATIOS))
    fit = np.square(y[:, None] - X @ W).mean(axis=0) / 2
    price = ratios * np.abs(W).sum(axis=0) + (1 - ratios) / 2 * np.square(W).sum(axis=0)
    return (fit + lams * price) / (np.square(y).mean() / 2)


def ours(X, y):
    """Return the weights of all 500 fits, (n_features, n_points)."""
    return ElasticNetPerTask().fit_path(X, y[:, None], GRID).coefs[0].toarray()


def celer(celer_path, X, y):
    """Return the same by celer, each fit warm from the one before."""
    X, found = np.asfortranarray(X), []
    for ratio in RATIOS:
        given = {"alphas": _lams(X, y, ratio), "l1_ratio": ratio, "tol": TOL}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(celer_path(X, y, "lasso", **given)[1])
    return np.concatenate(found, axis=1)


def _lams(X, y, ratio):
    fractions = [p["fraction"] for p in GRID if p["l1_ratio"] == ratio]
    return np.array(fractions) * np.abs(X.T @ y).max() / len(y) / ratio
