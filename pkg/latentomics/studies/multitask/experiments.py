"""Which method predicts drug response best, when all see the same folds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from latentomics.base import check_size
from latentomics.checks import check_choice, check_whole
from latentomics.matrices import aligned_like, as_table, names_of, read_matrix
from latentomics.multitask.path_search import (
    SETTINGS,
    PathSearch,
    held_out,
    to_predict,
)
from latentomics.multitask.task_groups import TaskGroups


@dataclass
class Predictions:
    """Held-out predictions of every measured cell by every method.

    Attributes
    ----------
    Y : DataFrame of shape (n_lines, n_drugs)
        Responses, NaN where not measured.
    setting : str
    values : dict of str to ndarray of shape (n_repeats, n_lines, n_drugs)
        Method -> predictions; NaN where nothing was measured.
    """

    Y: pd.DataFrame
    setting: str
    values: dict

    def squares(self, method):
        """Return squared errors, shape (n_repeats, n_lines, n_drugs)."""
        self.check_size()
        return (self.values[method] - self.Y.to_numpy()) ** 2

    def check_size(self):
        """Raise ValueError for values whose squares overflow or vanish."""
        check_size(self.Y.to_numpy(), "float64", "Y")
        for method, values in self.values.items():
            for M in values:
                check_size(M, "float64", f"predictions of {method!r}", small=False)

    def table(self, dataset):
        """Return mean squared errors, one row per method, drug and outer split.

        Columns `dataset`, `setting`, `method`, `drug`, `outer_split`, `mse` (squared
        units of Y): the mean over all measured cells of the drug, each held out once.
        """
        rows = []
        for method in self.values:
            mse = np.nanmean(self.squares(method), axis=1)
            frame = pd.DataFrame(mse, columns=self.Y.columns).rename_axis("outer_split")
            frame = frame.melt(ignore_index=False, var_name="drug", value_name="mse")
            rows.append(frame.reset_index().assign(method=method))
        table = pd.concat(rows, ignore_index=True)
        table = table.assign(dataset=dataset, setting=self.setting)
        return table[["dataset", "setting", "method", "drug", "outer_split", "mse"]]


def nested_cv(
    methods,
    Y,
    *,
    setting="transductive",
    n_splits=5,
    n_repeats=3,
    random_state=0,
    n_jobs=1,
    progress=None,
):
    """Hold out every measured cell once per repeat, and predict it by each method.

    Every method sees the same folds, outer and inner; the inner ones are those of
    :class:`PathSearch` on the training part of the outer fold. The search takes its
    `setting` and `random_state` from the outer fold.

    Parameters
    ----------
    methods : dict of str to (PathSearch, array of shape (n_lines, n_features))
        Name -> the search and its features, whose lines must be those of `Y`, in the
        same order.
    Y : DataFrame or array of shape (n_lines, n_drugs)
        NaN = not measured.
    setting : {"transductive", "inductive"}, default="transductive"
        Hold out cells of known lines, or whole lines.
    n_splits, n_repeats : int, default=5, 3
        Outer folds, and how often they are redrawn ("outer splits").
    random_state : int, default=0
        Repeat r uses the seed `random_state` + r.
    n_jobs : int, default=1
        Number of parallel fits, each on one thread.
    progress : callable, optional
        As ``tqdm.auto.tqdm``, called with an iterable and `total`.

    Returns
    -------
    Predictions

    Raises
    ------
    ValueError
        If `setting` is neither, a count is not a positive whole number, a method is not
        such a pair, or its lines are not those of `Y`; or, once that fold is reached,
        if a fold holds out every measured line of a drug.
    """
    check_choice("setting", setting, SETTINGS)
    methods, Y = _checked(methods, Y)
    check_whole(n_repeats=n_repeats, n_jobs=n_jobs)
    values = {name: np.full((n_repeats, *Y.shape), np.nan) for name in methods}
    jobs, places = [], []
    for repeat in range(n_repeats):
        seed = random_state + repeat
        splits = held_out(Y.to_numpy(), Y.to_numpy(), setting, n_splits, seed)
        for rows, Y_train, held in splits:
            if not held.any():
                continue
            Y_train = pd.DataFrame(Y_train, columns=Y.columns)
            for name, (search, X) in methods.items():
                one = clone(search).set_params(setting=setting, random_state=seed)
                jobs.append(delayed(_predict)(one, X, rows, Y_train, held))
                places.append((values[name][repeat], held))
    answers = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
    if progress:
        answers = progress(answers, total=len(jobs))
    for (predicted, held), answer in zip(places, answers, strict=True):
        predicted[held] = answer
    return Predictions(Y, setting, values)


def _checked(methods, Y):
    """Return methods with their features in the order of `Y`, and `Y` as a table."""
    if not isinstance(methods, dict) or not methods:
        raise ValueError(f"methods must be a dict with a method; got {methods!r}")
    Y = as_table(Y, "Y")
    values = read_matrix(Y, "Y", gaps=True)
    table = pd.DataFrame(values, names_of(Y), names_of(Y, axis=1))
    read = {}
    for name, pair in methods.items():
        search, X = pair if isinstance(pair, tuple) and len(pair) == 2 else (pair, None)
        if not isinstance(search, PathSearch) or X is None:
            raise ValueError(
                f"methods[{name!r}] must be a pair (PathSearch, features); got {pair!r}"
            )
        what = f"features of {name!r}"
        X = aligned_like(X, Y, name=what, by="Y", axes=[0])
        read[name] = search, read_matrix(X, what)
        if len(X) != len(table):
            raise ValueError(
                f"{what} must have a row for each of the {len(table)} "
                f"lines of Y; got {len(X)}"
            )
    return read, table


def _predict(search, X, rows, Y_train, held):
    """Return predictions of the held-out cells from a fit to the others."""
    with threadpool_limits(1):
        lines = to_predict(rows, held)
        search.fit(X[rows], Y_train)
        return search.predict(X[lines])[held[lines]]


def group_table(search, X, Y, sizes, dataset, **given):
    """Return errors of one method fitted to groups of drugs of different sizes.

    Parameters
    ----------
    search : PathSearch
    X : DataFrame of shape (n_lines, n_features)
    Y : DataFrame of shape (n_lines, n_drugs)
    sizes : sequence of int
        Drugs per group; see :class:`TaskGroups`.
    dataset : str
    **given
        Passed to :func:`nested_cv`, so that the folds match those of other methods.

    Returns
    -------
    DataFrame
        As from :meth:`Predictions.table`, with `group_size` in place of `method`.
    """
    common = {k: v for k, v in search.get_params(deep=False).items() if k != "setting"}
    methods = {str(n): (TaskGroups(**common, group_size=n), X) for n in sizes}
    table = nested_cv(methods, Y, **given).table(dataset)
    return table.rename(columns={"method": "group_size"})
