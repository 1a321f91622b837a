"""Pure functions of matrices: tensors in, tensors out."""

from .prox import clip, huber, soft_threshold, trimmed, trimmed_slope
from .spectral import Shrinker, nuclear_norm, randomized_svd, svt

__all__ = [
    "Shrinker",
    "clip",
    "huber",
    "nuclear_norm",
    "randomized_svd",
    "soft_threshold",
    "svt",
    "trimmed",
    "trimmed_slope",
]
