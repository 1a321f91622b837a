"""Whether two studies of the same drugs and cell lines agree, and on what."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from latentomics.data.names import as_names
from latentomics.matrices import chosen
from latentomics.metrics import matched_auroc, spearman_matrix

ALPHA = 0.01  # two-sided, the paper's level


def matched_agree(table):
    """Return which drugs agree with themselves between two studies.

    Parameters
    ----------
    table : SpearmanMatrix
        Drugs of one study against the same drugs of another, in the same order.

    Returns
    -------
    bool ndarray of shape (n_drugs,)
        Positive correlation with two-sided p < .01; False where there is none.
    """
    return np.diag((table.pvalue < ALPHA) & (table.rho > 0))


def sign_test(gained, lost):
    """Return how surprising gains and losses are if each was a toss of a coin.

    McNemar's test in its exact form: what agrees, or does not, both before and after
    says nothing of a change.

    Parameters
    ----------
    gained, lost : int
        Number of drugs that agree only after, and only before.

    Returns
    -------
    float
        Two-sided p value; 1 if nothing changed.

    Raises
    ------
    ValueError
        If a number is negative.
    """
    if min(gained, lost) < 0:
        raise ValueError(f"gained and lost must be at least 0; got {gained}, {lost}")
    n = int(gained + lost)
    return float(binomtest(int(gained), n).pvalue) if n else 1.0


def smallest_total(percentages, *, tolerance=0.1, largest=1000):
    """Return the smallest number of items of which all percentages can be shares.

    Two thirds printed as 66.7% may be 2 of 3 items, or 4 of 6, but 62.5% are 5 of 8
    at least. Multiples of the result are possible, too.

    Parameters
    ----------
    percentages : list of float
        From 0 to 100, as printed.
    tolerance : float, default=0.1
        Largest error of a printed number; the default is one unit of the first
        decimal, so that it may have been rounded or cut off.
    largest : int, default=1000
        Where to stop looking.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a percentage is not between 0 and 100, or no number up to `largest` fits.
    """
    shares = np.atleast_1d(np.asarray(percentages, float))
    if not ((shares >= 0) & (shares <= 100)).all():
        raise ValueError(f"percentages must be from 0 to 100; got {percentages!r}")
    n = np.arange(1, largest + 1)[:, None]
    error = np.abs(100 * np.round(shares * n / 100) / n - shares)
    fits = (error < tolerance).all(axis=1)
    if not fits.any():
        raise ValueError(
            f"percentages must be shares of at most {largest} items; "
            f"got {percentages!r}"
        )
    return int(n[fits.argmax(), 0])


def agreement(table):
    """Return how well drugs agree with themselves and with other drugs.

    Parameters
    ----------
    table : SpearmanMatrix
        Drugs of one study against the same drugs of another, in the same order.

    Returns
    -------
    dict
        `n_drugs`; `significant`, the share of drugs whose correlation between the
        studies is positive with two-sided p < .01; `mismatched`, the same share among
        all pairs of *different* drugs, .005 if they are unrelated; `opposed`, their
        share with a negative correlation at the same level; `auroc`, the probability
        that a drug agrees better with itself than two different drugs do. A pair
        without a correlation counts as not significant.
    """
    agrees, opposed = (
        (table.pvalue < ALPHA) & (sign * table.rho > 0) for sign in (1, -1)
    )
    matched = np.eye(len(agrees), dtype=bool)
    return {
        "n_drugs": len(agrees),
        "significant": float(agrees[matched].mean()),
        "mismatched": float(agrees[~matched].mean()),
        "opposed": float(opposed[~matched].mean()),
        "auroc": matched_auroc(table.rho),
    }


def corrected_frames(studies, method):
    """Correct each study as a whole, before any drug or line is left out.

    Parameters
    ----------
    studies : dict of str to DataFrame
        Rows = cell lines, columns = drugs; NaN marks a gap.
    method : denoising estimator
        Fitted to each study in turn.

    Returns
    -------
    dict of str to DataFrame
        `corrected_`, with gaps filled.
    """
    return {
        name: pd.DataFrame(
            method.fit(study).corrected_, index=study.index, columns=study.columns
        )
        for name, study in studies.items()
    }


def compare(studies, versions, pairs, lines):
    """Correlate all shared drugs between two studies, once for each version of them.

    Parameters
    ----------
    studies : dict of str to DataFrame
        The two studies as measured.
    versions : dict of str to dict of str to DataFrame
        method -> study -> corrected matrix, gaps filled.
    pairs : DataFrame
        One row per shared drug; a column named after each study, with the drug's name
        there.
    lines : list of str
        Cell lines in both studies.

    Returns
    -------
    dict of (str, str) to SpearmanMatrix
        Keys are ("measured", "measured"), and for every method both (method,
        "measured"), which leaves out unmeasured cells, and (method, "filled"), which
        counts imputed cells too.
    """
    lines = as_names(lines, "lines")

    def shared(version):
        rows = [chosen(version[name], lines, name) for name in studies]
        drugs = [pd.Index(pairs[name]) for name in studies]
        return [
            chosen(M, d, n, 1) for M, d, n in zip(rows, drugs, studies, strict=True)
        ]

    A, B = shared(studies)
    tables = {("measured", "measured"): spearman_matrix(A, B)}
    for method, version in versions.items():
        A_new, B_new = shared(version)
        same_cells = A_new.where(A.notna()), B_new.where(B.notna())
        tables[method, "measured"] = spearman_matrix(*same_cells)
        tables[method, "filled"] = spearman_matrix(A_new, B_new)
    return tables


def agreement_table(tables, pair):
    """Summarise what :func:`compare` returns, one row per method and kind of cells.

    Parameters
    ----------
    tables : dict of (str, str) to SpearmanMatrix
    pair : str
        Which two studies, such as "GDSC1-CTRPv2".

    Returns
    -------
    DataFrame
        Columns `pair`, `method`, `cells` ("measured" or "filled") and those of
        :func:`agreement`.
    """
    rows = [
        {"pair": pair, "method": method, "cells": cells, **agreement(table)}
        for (method, cells), table in tables.items()
    ]
    return pd.DataFrame(rows)
