"""Scores that two or more chapters use: arrays in, numbers out."""

from .choice import edge_distance, first_near_best
from .clustering import clustering_accuracy, ward_tree
from .correlation import matched_auroc, spearman_matrix
from .enrichment import enrichment, hypergeometric_tail
from .recovery import spike_scores

__all__ = [
    "clustering_accuracy",
    "edge_distance",
    "enrichment",
    "first_near_best",
    "hypergeometric_tail",
    "matched_auroc",
    "spearman_matrix",
    "spike_scores",
    "ward_tree",
]
