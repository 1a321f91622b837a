"""Part III: predicting drug response from molecular features, many drugs at once."""

from .effects import DrugAndLineEffects, ResponseSoftImpute
from .elastic_net import ElasticNetPerTask
from .hybrid import TraceNormHybrid
from .kbmtl import KBMTL
from .nearest_drug import NearestDrug
from .path_search import PathSearch
from .ridge import RidgePerTask
from .splitters import InductiveKFold, TransductiveKFold
from .task_groups import TaskGroups
from .trace_norm import TraceNormRegressor

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
]
