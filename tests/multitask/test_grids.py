"""The grid of a path: every point has the names that the path needs."""

import re
from itertools import product

import pytest

from latentomics.multitask import (
    ElasticNetPerTask,
    NearestDrug,
    PathSearch,
    ResponseSoftImpute,
    RidgePerTask,
    TraceNormHybrid,
    TraceNormRegressor,
)
from latentomics.multitask.hybrid import hybrid_grid
from latentomics.multitask.ridge import ridge_grid
from latentomics.multitask.trace_norm import trace_norm_grid

KEYS = {
    TraceNormRegressor: {"fraction": 0.5},
    ResponseSoftImpute: {"fraction": 0.5},
    TraceNormHybrid: {"fraction": 0.5, "shrinkage": 0.5},
    RidgePerTask: {"multiple": 1.0},
    ElasticNetPerTask: {"l1_ratio": 0.5, "fraction": 0.5},
}
every_path = pytest.mark.parametrize("model", KEYS)


@pytest.fixture
def data(rng):
    return rng.normal(size=(9, 4)), rng.normal(size=(9, 3))


@every_path
def test_other_names_are_refused(model, data):
    point = KEYS[model]
    for grid in ([], "none", 3, [3], [{}], [point | {"more": 1}]):
        with pytest.raises(ValueError, match="grid must "):
            model().fit_path(*data, grid)


@every_path
def test_a_dict_of_lists_stands_for_all_combinations(model, data):
    point = KEYS[model]
    halves = {name: [value, value / 2] for name, value in point.items()}
    points = model().fit_path(*data, halves).points
    names = [{n: p[n] for n in point} for p in points]
    assert names == [
        dict(zip(point, v, strict=True)) for v in product(*halves.values())
    ]


@every_path
def test_the_message_names_the_keys(model, data):
    says = f"grid must name exactly {', '.join(KEYS[model])}; got {{'lamda': 1}}"
    with pytest.raises(ValueError, match=re.escape(says)):
        PathSearch(model(), [{"lamda": 1}]).fit(*data)


@every_path
@pytest.mark.parametrize("bad", [-1, 0, "half", float("nan")])
def test_the_message_names_the_number(model, data, bad):
    point = KEYS[model]
    name = "multiple" if model is RidgePerTask else "fraction"
    says = f"{name} must be a positive number; got {bad!r}"
    with pytest.raises(ValueError, match=says):
        model().fit_path(*data, [point, point | {name: bad}])


def test_a_model_without_a_path_takes_parameters(data):
    with pytest.raises(ValueError, match="grid must be a dict of names .*; got 3"):
        NearestDrug().fit_path(*data, [3])
    with pytest.raises(ValueError, match="Invalid parameter 'width'"):
        NearestDrug().fit_path(*data, [{"width": 3}])


@pytest.mark.parametrize("make", [trace_norm_grid, ridge_grid, hybrid_grid])
def test_a_grid_without_a_point_is_refused(make):
    with pytest.raises(ValueError, match="n_lams must be a whole number of at least 1"):
        make(0)
