"""PBMC: white blood cells, sorted by type and sequenced one by one."""

import warnings

import pandas as pd
from scipy.sparse import csc_matrix

from latentomics.checks import check_choice
from latentomics.data.archs4_names import numbered
from latentomics.data.fetch import fetch_file
from latentomics.data.optional import need


def pbmc(table="counts"):
    """Return how many molecules of each gene were counted in each blood cell.

    Parameters
    ----------
    table : {"counts", "samples"}, default="counts"
        "counts": the molecules; "samples": the types of the cells. Same rows.

    Returns
    -------
    DataFrame of shape (3774, 16791) or (3774, 2)
        Rows are cells, "<barcode>-<population>" ("CGTGATGATTTCAC-1-b_cells").

        "counts": columns are gene symbols; nine are shared by two genes, the second of
        which is numbered, as "PNRC2 (2)". Values are UMI counts (int32), 0 to 135, 96%
        of them 0; 355 to 12,704 per cell (median 1,512). The table takes .25 GB.

        "samples": `cell_type`, the type the cell was sorted as, ten of them with 163
        (CD14+ Monocyte) to 767 cells (CD19+ B), and `group`, where the six kinds of T
        cells are merged.

    Raises
    ------
    ValueError
        If `table` is neither.
    """
    check_choice("table", table, ("counts", "samples"))
    with warnings.catch_warnings():  # about R classes that we do not need
        warnings.simplefilter("ignore", UserWarning)
        source = need("rdata").read_rda(fetch_file("pbmc_facs"))["pbmc_facs"]
    counts = source["counts"]
    names, _ = counts.Dimnames
    cells = pd.Index([str(name) for name in names], name="cell")
    if table == "samples":
        known = source["samples"][["celltype", "subpop"]].astype(str)
        return known.set_axis(["cell_type", "group"], axis=1).set_axis(cells)
    # a dgCMatrix: values, rows, and where each column begins
    matrix = csc_matrix((counts.x.astype("int32"), counts.i, counts.p), counts.Dim)
    genes = pd.Index(numbered(source["genes"]["symbol"]), name="gene")
    return pd.DataFrame(matrix.toarray(), cells, genes)
