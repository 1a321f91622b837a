"""One style for all figures of the book."""

from .style import COLORS, LABELS, use_style

__all__ = ["COLORS", "LABELS", "use_style"]
