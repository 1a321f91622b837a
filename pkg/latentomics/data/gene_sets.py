"""Gene sets: which genes belong together, and which of them were measured."""

import numpy as np
import pandas as pd

from latentomics.checks import check_whole
from latentomics.data.fetch import fetch_file
from latentomics.data.names import as_names


def go_bp():
    """Return the biological processes of the Gene Ontology of 2021.

    Returns
    -------
    Series of length 6036
        The index names the sets, "<process> (GO:<id>)"; the values are sorted tuples of
        unique gene symbols: 5 to 2,244 per set, 14,937 in total. A gene may be in many
        sets.
    """
    return _read_gmt(fetch_file("go_bp_2021"))


def hallmark():
    """Return the 50 hallmark gene sets of MSigDB 7.0.

    Returns
    -------
    Series of length 50
        As :func:`go_bp`, named "HALLMARK_<NAME>": 32 to 200 genes per set, 4,384 in
        total.
    """
    return _read_gmt(fetch_file("hallmark"))


def _read_gmt(path):
    """Read a GMT file: in each line a name, a description, then the genes."""
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    sets = {name: tuple(sorted({*genes} - {""})) for name, _, *genes in lines}
    return pd.Series(sets, name="genes", dtype=object).rename_axis("gene_set")


def membership(sets, genes, *, min_size=5, max_size=500):
    """Return which measured genes are in which gene set.

    Parameters
    ----------
    sets : Series or dict
        Gene symbols by set name, as ``load("go_bp")`` returns them.
    genes : sequence of str
        The measured genes, each once. Other members of a set are ignored.
    min_size, max_size : int, default=5 and 500
        Keep sets with a number of measured genes in this range: smaller ones show
        little, larger ones are unspecific.

    Returns
    -------
    DataFrame of bool, shape (n_kept_sets, n_genes)
        Rows are the sets kept, in the order of `sets`; columns are `genes`.

    Raises
    ------
    ValueError
        If `genes` or a set is not a list of names, `genes` is empty or names a gene
        twice, `min_size` is not between 1 and `max_size`, or no set is left.
    """
    genes = as_names(genes, "genes").rename("gene")
    _check(genes, min_size, max_size)
    place = {gene: number for number, gene in enumerate(genes)}
    members = {
        name: sorted({place[gene] for gene in of if gene in place})
        for name, of in _listed(sets)
    }
    kept = [name for name, of in members.items() if min_size <= len(of) <= max_size]
    if not kept:
        raise ValueError(
            f"sets must have one with {min_size} to {max_size} of the {len(genes)} "
            f"genes; got {len(members)} sets, the largest with "
            f"{max(map(len, members.values()), default=0)}"
        )
    inside = np.zeros((len(kept), len(genes)), dtype=bool)
    for row, name in zip(inside, kept, strict=True):
        row[members[name]] = True
    return pd.DataFrame(inside, pd.Index(kept, name="gene_set"), genes)


def _listed(sets):
    """Return each set with its genes."""
    if not isinstance(sets, dict | pd.Series):
        raise ValueError(
            "sets must be lists of genes by name of the set, a dict or a Series; "
            f"got {type(sets).__name__}"
        )
    return [(name, as_names(of, f"set {name!r}")) for name, of in sets.items()]


def _check(genes, min_size, max_size):
    if not len(genes):
        raise ValueError("genes must name at least one gene; got none")
    twice = genes[genes.duplicated()]
    if len(twice):
        raise ValueError(f"genes must be unique; got {twice[0]!r} twice or more")
    check_whole(at_least=0, min_size=min_size, max_size=max_size)
    if not 1 <= min_size <= max_size:
        raise ValueError(
            f"min_size must be between 1 and max_size; got {min_size} and {max_size}"
        )
