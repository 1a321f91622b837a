"""Scores that two or more chapters use: arrays in, numbers out."""

from .correlation import matched_auroc, spearman_matrix
from .recovery import spike_scores

__all__ = ["matched_auroc", "spearman_matrix", "spike_scores"]
