"""Choose the number of signatures and the weight of labels without patient labels."""

import warnings
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.checks import check_choice, check_whole, grid_points
from latentomics.matrices import aligned_like, as_labels, first, read_matrix
from latentomics.metrics.choice import first_near_best, reaches
from latentomics.signatures.labels import UNLABELLED
from latentomics.signatures.together import SHARED, fit_together, together

CRITERIA = ("lines", "pool")
UNKNOWN = 1e300  # stands for a missing error, and ranks last
SLACK = 0.05  # macro F1 on lines that the criterion "pool" may give up
# the paper's values, except lam_2: the paper stops at .01, where predictions are
# still overconfident
GRID = {
    "n_components": (5, 6, 7),
    "lam_c": (0.001, 0.1, 0.25, 0.5),
    "lam_2": (1e-2, 1e-1, 1.0, 10.0),
}


@dataclass
class Selection:
    """A parameter grid, the scores of its points, and the point chosen.

    Attributes
    ----------
    table : DataFrame
        One row per point: its parameters; `macro_f1` and `log_loss` (nats) of held-out
        labelled samples; `balance` of the classes predicted for unlabelled samples,
        from 0 (all in one) to 1 (all equally common; NaN without such samples);
        `stability`; `front`, whether the point is Pareto-optimal in log loss and
        stability. Means over folds.
    params : dict
        Parameters of the point chosen.
    criterion, min_stability
        How it was chosen, see :func:`select`.
    """

    table: pd.DataFrame
    params: dict
    criterion: str = "lines"
    min_stability: float = 0.9

    def by(self, criterion, min_stability=0.9):
        """Return the selection by another criterion of :func:`select`, same table."""
        found = Selection(self.table, self.params, criterion, min_stability)
        found.params = found.ranked()[0]
        return found

    def ranked(self):
        """Return the parameters of all points, best first.

        Scores within a millionth of the best are ties; ties go to the earlier point.
        """
        table = self.table
        steady = reaches(table["stability"], self.min_stability)
        errors, near = table["log_loss"], steady
        if self.criterion == "pool":
            errors, f1 = -table["balance"], table["macro_f1"]
            near = steady & reaches(f1, f1[steady].max() - SLACK)
        errors = errors.where(steady, -table["stability"]).to_numpy()
        errors = np.nan_to_num(errors, nan=UNKNOWN)
        order = []
        for kind in (near, steady & ~near, ~steady):
            left = np.flatnonzero(kind).tolist()
            while left:
                order.append(left.pop(first_near_best(errors[left])))
        return table[list(self.params)].iloc[order].to_dict("records")


def fit_selected(selection, estimator, X, y):
    """Return an estimator fitted to all samples, at a point that is stable there too.

    Selection measures stability only on parts of the samples. Points are therefore
    tried from the best down until a fit to all samples reaches `min_stability`; if none
    does, the most stable fit is returned.

    Parameters
    ----------
    selection : Selection
    estimator : labelled NMF
    X, y
        As in its `fit`.

    Returns
    -------
    model : labelled NMF
    params : dict
        Parameters of the point.
    """
    fits = []
    for params in selection.ranked():
        model = clone(estimator).set_params(**params).fit(X, y)
        if model.stability_ >= selection.min_stability:
            return model, params
        fits.append((model, params))
    return fits[first_near_best([-model.stability_ for model, _ in fits])]


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
    r"""Choose parameters by held-out labelled samples, balance and stability.

    Among points with a stability of at least `min_stability`, choose the one with the
    lowest log loss on held-out labelled samples, which penalises confident mistakes
    (book: ``eq-selection``). With the criterion "pool", choose the one whose
    predictions for the unlabelled samples are spread most evenly over the classes,

    .. math:: B = -\frac{1}{\log O} \sum_o h_o \log h_o,

    h being the shares of predicted classes, among points whose macro F1 on labelled
    samples is at most .05 below the best (book: ``eq-balance``). This needs no labels
    of the unlabelled samples, but assumes that classes are about equally common among
    them. If no point is stable enough, the most stable one is chosen. Unlabelled
    samples take part in every fit, and their labels in no score.

    Parameters
    ----------
    estimator : labelled NMF
    X, y
        As in its `fit`.
    grid : dict or list of dict, optional
        Values of `n_components`, `lam_c`, `lam_2`, or of parameters in the
        estimator's `later`, such as `threshold`; by default ``GRID``, the paper's
        except for larger `lam_2`.
    groups : array of shape (n_samples,), optional
        Samples with the same value, such as resamples of one cell line, are held out
        together; a named Series is matched to `X` by name.
    criterion : {"lines", "pool"}, default="lines"
    n_splits : int, default=3
    min_stability : float, default=0.9
    progress : callable, optional
        As ``tqdm.auto.tqdm``, called with an iterable and `total`.

    Returns
    -------
    Selection
        With `table`, a row per point, and the chosen `params`; :func:`fit_selected`
        fits these.

    Raises
    ------
    ValueError
        If a parameter is invalid, `X` or `y` cannot be fitted, the criterion is "pool"
        without unlabelled samples, or a class has fewer than two groups.
    """
    check_whole(at_least=2, n_splits=n_splits)
    if not isinstance(min_stability, Real) or np.isnan(min_stability):
        raise ValueError(f"min_stability must be a number; got {min_stability!r}")
    check_choice("criterion", criterion, CRITERIA)
    allowed = (*SHARED, *estimator.later)
    points = _completed(grid_points(GRID if grid is None else grid, allowed), estimator)
    groups = aligned_like(groups, X, name="groups", axes=[0])
    X, y = _read(estimator, points, X, y)
    if criterion == "pool" and (y != UNLABELLED).all():
        raise ValueError("criterion 'pool' needs unlabelled samples, y = -1; got none")
    folds = _folds(y, groups, n_splits)
    jobs = [(some, held) for some in together(points) for held in folds]
    rows = []
    for some, held in progress(jobs, total=len(jobs)) if progress else jobs:
        rows += _scored(estimator, some, X, y, held)
    names = list(points[0])
    table = pd.DataFrame(rows).groupby(names, sort=False).mean().reset_index()
    table["front"] = pareto_front(table[["log_loss", "stability"]] * [-1, 1])
    return Selection(table, dict.fromkeys(names)).by(criterion, min_stability)


def _completed(points, estimator):
    """Return points that all have the same names, the estimator's values where none."""
    names = dict.fromkeys(name for point in points for name in point)
    usual = {name: getattr(estimator, name) for name in names}
    return [usual | point for point in points]


def _read(estimator, points, X, y):
    """Check that every point can be fitted; return counts and class codes."""
    models = [clone(estimator).set_params(**point) for point in points]
    for model in models:
        model._check_parameters()
    _, codes = max(models, key=lambda m: m.n_components)._read(X, y)
    return read_matrix(X), codes


def _folds(y, groups, n_splits):
    """Return the labelled samples to hold out, a list of arrays, one for each fold."""
    known = np.flatnonzero(y != UNLABELLED)
    groups = _groups(groups, y, known, n_splits)
    folds = StratifiedGroupKFold(n_splits, shuffle=True, random_state=0)
    with warnings.catch_warnings():  # a class need not be in every fold
        warnings.filterwarnings("ignore", "The least populated class")
        split = list(folds.split(known, y[known], groups[known]))
    for rest, _ in split:
        if len(set(y[known[rest]])) < len(set(y[known])):
            raise ValueError(
                "groups must leave every class some samples to learn from; got a "
                f"fold of {n_splits}, n_splits, that holds out all of one"
            )
    return [known[held] for _, held in split]


def balance(model, X):
    """Return how evenly the classes predicted for `X` are spread, 0 to 1."""
    if not len(X):
        return np.nan
    shares = np.unique(model.predict(X), return_counts=True)[1] / len(X)
    return float(-(shares * np.log(shares)).sum() / np.log(len(model.classes_)))


def _groups(groups, y, known, n_splits):
    """Return the group of each sample; check that labelled ones can be held out."""
    groups = np.arange(len(y)) if groups is None else groups
    groups = as_labels(groups, "groups", len(y), gaps=True)
    missing = known[pd.isna(groups[known])]
    if len(missing):
        raise ValueError(
            "groups must name a group for each labelled sample; got none in row "
            f"{first(missing)}"
        )
    least = min(len(set(groups[y == c])) for c in np.unique(y[known]))
    n_groups = len(set(groups[known]))
    if least < 2 or n_groups < n_splits:
        raise ValueError(
            "groups must hold at least 2 groups of each class, and n_splits, "
            f"{n_splits}, of labelled samples; got {least} and {n_groups}"
        )
    return groups


def _scored(estimator, points, X, y, held):
    rest = np.setdiff1d(np.arange(len(y)), held)
    models = [clone(estimator).set_params(**point) for point in points]
    fits = fit_together(models, X[rest], y[rest])
    with warnings.catch_warnings():  # misfit to held-out samples is expected here
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
    """Return which rows are Pareto-optimal.

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
