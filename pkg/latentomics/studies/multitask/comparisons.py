"""How much better one method predicts than another, with confidence intervals."""

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from latentomics.arrays import binary_unit
from latentomics.base import check_truths
from latentomics.checks import check_choice
from latentomics.matrices import aligned, aligned_like, as_labels, as_table, read_matrix


def compare(
    predictions, method, rival, *, drugs=None, n_resamples=2000, random_state=0
):
    r"""Return the error reduction of `method` relative to `rival`, with intervals.

    The error reduction for drug t is :math:`1 - \mathrm{MSE}_t / \mathrm{MSE}'_t`. The
    interval of the mean is a bootstrap over whole lines, since responses of one line,
    and the drugs themselves, are correlated.

    Parameters
    ----------
    predictions : Predictions
    method, rival : str
    drugs : bool array of shape (n_drugs,), optional
        Drugs to include; a Series is matched by name. All by default.
    n_resamples : int, default=2000
    random_state : int, default=0

    Returns
    -------
    dict
        `mean` reduction over drugs, its 95% interval `low` and `high`; `geometric`, 1
        minus the geometric mean of the ratios, which near-duplicate drugs affect less;
        `wins` of `drugs`; `pvalue`, one-sided Wilcoxon signed rank over drugs.

    Raises
    ------
    ValueError
        If `method` or `rival` is not in `predictions`, or `drugs` is not a boolean mask
        that selects at least one drug.
    """
    for given in (method, rival):
        check_choice("method and rival", given, predictions.values)
    if drugs is not None:
        names = predictions.Y.columns
        drugs = aligned(as_table(drugs, "drugs"), names, name="drugs", by="Y")
        drugs = check_truths(drugs, (len(names),), "drugs")
        if not drugs.any():
            raise ValueError("drugs must choose at least one; got none")
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
    """Return which drugs to keep so that no two kept ones are nearly identical.

    In column order, a drug is kept unless its correlation with a kept one exceeds
    `limit`.

    Parameters
    ----------
    Y : DataFrame or array of shape (n_lines, n_drugs)
    limit : float, default=0.8

    Returns
    -------
    bool ndarray of shape (n_drugs,)
    """
    Y = pd.DataFrame(read_matrix(Y, "Y", gaps=True))
    r = (Y / binary_unit(Y, axis=0)).corr(min_periods=5).to_numpy()
    kept = np.zeros(len(r), bool)
    for t in range(len(r)):
        kept[t] = not (r[t, kept] > limit).any()
    return kept


def within_groups(predictions, groups):
    """Return the share of differences within groups of lines that is predicted.

    Predictions and responses are centred over the measured lines of each group and
    drug. Predicting the group's exact mean scores 0; a mean learned on other lines
    scores slightly less, since each fold has its own.

    Parameters
    ----------
    predictions : Predictions
    groups : array of shape (n_lines,)
        A named Series is matched to the lines by name. Lines without a group are left
        out, as are drugs measured on no two lines of one group.

    Returns
    -------
    Series
        Method -> 1 minus the ratio of squared error to squared deviation, averaged over
        drugs and repeats.

    Raises
    ------
    ValueError
        If `groups` does not have one entry per line, or no drug was measured on two
        lines of one group.
    """
    groups = aligned_like(
        groups, predictions.Y, name="groups", by="predictions.Y", axes=[0]
    )
    predictions.check_size()
    groups = as_labels(groups, "groups", len(predictions.Y), gaps=True)
    Y = predictions.Y.to_numpy()
    seen = ~np.isnan(Y) & ~pd.isna(groups)[:, None]
    codes = pd.get_dummies(pd.Series(groups)).to_numpy(dtype=float)
    count = np.maximum(codes.T @ seen, 1)

    def deviations(M):
        M = np.where(seen, M, 0.0)
        return np.where(seen, M - codes @ (codes.T @ M / count), 0.0)

    drugs = (codes.T @ seen > 1).any(axis=0)
    if not drugs.any():
        raise ValueError(
            "groups must put two lines on which a drug was measured into one; got none"
        )
    total = np.square(deviations(Y)).sum(axis=0)[drugs]
    explained = {}
    for method, values in predictions.values.items():
        wrong = (deviations(Y) - deviations(v) for v in values)
        missed = [np.square(R).sum(axis=0)[drugs] for R in wrong]
        explained[method] = float(np.mean(1 - np.array(missed) / total))
    return pd.Series(explained, name="explained_within").rename_axis("method")


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
