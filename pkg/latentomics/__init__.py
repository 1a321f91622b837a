"""Learning hidden structure in genomic matrices: the package behind Latent Omics."""

from importlib.metadata import version

__version__ = version("latentomics")
