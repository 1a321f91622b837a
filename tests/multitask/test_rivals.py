"""The methods that are compared, and their grids."""

import numpy as np
import pandas as pd
import pytest

from latentomics.multitask.experiments import nested_cv
from latentomics.multitask.rivals import rivals
from latentomics.multitask.simulate import planted_mechanisms

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
def test_every_method_predicts_every_cell_and_the_mean_is_the_mean(made, setting):
    tissue = pd.Series(["skin", "blood", "lung"] * 10, index=made.X.index)
    methods = few(made, setting, tissue=tissue)
    found = nested_cv(methods, made.Y, setting=setting, n_splits=2, n_repeats=1)
    assert set(found.values) == set(methods)
    assert all(np.isfinite(v).all() for v in found.values.values())
    means = found.values["drug_mean"][0]
    assert (np.ptp(means, axis=0) > 0).all()  # two folds, two means
    assert all(len(np.unique(column.round(9))) == 2 for column in means.T)


def test_the_tissue_is_all_that_its_method_sees(made):
    tissue = pd.Series(["skin", "blood"] * 15, index=made.X.index)
    search, features = few(made, "inductive", tissue=tissue)["tissue_mean"]
    assert features.shape == (30, 2)
    predicted = search.set_params(setting="inductive").fit(features, made.Y)
    assert len(np.unique(predicted.predict(features)[:, 0].round(9))) == 2
