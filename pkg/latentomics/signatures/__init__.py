"""Part IV: mutational signatures, learned with labels and pseudo-labels."""

from .catalogues import read_catalogue, write_catalogue
from .channels import (
    CHANNELS,
    align_channels,
    correct_opportunities,
    parse_channel,
    to_profiles,
    trinucleotide,
)
from .consensus import consensus
from .pseudo_label import PseudoLabelNMF
from .refit import bootstrap_exposures, refit_exposures, unexplained
from .selection import fit_selected, select
from .semi_supervised import SemiSupervisedNMF
from .similarity import best_matches, match_columns, similarity
from .supervised import SupervisedNMF

__all__ = [
    "CHANNELS",
    "PseudoLabelNMF",
    "SemiSupervisedNMF",
    "SupervisedNMF",
    "align_channels",
    "best_matches",
    "bootstrap_exposures",
    "consensus",
    "correct_opportunities",
    "fit_selected",
    "match_columns",
    "parse_channel",
    "read_catalogue",
    "refit_exposures",
    "select",
    "similarity",
    "to_profiles",
    "trinucleotide",
    "unexplained",
    "write_catalogue",
]
