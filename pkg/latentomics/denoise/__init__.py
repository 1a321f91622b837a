"""Part II: correcting and filling matrices of drug response."""

from .deep_factorization import DeepMatrixFactorization
from .general_sensitivity import GeneralSensitivity
from .residual_thresholding import ResidualThresholdedDMF
from .search import CellSearch
from .soft_impute import SoftImpute
from .stable_pcp import StablePCP

__all__ = [
    "CellSearch",
    "DeepMatrixFactorization",
    "GeneralSensitivity",
    "ResidualThresholdedDMF",
    "SoftImpute",
    "StablePCP",
]
