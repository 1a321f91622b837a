"""Part IV: mutational signatures, learned with labels and pseudo-labels."""

from .consensus import consensus
from .pseudo_label import PseudoLabelNMF
from .refit import bootstrap_exposures, refit_exposures, unexplained
from .selection import select
from .semi_supervised import SemiSupervisedNMF
from .supervised import SupervisedNMF

__all__ = [
    "PseudoLabelNMF",
    "SemiSupervisedNMF",
    "SupervisedNMF",
    "bootstrap_exposures",
    "consensus",
    "refit_exposures",
    "select",
    "unexplained",
]
