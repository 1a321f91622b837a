"""How many signatures, and how much the labels weigh: chosen without the patients."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.base import check_whole
from latentomics.signatures.labelled_nmf import UNLABELLED, fit_together

TOGETHER = 12  # settings in one batch of runs
# the paper's, but for lam_2: it stops at .01, where the classifier is still too sure
GRID = {
    "n_components": (5, 6, 7),
    "lam_c": (0.001, 0.1, 0.25, 0.5),
    "lam_2": (1e-3, 1e-2, 1e-1, 1.0),
}


@dataclass
class Selection:
    """A grid, how each point did, and which was chosen.

    Attributes
    ----------
    table : DataFrame
        One row per point: its parameters; `macro_f1` and `log_loss` (nats) of labelled
        samples held out; `stability`, the mean over folds; `front`, whether no other
        point is better in both log loss and stability.
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

    Of the points whose stability is at least `min_stability`, the one with the least
    log loss on the labelled samples held out: it minds a wrong answer the more, the
    surer it was. If no point is that stable, the most stable one. Unlabelled samples
    take part in every fit and in no score (book: ``eq-selection``).

    Parameters
    ----------
    estimator : labelled NMF
    X, y
        As in its `fit`.
    grid : dict of str to sequence, optional
        Values of `n_components`, `lam_c`, `lam_2`; by default ``GRID``, the paper's
        but for larger `lam_2`.
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
    judged = table.assign(loss=-table["log_loss"])[["loss", "stability"]]
    table["front"] = pareto_front(judged.to_numpy())
    steady = judged[judged["stability"] >= min_stability]
    best = steady["loss"].idxmax() if len(steady) else judged["stability"].idxmax()
    best = table.loc[best]
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
        P = model.predict_proba(X[held])
        found = {
            "macro_f1": f1_score(y[held], model.classes_[P.argmax(1)], average="macro"),
            "log_loss": log_loss(y[held], P, labels=model.classes_),
        }
        rows.append(point | found | {"stability": model.stability_})
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
