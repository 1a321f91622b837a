"""Who predicts drug response best, when all methods see the same folds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.stats import wilcoxon
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from latentomics.base import check_choice, check_whole
from latentomics.multitask.path_search import SETTINGS, held_out
from latentomics.multitask.task_groups import TaskGroups


@dataclass
class Predictions:
    """What every method said of every measured cell when it was held out.

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
        return (self.values[method] - self.Y.to_numpy()) ** 2

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
    """Hold every measured cell out once per repeat, and predict it by each method.

    Every method sees the same folds, outer and inner; the inner ones are those of
    :class:`PathSearch`, on what the outer fold leaves.

    Parameters
    ----------
    methods : dict of str to (PathSearch, array of shape (n_lines, n_features))
        Name -> what fits, and the features that it is given.
    Y : DataFrame of shape (n_lines, n_drugs)
        NaN = not measured.
    setting : {"transductive", "inductive"}, default="transductive"
        Hold out cells of known lines, or whole lines.
    n_splits, n_repeats : int, default=5, 3
        Outer folds, and how often they are drawn anew ("outer splits").
    random_state : int, default=0
        Repeat r uses the seed `random_state` + r.
    n_jobs : int, default=1
        Fits at once, each on one thread.
    progress : callable, optional
        As ``tqdm.auto.tqdm``, called with an iterable and `total`.

    Returns
    -------
    Predictions

    Raises
    ------
    ValueError
        If `setting` is none of the two, or a number is not a whole one from 1 up.
    """
    check_choice("setting", setting, SETTINGS)
    check_whole(n_repeats=n_repeats, n_jobs=n_jobs)
    values = {name: np.full((n_repeats, *Y.shape), np.nan) for name in methods}
    jobs = []
    for repeat in range(n_repeats):
        seed = random_state + repeat
        splits = held_out(Y.to_numpy(), Y.to_numpy(), setting, n_splits, seed)
        for rows, Y_train, held in splits:
            for name, (search, X) in methods.items():
                one = clone(search).set_params(setting=setting, random_state=seed)
                jobs.append((repeat, held, name, one, np.asarray(X), rows, Y_train))
    run = Parallel(n_jobs=n_jobs, return_as="generator")
    answers = run(delayed(_predict)(*job[3:], job[1]) for job in jobs)
    if progress:
        answers = progress(answers, total=len(jobs))
    for (repeat, held, name, *_), answer in zip(jobs, answers, strict=True):
        values[name][repeat][held] = answer
    return Predictions(Y, setting, values)


def _predict(search, X, rows, Y_train, held):
    """Return predictions of the cells held out, by a fit to the others."""
    with threadpool_limits(1):
        lines = held.any(axis=1)
        search.fit(X[rows], Y_train)
        return search.predict(X[lines])[held[lines]]


def group_table(search, X, Y, sizes, dataset, **given):
    """Return errors of one method when only so many drugs are fitted together.

    Parameters
    ----------
    search : PathSearch
    X : DataFrame of shape (n_lines, n_features)
    Y : DataFrame of shape (n_lines, n_drugs)
    sizes : sequence of int
        Drugs in a group; see :class:`TaskGroups`.
    dataset : str
    **given
        To :func:`nested_cv`, so that the folds are those of the other methods.

    Returns
    -------
    DataFrame
        As from :meth:`Predictions.table`, with the column `group_size`.
    """
    common = {k: v for k, v in search.get_params(deep=False).items() if k != "setting"}
    methods = {str(n): (TaskGroups(**common, group_size=n), X) for n in sizes}
    table = nested_cv(methods, Y, **given).table(dataset)
    return table.rename(columns={"method": "group_size"})


def compare(
    predictions, method, rival, *, drugs=None, n_resamples=2000, random_state=0
):
    r"""Return by how much `method` beats `rival`, with intervals.

    The reduction of drug t is :math:`1 - \mathrm{MSE}_t / \mathrm{MSE}'_t`. Its
    interval comes from drawing whole lines with replacement, since the drugs of one
    line, and the drugs among themselves, are correlated.

    Parameters
    ----------
    predictions : Predictions
    method, rival : str
    drugs : bool array of shape (n_drugs,), optional
        Which drugs count; all by default.
    n_resamples : int, default=2000
    random_state : int, default=0

    Returns
    -------
    dict
        `mean` reduction over drugs, its 95% interval `low` and `high`; `geometric`,
        1 minus the geometric mean of the ratios, which near-duplicate drugs move
        less; `wins` of `drugs`; `pvalue`, one-sided Wilcoxon signed rank over drugs.
    """
    # repeats are averaged: a line drawn twice counts twice in all of them
    ours, theirs = (predictions.squares(m).mean(axis=0) for m in (method, rival))
    if drugs is not None:
        ours, theirs = ours[:, drugs], theirs[:, drugs]
    measured = ~np.isnan(ours)
    ours, theirs = np.nan_to_num(ours), np.nan_to_num(theirs)
    ratio = ours.sum(axis=0) / theirs.sum(axis=0)
    rng = np.random.default_rng(random_state)
    weights = rng.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), n_resamples)
    there = weights @ measured > 0
    resampled = np.full(there.shape, np.nan)  # where no line of a drug was drawn
    np.divide(weights @ ours, weights @ theirs, where=there, out=resampled)
    reductions = 1 - np.nanmean(resampled, axis=1)
    low, high = np.quantile(reductions, (0.025, 0.975))
    count = measured.sum(axis=0)
    difference = (ours.sum(axis=0) - theirs.sum(axis=0)) / count
    return {
        "mean": 1 - ratio.mean(),
        "low": low,
        "high": high,
        "geometric": 1 - np.exp(np.log(ratio).mean()),
        "wins": int((ratio < 1).sum()),
        "drugs": len(ratio),
        "pvalue": float(wilcoxon(difference, alternative="less").pvalue),
    }


def distinct_drugs(Y, limit=0.8):
    """Return which drugs to keep so that no two kept ones are nearly the same.

    In their order, a drug stays unless it correlates by more than `limit` with one
    that stayed.

    Parameters
    ----------
    Y : DataFrame of shape (n_lines, n_drugs)
    limit : float, default=0.8

    Returns
    -------
    bool ndarray of shape (n_drugs,)
    """
    r = Y.corr(min_periods=5).to_numpy()
    kept = np.zeros(len(r), bool)
    for t in range(len(r)):
        kept[t] = not (r[t, kept] > limit).any()
    return kept


def within_groups(predictions, groups):
    """Return how much of the differences between lines of one tissue is predicted.

    Predictions and responses lose their means over the measured lines of each group
    and drug, so that knowing the tissue alone is worth 0.

    Parameters
    ----------
    predictions : Predictions
    groups : array of shape (n_lines,)

    Returns
    -------
    Series
        Method -> 1 minus the ratio of squared error to squared deviation, the mean
        over drugs and repeats.
    """
    Y = predictions.Y.to_numpy()
    seen = ~np.isnan(Y)
    codes = pd.get_dummies(pd.Series(np.asarray(groups))).to_numpy(dtype=float)
    count = np.maximum(codes.T @ seen, 1)

    def deviations(M):
        M = np.where(seen, M, 0.0)
        return np.where(seen, M - codes @ (codes.T @ M / count), 0.0)

    total = np.square(deviations(Y)).sum(axis=0)
    explained = {}
    for method, values in predictions.values.items():
        missed = [np.square(deviations(Y) - deviations(v)).sum(axis=0) for v in values]
        explained[method] = float(np.mean(1 - np.array(missed) / total))
    return pd.Series(explained, name="explained_within")


def interval_table(predictions, dataset, *, random_state=0):
    """Compare every method with every reference, on all drugs and on distinct ones.

    Returns
    -------
    DataFrame
        Columns `dataset`, `setting`, `method`, `rival`, `which` ("all" or
        "distinct" drugs) and those of :func:`compare`.
    """
    which = {"all": None, "distinct": distinct_drugs(predictions.Y)}
    rows = []
    for method in predictions.values:
        for rival in predictions.values.keys() - {method}:
            for kind, drugs in which.items():
                found = compare(
                    predictions, method, rival, drugs=drugs, random_state=random_state
                )
                rows.append({"method": method, "rival": rival, "which": kind} | found)
    table = pd.DataFrame(rows).sort_values(["method", "rival", "which"])
    table.insert(0, "setting", predictions.setting)
    table.insert(0, "dataset", dataset)
    return table.reset_index(drop=True)
