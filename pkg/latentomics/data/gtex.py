"""GTEx (Genotype-Tissue Expression): tissues of deceased donors."""

import pandas as pd

from latentomics.checks import check_choice
from latentomics.data.fetch import fetch_file
from latentomics.data.optional import need


def gtex_tissues(table="expression"):
    """Return how strongly each sample of 26 tissues expresses each of 467 genes.

    Parameters
    ----------
    table : {"expression", "samples"}, default="expression"
        "expression": the values; "samples": the tissue of each sample. Same rows.

    Returns
    -------
    DataFrame of shape (520, 467) or (520, 1)
        Rows are samples, "<tissue> <number>" ("Adipose Tissue 01"), 20 of each tissue,
        drawn by the source from all GTEx samples. The file names tissues only, so two
        samples may be from one person.

        "expression": columns are genes, HGNC symbols of 2019 for 447 of them, Entrez
        ids as text for the 20 without. Values are on a log2 scale, 0 to 12.8, probably
        log2(1 + RPKM), though the source does not say so: 2**value less 1 goes down to
        .0008. 21% are 0, and 7 genes are 0 in every sample. None is missing.

        "samples": `tissue`.

    Raises
    ------
    ValueError
        If `table` is neither.

    Notes
    -----
    The genes are not a random sample: the source, on a method for finding regulators of
    the lung, keeps transcription factors and their targets.
    """
    check_choice("table", table, ("expression", "samples"))
    source = need("rdata").read_rda(fetch_file("gtex_26_tissues"))["GeneExp"]
    tissue = pd.Series([str(name) for name in source.coords["dim_1"].to_numpy()])
    number = tissue.groupby(tissue).cumcount() + 1
    names = [f"{t} {n:02d}" for t, n in zip(tissue, number, strict=True)]
    samples = pd.Index(names, name="sample")
    if table == "samples":
        return pd.DataFrame({"tissue": tissue.to_numpy()}, samples)
    genes = _symbols([str(gene) for gene in source.coords["dim_0"].to_numpy()])
    return pd.DataFrame(source.to_numpy().T, samples, genes)


def _symbols(entrez):
    """Return the HGNC symbols of Entrez ids; an id without one stays as it is."""
    known = pd.read_csv(fetch_file("entrez_to_symbol"), sep="\t", dtype=str)
    known.columns = ["symbol", "entrez"]
    symbol = known.dropna().set_index("entrez")["symbol"]
    return pd.Index([symbol.get(gene, gene) for gene in entrez], name="gene")
