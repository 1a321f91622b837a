"""The methods that are compared, and their grids."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from latentomics.multitask.path_search import held_out
from latentomics.studies.multitask.contenders import rivals
from latentomics.studies.multitask.experiments import nested_cv
from latentomics.studies.multitask.simulate import planted_mechanisms

KNOWN_LINES_ONLY = {"nearest_drug", "effects", "soft_impute", "hybrid"}


@pytest.fixture(scope="module")
def made():
    return planted_mechanisms(30, 50, 6, n_groups=2, n_modules=4, random_state=1)


def few(made, setting, **given):
    return rivals(made.X, setting, ratios=(0.5,), n_lams=4, **given)


def test_only_known_lines_have_rivals_that_look_at_other_drugs(made):
    both = [set(few(made, s)) for s in ("transductive", "inductive")]
    assert both[0] - both[1] == KNOWN_LINES_ONLY


def test_no_third_setting(made):
    with pytest.raises(ValueError, match="setting must be one of .*; got 'new lines'"):
        few(made, "new lines")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_every_method_predicts_every_cell(made, setting):
    tissue = pd.Series(["skin", "blood", "lung"] * 10, index=made.X.index)
    methods = few(made, setting, tissue=tissue)
    found = nested_cv(methods, made.Y, setting=setting, n_splits=2, n_repeats=1)
    assert set(found.values) == set(methods)
    assert all(np.isfinite(v).all() for v in found.values.values())


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_the_mean_is_that_of_the_cells_not_held_out(made, setting):
    rng = np.random.default_rng(0)
    Y = made.Y.mask(rng.random(made.Y.shape) < 0.2)
    methods = {"drug_mean": few(made, setting)["drug_mean"]}
    found = nested_cv(methods, Y, setting=setting, n_splits=3, n_repeats=1)
    expected = np.full(Y.shape, np.nan)
    for _, Y_train, held in held_out(Y.to_numpy(), Y.to_numpy(), setting, 3, 0):
        expected[held] = np.tile(np.nanmean(Y_train, axis=0), (30, 1))[held]
    assert_allclose(found.values["drug_mean"][0], expected, rtol=1e-12)


def test_every_argument_reaches_its_methods(made):
    given = {"ratios": (0.2, 0.7), "n_lams": 20}
    found = rivals(made.X, "transductive", **given, random_state=7, device="cpu")
    search = {name: method for name, (method, _) in found.items()}
    fractions = np.geomspace(1, 0.01, 20)
    for name in ("trace_norm", "soft_impute"):
        assert_allclose([p["fraction"] for p in search[name].grid], fractions)
    points = [(p["l1_ratio"], p["fraction"]) for p in search["elastic_net"].grid]
    assert_allclose(points, [(ratio, f) for ratio in (0.2, 0.7) for f in fractions])
    assert len({p["fraction"] for p in search["hybrid"].grid}) == 20 // 5
    assert search["kbmtl"].estimator.random_state == 7
    knobs = [method.estimator.get_params() for method in search.values()]
    assert [k["device"] for k in knobs if "device" in k] == ["cpu"] * 6
    assert {method.setting for method in search.values()} == {"transductive"}


def test_the_tissue_is_all_that_its_method_sees(made):
    tissue = pd.Series(["skin", "blood"] * 15, index=made.X.index)
    search, features = few(made, "inductive", tissue=tissue)["tissue_mean"]
    assert features.shape == (30, 2)
    predicted = search.set_params(setting="inductive").fit(features, made.Y)
    assert len(np.unique(predicted.predict(features)[:, 0].round(9))) == 2
