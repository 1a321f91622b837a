"""Part V: transcriptomes from few measurements of each (compressed sensing)."""

from .blended import BlendedDecoder
from .designs import OptimisedPools
from .linear import LinearMMSE
from .measurement import GaussianMeasurement, PooledMeasurement, SignatureGenes
from .mixture import MixtureMMSE

__all__ = [
    "BlendedDecoder",
    "GaussianMeasurement",
    "LinearMMSE",
    "MixtureMMSE",
    "OptimisedPools",
    "PooledMeasurement",
    "SignatureGenes",
]
