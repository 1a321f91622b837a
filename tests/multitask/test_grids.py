"""A grid is a list of points, each a dict of what the path needs: or one sentence."""

import re

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
def test_what_is_no_list_of_points_is_refused(model, data):
    point = KEYS[model]
    for grid in ([], point, "none", 3, [3], [{}], [point | {"more": 1}]):
        with pytest.raises(ValueError, match="grid must be a list of points, each a"):
            model().fit_path(*data, grid)


@every_path
def test_the_message_names_the_keys(model, data):
    says = f"each a dict of {' and '.join(KEYS[model])}; got {{'lamda': 1}}"
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
    with pytest.raises(ValueError, match="each a dict of parameters; got 3"):
        NearestDrug().fit_path(*data, [3])
    with pytest.raises(ValueError, match="Invalid parameter 'width'"):
        NearestDrug().fit_path(*data, [{"width": 3}])


@pytest.mark.parametrize("make", [trace_norm_grid, ridge_grid, hybrid_grid])
def test_a_grid_without_a_point_is_refused(make):
    with pytest.raises(ValueError, match="n_lams must be a whole number from 1 up"):
        make(0)
