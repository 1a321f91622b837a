"""Part V: transcriptomes from few measurements of each (compressed sensing)."""

__all__ = []
