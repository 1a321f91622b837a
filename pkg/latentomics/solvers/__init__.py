"""Loops that know no biology: what to repeat, when to look, when to stop."""

from .admm import admm
from .loop import Trace, iterate, relative_change
from .patience import Patience
from .proximal import proximal_gradient

__all__ = [
    "Patience",
    "Trace",
    "admm",
    "iterate",
    "proximal_gradient",
    "relative_change",
]
