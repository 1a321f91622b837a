"""Cell lines under one name: annotation, and matching between the screens.

Names are compared by their key: upper case, letters and digits only.
"""

import pandas as pd

from latentomics.data.fetch import fetch_file
from latentomics.data.gdsc_raw import lnic50_table, long_table

# two pairs of lines share a key; their values in the screen tell them apart
SAME_KEY = {"TT": "ACH-001321", "KMH-2": "ACH-002397"}
COLUMNS = {
    "CCLE_ID": "ccle_name",
    "Name": "name",
    "Site_Primary": "tissue",
    "Site_Subtype1": "tissue_subtype",
    "Histology": "histology",
    "Hist_Subtype1": "histology_subtype",
    "type": "type",
    "type_refined": "type_refined",
    "tcga_code": "tcga_code",
    "Pathology": "pathology",
    "Gender": "sex",
    "Age": "age",
}


def key(name):
    """Return a name's upper-case letters and digits, by which names are compared."""
    return "".join(c for c in str(name).upper() if c.isascii() and c.isalnum())


def annotation():
    """Return the CCLE annotation as in its file, one row per cell line."""
    path = fetch_file("ccle_cell_line_annotations")
    return pd.read_csv(path, sep="\t", dtype={"Age": "float64"}, low_memory=False)


def prefix_ids():
    """Return DepMap ids by key, the key being the start of the CCLE name.

    If two CCLE lines share a key (TT, KMH2), it goes to the first in the file.
    """
    table = annotation().dropna(subset="depMapID")
    keys = table["CCLE_ID"].str.split("_").str[0].map(key)
    ids = pd.Series(table["depMapID"].to_numpy(), index=keys)
    return ids[~ids.index.duplicated()]


def gdsc_ids(how="corrected"):
    """Return the DepMap ids of the GDSC names that have one, a Series by GDSC name.

    Parameters
    ----------
    how : {"corrected", "prefix"}, default="corrected"
        "corrected" (1,028 ids): two sources of GDSC1, one with GDSC names and one
        with DepMap ids, hold the same ln IC50; lines whose values agree are the same
        line. The others are matched by name, two of them by hand (`SAME_KEY`). "prefix"
        (996 ids): by name alone; if two names claim one id, it goes to the first in
        alphabetical order. It misnames MS-1.

    Raises
    ------
    ValueError
        If `how` is neither.
    """
    if how not in ("corrected", "prefix"):
        raise ValueError(f"ids must be 'corrected' or 'prefix'; got {how!r}")
    names = pd.Index(sorted(long_table()["CellLine"].unique()))
    by_key = prefix_ids()
    by_name = pd.Series(by_key.reindex(names.map(key)).to_numpy(), index=names)
    by_name = by_name.dropna()
    if how == "prefix":
        return by_name[~by_name.duplicated()]
    by_value = _ids_by_value()
    return by_value.combine_first(by_name.drop(list(SAME_KEY))).combine_first(
        pd.Series(SAME_KEY)
    )


def _ids_by_value():
    """Match GDSC names to DepMap ids through equal ln IC50 of the same drugs.

    Every value of the id must be a value of the name. NCI-H292 has the values of two
    ids, so it is left to be matched by name.
    """
    named = long_table()[["CellLine", "Drug", "LN_IC50"]]
    numbered = lnic50_table().melt(
        ignore_index=False, var_name="id", value_name="LN_IC50"
    )
    numbered = numbered.dropna().rename_axis("Drug").reset_index()
    for table in (named, numbered):  # the files differ in the last printed digit
        table["LN_IC50"] = table["LN_IC50"].round(6)
    both = named.merge(numbered, on=["Drug", "LN_IC50"])
    agree = both.groupby(["CellLine", "id"]).size()
    measured = numbered.groupby("id").size()
    same = agree[agree == measured.reindex(agree.index, level="id")]
    pairs = same.index.to_frame(index=False).set_index("CellLine")["id"]
    return pairs[~pairs.index.duplicated(keep=False)].rename_axis(None)


def cell_lines():
    """Return the annotation of each cell line, the union of CCLE and GDSC.

    Rows are named as in the response matrices: by DepMap id or, without one, by GDSC
    name (37 lines) or CCLE name (4 lines). So ``cell_lines.loc[auc.index]`` works for
    all of them but CCLE's, which has a line, COLO677_LUNG, without annotation.
    Columns: `depmap_id`, `gdsc_name`, `ccle_name`, `name`, `tissue`,
    `tissue_subtype`, `histology`, `histology_subtype`, `type`, `type_refined`,
    `tcga_code`, `pathology` (primary or metastasis), `sex`, `age` in years. Missing
    where the source has nothing or "NS" (not specified); the tissue is then read
    from the end of the CCLE name.
    """
    ccle = _ccle()
    ids = gdsc_ids()
    unnamed = sorted(set(long_table()["CellLine"]) - set(ids.index))
    gdsc = pd.Series([*ids.index, *unnamed], index=[*ids, *unnamed], name="gdsc_name")
    lines = ccle.join(gdsc, how="outer")
    lines = lines.reindex(lines.index.union(lnic50_table().columns))
    lines.insert(0, "depmap_id", lines.index.where(lines.index.str.startswith("ACH-")))
    lines.insert(1, "gdsc_name", lines.pop("gdsc_name"))
    lines["name"] = lines["name"].fillna(lines["gdsc_name"])
    return lines.rename_axis("cell_line")


def _ccle():
    """Return the columns of the annotation that we keep, by label."""
    table = annotation()
    label = table["depMapID"].fillna(table["CCLE_ID"])
    table = table.replace("NS", None).rename(columns=COLUMNS)
    parts = table["ccle_name"].str.split("_", n=1)
    table["tissue"] = table["tissue"].fillna(parts.str[1].str.lower())
    return table[list(COLUMNS.values())].set_index(label)
