"""CCLE (Cancer Cell Line Encyclopedia, Broad): responses and features of the lines."""

import pandas as pd

from latentomics.data.cell_lines import key, prefix_ids
from latentomics.data.fetch import fetch_file
from latentomics.data.safe_pickle import read_node_features

MEASURES = {
    "activity_area": "ActArea",
    "ic50": "IC50 (uM)",
    "ec50": "EC50 (uM)",
    "amax": "Amax",
}
KINDS = ("expression", "copy_number", "mutation")


def ccle_response(measure="activity_area"):
    """Return how strongly each drug acted, cell lines x drugs.

    Parameters
    ----------
    measure : {"activity_area", "ic50", "ec50", "amax"}, default="activity_area"
        "activity_area": the area over the dose-response curve, summed over eight
        doses; 0 = no effect, 8 = every dose killed all; high = sensitive. "ic50": the
        concentration that halves viability, in micromolar, low = sensitive; 55% of
        the values are 8, the highest dose, which stands for "8 or more" (censored).
        "ec50": the concentration with half the maximal effect on the line, in
        micromolar; missing for a further 38%, whose curve is not sigmoid. "amax": the
        maximal effect, in percent of growth; -100 = all killed, low = sensitive.

    Returns
    -------
    DataFrame of shape (504, 24)
        Rows are cell lines: DepMap ids, or the CCLE name for the one without
        (COLO677_LUNG, which is not in ``load("cell_lines")`` either). Columns are drugs
        (CCLE names). NaN = not measured (4%; 37% of Irinotecan).

    Raises
    ------
    ValueError
        If `measure` is none of the four.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure must be one of {tuple(MEASURES)}; got {measure!r}")
    table = pd.read_csv(fetch_file("ccle_drug_response"))
    ids = prefix_ids()  # ten names have a tissue other than in the annotation
    table["line"] = [
        ids.get(key(name.split("_")[0]), name) for name in table["CCLE Cell Line Name"]
    ]
    response = table.pivot(index="line", columns="Compound", values=MEASURES[measure])
    return response.rename_axis(index="cell_line", columns="drug")


def ccle_features(kind="expression"):
    """Return one number per cell line and gene, for 706 genes of the cancer census.

    Parameters
    ----------
    kind : {"expression", "copy_number", "mutation"}, default="expression"
        "expression": log2(TPM + 1), z-scored per gene over these 580 lines by the
        source, hence unitless. "copy_number": log2(relative copy number + 1); 1 = the
        average of the line's genome, 0 = lost, about 0 to 7. "mutation": 1 = the gene
        has a mutation of any kind, 0 = it has none (int).

    Returns
    -------
    DataFrame of shape (580, 706)
        Rows are cell lines (DepMap ids), columns are genes (HGNC symbols of 2019), the
        same in all three kinds. No value is missing.

    Raises
    ------
    ValueError
        If `kind` is none of the three.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {KINDS}; got {kind!r}")
    table = pd.read_csv(fetch_file("ccle_mutation_census706"), index_col=0)
    table.columns = _symbols(table.columns.str.strip("()"))
    if kind != "mutation":  # the .npy files name no genes; theirs come in this order
        values = read_node_features(fetch_file(f"ccle_{kind}_census706"))
        table = pd.DataFrame.from_dict(values, orient="index", columns=table.columns)
    return table.sort_index().rename_axis(index="cell_line", columns="gene")


def _symbols(entrez):
    """Return the HGNC symbols of Entrez ids, in their order."""
    table = pd.read_csv(fetch_file("entrez_to_symbol"), sep="\t", dtype=str)
    table.columns = ["symbol", "entrez"]
    return table.dropna().set_index("entrez").loc[entrez, "symbol"].to_numpy()
