"""Drug screens with the molecular features of their lines, ready for prediction."""

from dataclasses import dataclass

import pandas as pd

from latentomics.data.ccle import KINDS, ccle_features, ccle_response
from latentomics.data.cell_lines import cell_lines
from latentomics.data.ctrpv2 import ctrpv2_auc
from latentomics.data.nci60 import nci60_drugs, nci60_expression, nci60_gi50

SCREENS = ("ccle", "nci60", "ctrpv2")


@dataclass
class Screen:
    """Features and responses of the same lines, in the same order.

    Attributes
    ----------
    X : DataFrame of shape (n_lines, n_features)
        Complete. Columns are "GENE" where there is one kind of feature, otherwise
        "GENE kind".
    Y : DataFrame of shape (n_lines, n_drugs)
        NaN = not measured.
    tissue : Series of shape (n_lines,)
    genes : Series of shape (n_features,)
        The gene of each feature.
    units : str
        Of Y.
    """

    X: pd.DataFrame
    Y: pd.DataFrame
    tissue: pd.Series
    genes: pd.Series
    units: str


def screen(name, *, n_genes=3000):
    """Return one of the three screens that part III learns from.

    Parameters
    ----------
    name : {"ccle", "nci60", "ctrpv2"}
        "ccle": 24 drugs, activity area, on the lines with expression, copy number and
        mutations of 706 cancer genes. "ctrpv2": 481 drugs, area under the curve, with
        the same features. "nci60": the drugs of known mechanism, -log10 GI50, with
        the most variable genes.
    n_genes : int, default=3000
        Number of genes; for NCI-60 only.

    Returns
    -------
    Screen
        Lines with both features and responses, in the order of the features.

    Raises
    ------
    ValueError
        If `name` is none of the three.
    """
    if name not in SCREENS:
        raise ValueError(f"name must be one of {SCREENS}; got {name!r}")
    if name == "nci60":
        return _nci60(n_genes)
    if name == "ccle":
        Y, units = ccle_response(), "activity area"
    else:
        Y, units = ctrpv2_auc(), "area under the curve"
    kinds = {kind: ccle_features(kind) for kind in KINDS}
    lines = kinds["expression"].index.intersection(Y.index)
    X = pd.concat(
        [table.loc[lines].add_suffix(f" {kind}") for kind, table in kinds.items()],
        axis=1,
    )
    tissue = cell_lines()["tissue"].reindex(lines)
    genes = X.columns.str.split(" ").str[0]
    return Screen(X, Y.loc[lines], tissue, pd.Series(genes, X.columns), units)


def _nci60(n_genes):
    X, Y, drugs = nci60_expression(), nci60_gi50(), nci60_drugs()
    lines = X.index.intersection(Y.index)
    variable = X.loc[lines].var().sort_values(ascending=False, kind="stable")
    X = X.loc[lines, variable.index[:n_genes]]
    known = drugs.index[drugs["mechanism"].notna()]
    tissue = pd.Series(lines.str.split(":").str[0], lines, name="tissue")
    genes = pd.Series(X.columns, X.columns)
    return Screen(X, Y.loc[lines, known], tissue, genes, "-log10 GI50 (molar)")
