"""NCI-60, the panel of 60 cell lines of the US National Cancer Institute."""

import pandas as pd

from latentomics.data.cell_lines import key
from latentomics.data.fetch import fetch_file
from latentomics.data.optional import need

# CellMiner's order of the panel, which the rows of the expression file follow. That
# file's own table of lines does not: it is sorted by name, its row 40 is SK-MEL-28 and
# not the missing NCI-H23, and under its names leukemias express melanoma genes.
PANEL = (
    *("BR:MCF7", "BR:MDA_MB_231", "BR:HS578T", "BR:BT_549", "BR:T47D"),
    *("CNS:SF_268", "CNS:SF_295", "CNS:SF_539", "CNS:SNB_19", "CNS:SNB_75"),
    *("CNS:U251", "CO:COLO205", "CO:HCC_2998", "CO:HCT_116", "CO:HCT_15"),
    *("CO:HT29", "CO:KM12", "CO:SW_620", "LE:CCRF_CEM", "LE:HL_60", "LE:K_562"),
    *("LE:MOLT_4", "LE:RPMI_8226", "LE:SR", "ME:LOXIMVI", "ME:MALME_3M", "ME:M14"),
    *("ME:SK_MEL_2", "ME:SK_MEL_28", "ME:SK_MEL_5", "ME:UACC_257", "ME:UACC_62"),
    *("ME:MDA_MB_435", "ME:MDA_N", "LC:A549", "LC:EKVX", "LC:HOP_62", "LC:HOP_92"),
    *("LC:NCI_H226", "LC:NCI_H23", "LC:NCI_H322M", "LC:NCI_H460", "LC:NCI_H522"),
    *("OV:IGROV1", "OV:OVCAR_3", "OV:OVCAR_4", "OV:OVCAR_5", "OV:OVCAR_8"),
    *("OV:SK_OV_3", "OV:NCI_ADR_RES", "PR:PC_3", "PR:DU_145", "RE:786_0", "RE:A498"),
    *("RE:ACHN", "RE:CAKI_1", "RE:RXF_393", "RE:SN12C", "RE:TK_10", "RE:UO_31"),
)
# Names of the screen that match no panel name stripped of punctuation
ALIASES = {
    "H226": "LC:NCI_H226",
    "H23": "LC:NCI_H23",
    "H322M": "LC:NCI_H322M",
    "H460": "LC:NCI_H460",
    "H522": "LC:NCI_H522",
    "MCF7ADRr": "OV:NCI_ADR_RES",  # its old name; it descends from OVCAR-8, not MCF7
}
MOA = {
    **dict.fromkeys(("A2", "A6", "A7", "AlkAg"), "alkylating"),
    "TOP1": "topoisomerase 1",
    "TOP2": "topoisomerase 2",
    **dict.fromkeys(("TUBB", "Tu-frag", "Tu-stab"), "antimitotic"),
    **dict.fromkeys(("Ds", "Dr"), "DNA antimetabolite"),
    "Df": "RNA/DNA antimetabolite",  # antifolates starve both syntheses
}
COLUMNS = {"NAME": "name", "MOA": "mechanism", "moa": "moa", "FDA_STATUS": "status"}


def nci60_expression():
    """Return how strongly each cell line expresses each gene.

    The array has several probes for 4,826 of the genes: each gene takes the values of
    the one that varies most over the lines. 1,214 probes without a gene are left out.

    Returns
    -------
    DataFrame of shape (59, 12980)
        Rows are cell lines, "<tissue>:<name>" as in CellMiner and in its order; of
        the 60, NCI-H23 is missing. Columns are genes, sorted: symbols of 2012, so SILV
        for PMEL. Values are log2 intensities (Affymetrix HG-U133A, GCRMA), about 1 to
        15; a gene that is off lies near 2. No value is missing.

    Notes
    -----
    The file's own table of line names does not match its rows (see `PANEL`). The names
    given here were checked against tissue markers, the ABC transporters measured by the
    screen's authors, and CCLE's expression of the same lines; only MDA_MB_435 and MDA_N
    (one tumour), and SN12C and TK_10, cannot be told apart this way.
    """
    source = need("rdata").read_rda(fetch_file("nci60_expression"))
    gene, symbols = source["gene"], source["geneInfo"]["Symbol"].to_numpy()
    lines = [PANEL[int(number) - 1] for number in gene.coords["dim_0"].to_numpy()]
    values = gene.to_numpy()
    probes = pd.DataFrame({"symbol": symbols, "variance": values.var(axis=0)})
    best = probes.dropna().groupby("symbol")["variance"].idxmax()
    table = pd.DataFrame(values[:, best], lines, [str(name) for name in best.index])
    return table.rename_axis(index="cell_line", columns="gene")


def nci60_gi50():
    """Return -log10 GI50, the concentration that halves growth, lines x compounds.

    Returns
    -------
    DataFrame of shape (60, 1429)
        Rows are cell lines, named as in "nci60_expression" and in its order, plus
        LC:NCI_H23. Columns are compounds, their NSC numbers as text, no two with the
        same values. Values are -log10 of the molar concentration GI50, high =
        sensitive, 6 = 1 micromolar; NaN = not measured (4%; 12% to 20% of 14 lines).

    Notes
    -----
    93% of the values lie between 4 and 8. Nine compounds have some below 2, which would
    mean above 10 mM: an enzyme (asparaginase), a fusion protein and natural extracts,
    most likely measured in another unit. Standardize before comparing compounds.
    """
    screen = need("rdata").read_rda(fetch_file("nci60_gi50"))["multidrug"]
    compounds = screen["compound"]
    by_key = {key(name.split(":")[1]): name for name in PANEL} | ALIASES
    lines = [by_key[str(name)] for name in screen["cell.line"]["Sample"]]
    table = pd.DataFrame(compounds.to_numpy(), lines, _nsc(compounds))
    table = table.loc[[name for name in PANEL if name in table.index]]
    return table.rename_axis(index="cell_line", columns="drug")


def nci60_drugs():
    r"""Return CellMiner's annotation of the compounds of "nci60_gi50".

    Returns
    -------
    DataFrame of shape (1338, 4)
        Rows are compounds (NSC numbers as text) in the order of the response matrix,
        without the 91 that CellMiner does not list. Columns:

        `name`, not unique, missing for 73;
        `mechanism`, codes joined by "|" as the source has them, known for 156;
        `moa`, the group of the mechanism, missing where `mechanism` is: "alkylating"
        (A2, A6, A7, AlkAg), "topoisomerase 1" (TOP1), "topoisomerase 2" (TOP2),
        "antimitotic" (TUBB, Tu-\*), "DNA antimetabolite" (Ds, Dr), "RNA/DNA
        antimetabolite" (Ds with Rs; Df, the antifolates), "other" (everything else,
        such as DNA binders, kinase inhibitors, and compounds that act on both
        topoisomerases);
        `status`, "FDA approved" or "Clinical trial", missing for the rest.
    """
    screen = need("rdata").read_rda(fetch_file("nci60_gi50"))["multidrug"]
    table = pd.read_csv(fetch_file("nci60_drug_info"), sep="\t", dtype=str)
    table = table.set_index("NSC").rename_axis("drug")
    listed = [nsc for nsc in _nsc(screen["compound"]) if nsc in table.index]
    table = table.loc[listed]
    table["moa"] = table["MOA"].map(_moa, na_action="ignore")
    return table[list(COLUMNS)].rename(columns=COLUMNS)


def _nsc(compounds):
    return [str(nsc) for nsc in compounds.coords["dim_1"].to_numpy()]


def _moa(mechanism):
    """Return the group of one mechanism, "other" if it has none or several."""
    codes = set(mechanism.split("|"))
    if {"Ds", "Rs"} <= codes:  # blocks both DNA and RNA synthesis
        return "RNA/DNA antimetabolite"
    groups = {MOA[code] for code in codes if code in MOA}
    return groups.pop() if len(groups) == 1 else "other"
