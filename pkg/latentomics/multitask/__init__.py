"""Part III: predicting drug response from molecular features, many drugs at once."""

from .trace_norm import TraceNormRegressor

__all__ = ["TraceNormRegressor"]
