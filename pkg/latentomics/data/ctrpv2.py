"""CTRPv2 (Cancer Therapeutics Response Portal, Broad): responses and drugs."""

import pandas as pd

from latentomics.data.cell_lines import key, prefix_ids
from latentomics.data.fetch import fetch_file

REPEATS = ("first", "mean", "all")


def ctrpv2_auc(repeats="first"):
    """Return areas under the dose-response curve, cell lines x drugs.

    Parameters
    ----------
    repeats : {"first", "mean", "all"}, default="first"
        18 lines were screened two or three times. Keep the first screen of each, the
        mean of the measured values, or every screen, with a second row level `repeat`,
        counted from 1.

    Returns
    -------
    DataFrame of shape (645, 481), (664, 481) with ``repeats="all"``
        Rows are cell lines (DepMap ids), columns are drugs (CTRPv2 names). Values are
        areas over log2 concentration, about 0 to 30, low = sensitive; NaN = not
        measured (18%).

    Raises
    ------
    ValueError
        If `repeats` is none of the three.
    """
    if repeats not in REPEATS:
        raise ValueError(f"repeats must be one of {REPEATS}; got {repeats!r}")
    auc = pd.read_csv(fetch_file("ctrpv2_auc"), index_col=0)
    ids = prefix_ids()  # TT and KMH2 could be two lines each; their profiles fit these
    auc.index = pd.Index([ids[key(name)] for name in auc.index], name="cell_line")
    auc.columns.name = "drug"
    if repeats == "mean":
        return auc.groupby(level=0).mean()
    repeat = auc.groupby(level=0).cumcount() + 1
    if repeats == "first":
        return auc[repeat == 1].sort_index()
    return auc.set_index(repeat.rename("repeat"), append=True).sort_index()


def ctrpv2_drugs():
    """Return the targets and mechanisms of the CTRPv2 drugs.

    Returns
    -------
    DataFrame of shape (481, 2)
        Rows are drugs (CTRPv2 names) in the order of the response matrix. Columns:
        `targets` (genes, semicolon separated; missing for 120 drugs), `mechanism`.
    """
    table = pd.read_csv(fetch_file("ctrpv2_drug_targets"), index_col=0)
    table.columns = ["targets", "mechanism"]
    return table.rename_axis("drug")
