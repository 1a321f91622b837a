"""The methods that part III compares, each with the grid it may choose from."""

import numpy as np
import pandas as pd

from latentomics.checks import check_choice
from latentomics.matrices import aligned_like, as_labels, names_of
from latentomics.multitask.effects import DrugAndLineEffects, ResponseSoftImpute
from latentomics.multitask.elastic_net import ElasticNetPerTask, elastic_net_grid
from latentomics.multitask.hybrid import TraceNormHybrid, hybrid_grid
from latentomics.multitask.kbmtl import KBMTL
from latentomics.multitask.nearest_drug import NearestDrug
from latentomics.multitask.path_search import SETTINGS, PathSearch
from latentomics.multitask.ridge import RidgePerTask, ridge_grid
from latentomics.multitask.trace_norm import TraceNormRegressor, trace_norm_grid

GAP = 1e-3  # relative; a smaller one does not change prediction errors
# for KBMTL: its paper's widths differ too little, and on CCLE wider ones are better;
# it is stopped early because it overfits after that
WIDTHS, EARLY = (0.7, 1.0, 1.4, 2.0, 2.8), 5e-3
PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)


def rivals(
    X,
    setting,
    *,
    tissue=None,
    ratios=(0.1, 0.5, 1.0),
    n_lams=50,
    random_state=0,
    device="auto",
):
    """Return the methods of the comparison, for :func:`nested_cv`.

    Parameters
    ----------
    X : DataFrame of shape (n_lines, n_features)
    setting : {"transductive", "inductive"}
        Methods that use a line's other responses exist only for "transductive".
    tissue : Series of shape (n_lines,), optional
        If given, adds a method that uses only the tissue; matched to `X` by name.
    ratios : sequence of float, default=(0.1, 0.5, 1.0)
        Values of `l1_ratio` for the elastic net.
    n_lams : int, default=50
        For the trace norm and the elastic net; the hybrid takes a fifth, at least 3.
    random_state : int, default=0
        Seed of KBMTL.
    device : {"auto", "cpu", "cuda"}, default="auto"

    Returns
    -------
    dict of str to (PathSearch, DataFrame)

    Raises
    ------
    ValueError
        If `setting` is neither.
    """
    check_choice("setting", setting, SETTINGS)
    fast = {"tol": GAP, "device": device}
    trace_norm, grid = TraceNormRegressor(**fast), trace_norm_grid(n_lams)
    found = {
        "drug_mean": (trace_norm, [{"fraction": 2.0}]),  # above lam_max: W = 0
        "trace_norm": (trace_norm, grid),
        "ridge": (RidgePerTask(device=device), ridge_grid()),
        "elastic_net": (ElasticNetPerTask(), elastic_net_grid(ratios, n_lams)),
        "kbmtl": (
            KBMTL(tol=EARLY, random_state=random_state, device=device),
            [{"width": width} for width in WIDTHS],
        ),
    }
    if setting == "transductive":
        effects = [{"penalty": penalty} for penalty in PENALTIES]
        found |= {
            "nearest_drug": (NearestDrug(), None),
            "effects": (DrugAndLineEffects(), effects),
            "soft_impute": (ResponseSoftImpute(**fast), grid),
            "hybrid": (TraceNormHybrid(**fast), hybrid_grid(max(3, n_lams // 5))),
        }
    methods = {
        name: (PathSearch(*given, setting=setting), X) for name, given in found.items()
    }
    if tissue is not None:
        tissue = aligned_like(tissue, X, name="tissue", axes=[0])
        labels = as_labels(tissue, "tissue", len(X), gaps=True)
        tissue = pd.Series(labels, names_of(tissue))
        indicators = pd.get_dummies(tissue).astype(np.float64)
        means = PathSearch(RidgePerTask(device=device), ridge_grid(), setting=setting)
        methods["tissue_mean"] = means, indicators
    return methods
