"""Whether two studies of the same drugs and cell lines agree, and on what."""

import numpy as np
import pandas as pd

from latentomics.data.names import as_names
from latentomics.matrices import chosen
from latentomics.metrics import matched_auroc, spearman_matrix

ALPHA = 0.01  # two-sided, the paper's level


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
