"""How many signatures, and how much the labels weigh: chosen without the patients."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.base import check_whole
from latentomics.signatures.labelled_nmf import UNLABELLED, fit_together

TOGETHER = 12  # settings in one batch of runs
GRID = {
    "n_components": (5, 6, 7),
    "lam_c": (0.001, 0.1, 0.25, 0.5),
    "lam_2": (1e-4, 1e-3, 1e-2),
}


@dataclass
class Selection:
    """A grid, how each point did, and which was chosen.

    Attributes
    ----------
    table : DataFrame
        One row per point: its parameters; `macro_f1` of labelled samples held out;
        `stability`, the mean over folds; `front`, whether no other point is better in
        both.
    params : dict
        Of the point chosen.
    """

    table: pd.DataFrame
    params: dict


def select(
    estimator,
    X,
    y,
    grid=None,
    *,
    groups=None,
    n_splits=3,
    min_stability=0.9,
    progress=None,
):
    r"""Choose parameters by labelled samples held out, and by stability.

    Of the points whose stability is at least `min_stability`, the one with the best
    macro F1 on the labelled samples held out; among equals the most stable. If no
    point is that stable, the most stable one. Unlabelled samples take part in every
    fit and in no score (book: ``eq-selection``).

    Parameters
    ----------
    estimator : labelled NMF
    X, y
        As in its `fit`.
    grid : dict of str to sequence, optional
        Values of `n_components`, `lam_c`, `lam_2`; the paper's by default.
    groups : array of shape (n_samples,), optional
        Samples with the same value, such as resamples of one cell line, are held out
        together.
    n_splits : int, default=3
    min_stability : float, default=0.9
    progress : callable, optional
        As ``tqdm.auto.tqdm``, called with an iterable and `total`.

    Returns
    -------
    Selection
    """
    check_whole(at_least=2, n_splits=n_splits)
    grid = GRID if grid is None else grid
    points = [dict(zip(grid, v, strict=True)) for v in product(*grid.values())]
    X, y = np.asarray(X, dtype=float), np.asarray(y)
    known = np.flatnonzero(y != UNLABELLED)
    groups = np.arange(len(y)) if groups is None else np.asarray(groups)
    folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=0)
    jobs = [
        (points[at : at + TOGETHER], known[held])
        for at in range(0, len(points), TOGETHER)
        for _, held in folds.split(X[known], y[known], groups[known])
    ]
    rows = []
    for some, held in progress(jobs, total=len(jobs)) if progress else jobs:
        rows += _scored(estimator, some, X, y, held)
    table = pd.DataFrame(rows).groupby(list(grid), sort=False).mean().reset_index()
    table["front"] = pareto_front(table[["macro_f1", "stability"]].to_numpy())
    steady = table[table["stability"] >= min_stability]
    by = ["macro_f1", "stability"] if len(steady) else ["stability", "macro_f1"]
    pool = steady if len(steady) else table
    best = pool.sort_values(by, ascending=False, kind="stable").iloc[0]
    params = {k: v.item() for k, v in best[list(grid)].items()}
    whole = {k: int(v) for k, v in params.items() if k == "n_components"}
    return Selection(table, params | whole)


def _scored(estimator, points, X, y, held):
    rest = np.setdiff1d(np.arange(len(y)), held)
    models = [clone(estimator).set_params(**point) for point in points]
    rows = []
    for point, model in zip(
        points, fit_together(models, X[rest], y[rest]), strict=True
    ):
        score = f1_score(y[held], model.predict(X[held]), average="macro")
        rows.append(point | {"macro_f1": score, "stability": model.stability_})
    return rows


def pareto_front(values):
    """Return which rows no other row beats in one column without losing in another.

    Parameters
    ----------
    values : array of shape (n_points, n_criteria)
        Higher is better.

    Returns
    -------
    bool ndarray of shape (n_points,)
    """
    values = np.asarray(values, dtype=float)
    at_least = (values[:, None] >= values[None]).all(axis=2)
    better = (values[:, None] > values[None]).any(axis=2)
    return ~(at_least & better).any(axis=0)
