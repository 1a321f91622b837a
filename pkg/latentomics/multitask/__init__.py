"""Part III: predicting drug response from molecular features, many drugs at once."""

from .effects import DrugAndLineEffects, ResponseSoftImpute
from .elastic_net import ElasticNetPerTask, elastic_net_grid
from .folds import InductiveKFold, TransductiveKFold
from .hybrid import TraceNormHybrid, hybrid_grid
from .kbmtl import KBMTL
from .nearest_drug import NearestDrug
from .path_search import PathSearch
from .ridge import RidgePerTask, ridge_grid
from .task_groups import TaskGroups
from .trace_norm import TraceNormRegressor, trace_norm_grid

__all__ = [
    "DrugAndLineEffects",
    "ElasticNetPerTask",
    "InductiveKFold",
    "KBMTL",
    "NearestDrug",
    "PathSearch",
    "ResponseSoftImpute",
    "RidgePerTask",
    "TaskGroups",
    "TraceNormHybrid",
    "TraceNormRegressor",
    "TransductiveKFold",
    "elastic_net_grid",
    "hybrid_grid",
    "ridge_grid",
    "trace_norm_grid",
]
