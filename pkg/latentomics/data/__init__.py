"""Public data sets by name, with their origin attached, and the user's own tables.

Nothing is downloaded until requested; see :func:`fetch` for where files are looked up.
"""

from latentomics.data.archs4 import Archs4, DamagedFile
from latentomics.data.datasets import datasets, load
from latentomics.data.fetch import DataUnavailable, available, fetch, locate, verify
from latentomics.data.gene_sets import membership
from latentomics.data.label_tables import read_labels
from latentomics.data.registry import files, registry, requires
from latentomics.data.rtdmf import PlantedSet
from latentomics.data.screens import Screen, screen
from latentomics.data.shared_drugs import drug_matches, shared_drugs
from latentomics.data.tables import read_table

__all__ = [
    "Archs4",
    "DamagedFile",
    "DataUnavailable",
    "PlantedSet",
    "Screen",
    "available",
    "datasets",
    "drug_matches",
    "fetch",
    "files",
    "load",
    "locate",
    "membership",
    "read_labels",
    "read_table",
    "registry",
    "requires",
    "screen",
    "shared_drugs",
    "verify",
]
