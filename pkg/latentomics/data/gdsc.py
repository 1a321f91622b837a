"""GDSC1 (Genomics of Drug Sensitivity in Cancer, Sanger): responses and drugs."""

import pandas as pd

from latentomics.data.cell_lines import gdsc_ids
from latentomics.data.fetch import fetch_file
from latentomics.data.gdsc_raw import lnic50_table, long_table


def gdsc1_auc(ids="corrected"):
    """Return areas under the dose-response curve, cell lines x drugs.

    Parameters
    ----------
    ids : {"corrected", "prefix"}, default="corrected"
        How GDSC names are mapped to DepMap ids, see :func:`cell_lines.gdsc_ids`: with
        every known correction (1,028 ids), or by name alone (996 ids), as for the
        pinned concordance figure.

    Returns
    -------
    DataFrame of shape (1065, 266)
        Rows are cell lines: DepMap ids, GDSC names for lines without one. Columns are
        drugs, "GDSC:<id>"; 16 compounds were screened twice under two ids. Values are
        fractions of the full area, between 0 and 1, low = sensitive; NaN = not measured
        (21%).
    """
    table = long_table()
    label = gdsc_ids(ids).to_dict()
    table["CellLine"] = [label.get(name, name) for name in table["CellLine"]]
    auc = table.pivot(index="CellLine", columns="Drug", values="AUC")
    return auc.rename_axis(index="cell_line", columns="drug")


def gdsc1_lnic50():
    """Return ln IC50, cell lines x drugs.

    Returns
    -------
    DataFrame of shape (969, 266)
        Rows are cell lines (DepMap ids; ACH-000474 and ACH-001075 carry the same
        values). Columns are drugs, "GDSC:<id>". Values are natural logarithms of
        micromolar concentrations, low = sensitive; NaN = not measured (19%).
    """
    lnic50 = lnic50_table().T.sort_index()
    return lnic50.rename_axis(index="cell_line", columns="drug")


def gdsc_drugs():
    """Return the annotation of the GDSC drugs.

    Returns
    -------
    DataFrame of shape (266, 5)
        Rows are drugs, "GDSC:<id>", in the order of the response matrices. Columns:
        `name`, `synonyms` and `targets` (comma separated), `pathway`, `pubchem` (the
        compound id as text; missing where GDSC lists none or several).
    """
    table = pd.read_csv(fetch_file("gdsc_drug_list"), dtype=str)
    table.index = pd.Index("GDSC:" + table["drug_id"], name="drug")
    columns = {
        "Name": "name",
        "Synonyms": "synonyms",
        "Targets": "targets",
        "Target pathway": "pathway",
        "PubCHEM": "pubchem",
    }
    drugs = table.rename(columns=columns)[list(columns.values())].sort_index()
    one = pd.to_numeric(drugs["pubchem"], errors="coerce").notna()
    drugs["pubchem"] = drugs["pubchem"].where(one)
    return drugs
