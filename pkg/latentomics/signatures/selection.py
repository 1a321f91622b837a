"""How many signatures, and how much the labels weigh: chosen without the patients."""

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.base import check_choice, check_whole
from latentomics.signatures.labelled_nmf import UNLABELLED, fit_together

TOGETHER = 12  # settings in one batch of runs
CRITERIA = ("lines", "pool")
SLACK = 0.05  # of macro F1 on lines, that the pool may cost
# the paper's, but for lam_2: it stops at .01, where the classifier is still too sure
GRID = {
    "n_components": (5, 6, 7),
    "lam_c": (0.001, 0.1, 0.25, 0.5),
    "lam_2": (1e-2, 1e-1, 1.0, 10.0),
}


@dataclass
class Selection:
    """A grid, how each point did, and which was chosen.

    Attributes
    ----------
    table : DataFrame
        One row per point: its parameters; `macro_f1` and `log_loss` (nats) of labelled
        samples held out; `balance` of the unlabelled samples' classes, from 0, all in
        one, to 1, all as common (NaN if there are none); `stability`; `front`, whether
        no other point is better in both log loss and stability. Means over folds.
    params : dict
        Of the point chosen.
    """

    table: pd.DataFrame
    params: dict

    def by(self, criterion, min_stability=0.9):
        """Return what the same table chooses by another criterion of :func:`select`."""
        best = self.table.loc[_best(self.table, criterion, min_stability)]
        params = {name: best[name].item() for name in self.params}
        if "n_components" in params:
            params["n_components"] = int(params["n_components"])
        return Selection(self.table, params)


def select(
    estimator,
    X,
    y,
    grid=None,
    *,
    groups=None,
    criterion="lines",
    n_splits=3,
    min_stability=0.9,
    progress=None,
):
    r"""Choose parameters by labelled samples held out, by balance, and by stability.

    Of the points whose stability is at least `min_stability`, the one with the least
    log loss on the labelled samples held out: it minds a wrong answer the more, the
    surer it was (book: ``eq-selection``). With the criterion "pool", the one whose
    predictions for the unlabelled samples are spread over the classes most evenly,

    .. math:: B = -\frac{1}{\log O} \sum_o h_o \log h_o,

    h being shares of predicted classes, among those whose macro F1 on labelled
    samples is at most .05 below the best (book: ``eq-balance``). It needs no label
    of an unlabelled sample, but classes that are about equally common among them. If
    no point is that stable, the most stable one. Unlabelled samples take part in every
    fit, and no label of theirs in any score.

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
    criterion : {"lines", "pool"}, default="lines"
    n_splits : int, default=3
    min_stability : float, default=0.9
    progress : callable, optional
        As ``tqdm.auto.tqdm``, called with an iterable and `total`.

    Returns
    -------
    Selection

    Raises
    ------
    ValueError
        If a parameter is not what it should be, or "pool" is asked of labelled samples
        alone.
    """
    check_whole(at_least=2, n_splits=n_splits)
    check_choice("criterion", criterion, CRITERIA)
    if criterion == "pool" and (np.asarray(y) != UNLABELLED).all():
        raise ValueError("criterion 'pool' needs unlabelled samples, y = -1; got none")
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
    table["front"] = pareto_front(
        np.column_stack([-table["log_loss"], table["stability"]])
    )
    return Selection(table, dict.fromkeys(grid)).by(criterion, min_stability)


def _best(table, criterion, min_stability):
    """Return the index of the point to take."""
    steady = table[table["stability"] >= min_stability]
    if not len(steady):
        return table["stability"].idxmax()
    if criterion == "lines":
        return steady["log_loss"].idxmin()
    near = steady[steady["macro_f1"] >= steady["macro_f1"].max() - SLACK]
    return near["balance"].idxmax()


def balance(model, X):
    """Return how evenly the classes predicted for `X` are spread, 0 to 1."""
    if not len(X):
        return np.nan
    shares = np.unique(model.predict(X), return_counts=True)[1] / len(X)
    return float(-(shares * np.log(shares)).sum() / np.log(len(model.classes_)))


def _scored(estimator, points, X, y, held):
    rest = np.setdiff1d(np.arange(len(y)), held)
    models = [clone(estimator).set_params(**point) for point in points]
    fits = fit_together(models, X[rest], y[rest])
    with warnings.catch_warnings():  # how unlike they are is what is measured
        warnings.filterwarnings("ignore", "the signatures leave")
        return [
            point | _scores(model, X, y, held)
            for point, model in zip(points, fits, strict=True)
        ]


def _scores(model, X, y, held):
    P = model.predict_proba(X[held])
    guess = model.classes_[P.argmax(axis=1)]
    return {
        "macro_f1": f1_score(y[held], guess, average="macro"),
        "log_loss": log_loss(y[held], P, labels=model.classes_),
        "balance": balance(model, X[y == UNLABELLED]),
        "stability": model.stability_,
    }


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
