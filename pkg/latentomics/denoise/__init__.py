"""Part II: correcting and filling matrices of drug response."""

from .deep_factorization import DeepMatrixFactorization
from .dual_branch import DualBranchNMF
from .general_sensitivity import GeneralSensitivity
from .keep_spikes import KeepSpikes
from .losses import Huber, Trimmed
from .nuclear_ball import NuclearNormBall
from .residual_thresholding import ResidualThresholdedDMF
from .robust_pca import RobustPCA
from .search import CellSearch
from .soft_impute import SoftImpute
from .stable_pcp import StablePCP

__all__ = [
    "CellSearch",
    "DeepMatrixFactorization",
    "DualBranchNMF",
    "GeneralSensitivity",
    "Huber",
    "KeepSpikes",
    "NuclearNormBall",
    "ResidualThresholdedDMF",
    "RobustPCA",
    "SoftImpute",
    "StablePCP",
    "Trimmed",
]
