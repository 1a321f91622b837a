"""Data sets by name: the table of all of them, and `load`."""

import inspect
from dataclasses import replace
from functools import partial

import pandas as pd

from latentomics.data.ccle import ccle_features, ccle_response
from latentomics.data.cell_lines import cell_lines
from latentomics.data.ctrpv2 import ctrpv2_auc, ctrpv2_drugs
from latentomics.data.gdsc import gdsc1_auc, gdsc1_lnic50, gdsc_drugs
from latentomics.data.gene_sets import go_bp, hallmark
from latentomics.data.gtex import gtex_tissues
from latentomics.data.mutations import (
    cell_line_sbs96,
    cell_line_sbs96_unfiltered,
    cosmic_sbs,
    trinucleotide_frequencies,
    zou2021,
)
from latentomics.data.nci60 import nci60_drugs, nci60_expression, nci60_gi50
from latentomics.data.pbmc import pbmc
from latentomics.data.registry import catalogue, provenance, registry, requires
from latentomics.data.rtdmf import planted_set
from latentomics.data.tcga import tcga_ddr, tcga_sbs96

LOADERS = {
    "gdsc1_auc": gdsc1_auc,
    "gdsc1_lnic50": gdsc1_lnic50,
    "gdsc_drugs": gdsc_drugs,
    "ctrpv2_auc": ctrpv2_auc,
    "ctrpv2_drugs": ctrpv2_drugs,
    "ccle_response": ccle_response,
    "ccle_features": ccle_features,
    "cell_lines": cell_lines,
    "nci60_expression": nci60_expression,
    "nci60_gi50": nci60_gi50,
    "nci60_drugs": nci60_drugs,
    "go_bp": go_bp,
    "hallmark": hallmark,
    "cosmic_sbs": cosmic_sbs,
    "trinucleotide_frequencies": trinucleotide_frequencies,
    "tcga_sbs96": tcga_sbs96,
    "tcga_ddr": tcga_ddr,
    "cell_line_sbs96": cell_line_sbs96,
    "cell_line_sbs96_unfiltered": cell_line_sbs96_unfiltered,
    "zou2021": zou2021,
    "gtex_tissues": gtex_tissues,
    "pbmc": pbmc,
    "rtdmf_twoblock": partial(planted_set, "twoblock"),
    "rtdmf_mixed": partial(planted_set, "mixed"),
    "rtdmf_fimm": partial(planted_set, "fimm"),
}


def datasets():
    """Return what can be loaded, a table with one row per data set.

    Columns: `name`, `what`, `units`, `rows`, `columns`, `files` (of the registry),
    `terms` and `cite` (of those files).
    """
    rows = []
    for entry in catalogue().values():
        sources = [registry()[file] for file in entry.files]
        rows.append(
            {key: getattr(entry, key) for key in ("name", "what", "units")}
            | {"rows": entry.rows, "columns": entry.columns}
            | {"files": ", ".join(entry.files)}
            | {"terms": _joined(source.terms for source in sources)}
            | {"cite": _joined(source.cite for source in sources)}
        )
    return pd.DataFrame(rows)


def _joined(texts):
    return "; ".join(dict.fromkeys(texts))


def load(name, /, **options):
    """Return a data set by name, downloading its files if they are not here.

    Parameters
    ----------
    name : str
        One of ``datasets()["name"]``.
    **options
        Options of that data set: ``ids`` for "gdsc1_auc", ``repeats`` for "ctrpv2_auc",
        ``measure`` for "ccle_response", ``kind`` for "ccle_features" and "cosmic_sbs",
        ``table`` for "tcga_sbs96", "cell_line_sbs96", "zou2021", "gtex_tissues" and
        "pbmc"; the others take none.

    Returns
    -------
    DataFrame, Series (gene sets) or PlantedSet
        `attrs` holds the provenance: source files with URL, sha256, terms and citation,
        and the units.

    Raises
    ------
    ValueError
        If there is no such data set, or an option has a value that is not allowed.
    DataUnavailable
        If a file is not here and cannot be downloaded.
    """
    requires(str(name))
    allowed = _options(LOADERS[name])
    for option in options:
        if option not in allowed:
            raise ValueError(f"options of {name} are {allowed}; got {option!r}")
    data = LOADERS[name](**options)
    attrs = provenance(name) | {"options": options}
    if isinstance(data, pd.DataFrame | pd.Series):
        data.attrs = attrs
        return data
    return replace(data, attrs=attrs)


def _options(loader):
    """Return the names of the options of a loader, a tuple."""
    parameters = inspect.signature(loader).parameters.values()
    given = getattr(loader, "args", ())  # a partial takes no further ones
    return tuple(p.name for p in parameters) if not given else ()
