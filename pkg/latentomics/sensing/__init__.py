"""Part V: transcriptomes from few measurements of each (compressed sensing)."""

from latentomics.solvers.pursuit import pursuit

from .blended import BlendedDecoder
from .blind_factors import BlindFactors
from .blind_modules import BlindModules
from .designs import OptimisedPools
from .dictionary_decoder import DictionaryDecoder
from .ksvd import KSVD
from .linear import LinearMMSE
from .measurement import (
    GaussianMeasurement,
    PooledMeasurement,
    SignatureGenes,
    add_noise,
    noise_variance,
)
from .mixture import MixtureMMSE
from .mlp import MLPDecoder
from .online_dictionary import OnlineDictionary
from .pseudobulk import pseudobulk, top_genes
from .regressor_decoder import RegressorDecoder
from .residual_decoder import ResidualDecoder
from .scores import scores
from .smaf import SMAF
from .sparse_nmf import SparseNMF
from .stacked import StackedDecoder
from .svd_dictionary import SVDDictionary
from .vae import VAEDecoder
from .wgan import WGANDecoder

__all__ = [
    "BlendedDecoder",
    "BlindFactors",
    "BlindModules",
    "DictionaryDecoder",
    "GaussianMeasurement",
    "KSVD",
    "LinearMMSE",
    "MLPDecoder",
    "MixtureMMSE",
    "OnlineDictionary",
    "OptimisedPools",
    "PooledMeasurement",
    "RegressorDecoder",
    "ResidualDecoder",
    "SMAF",
    "SVDDictionary",
    "SignatureGenes",
    "SparseNMF",
    "StackedDecoder",
    "VAEDecoder",
    "WGANDecoder",
    "add_noise",
    "noise_variance",
    "pseudobulk",
    "pursuit",
    "scores",
    "top_genes",
]
