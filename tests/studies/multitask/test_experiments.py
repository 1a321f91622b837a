"""Nested cross-validation: the same folds for all, no leak, tables by hand."""

import re

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.multitask import (
    InductiveKFold,
    NearestDrug,
    PathSearch,
    RidgePerTask,
    TraceNormHybrid,
)
from latentomics.multitask.path_search import SETTINGS, held_out
from latentomics.studies.multitask.experiments import (
    group_table,
    nested_cv,
)

GRID = [{"multiple": m} for m in (10.0, 0.1)]
SHORT = {"n_splits": 3, "n_repeats": 2}
every_setting = pytest.mark.parametrize("setting", SETTINGS)


class Spy(PathSearch):
    """Keeps what it was asked."""

    asked = []

    def fit(self, X, Y):
        self.asked.append((self.random_state, self.setting, X.copy(), Y.copy()))
        return super().fit(X, Y)


@pytest.fixture
def data(rng):
    X = rng.normal(size=(18, 6))
    Y = X @ rng.normal(size=(6, 4)) + 0.5 * rng.normal(size=(18, 4))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    lines = [f"line {i}" for i in range(18)]
    return pd.DataFrame(X, lines), pd.DataFrame(Y, lines, list("abcd"))


@pytest.fixture
def methods(data):
    ridge = PathSearch(RidgePerTask(), GRID, n_splits=2)
    return {"ridge": (ridge, data[0]), "nearest": (PathSearch(NearestDrug(3)), data[0])}


@every_setting
def test_all_methods_see_the_same_folds_without_what_is_held_out(data, setting):
    X, Y = data
    Spy.asked.clear()
    one, two = (Spy(RidgePerTask(), GRID, n_splits=2) for _ in range(2))
    nested_cv({"a": (one, X), "b": (two, 2 * X)}, Y, setting=setting, **SHORT)
    assert len(Spy.asked) == 2 * 2 * 3
    folds = [(s, f) for s in (0, 1) for f in held_out(X, Y.to_numpy(), setting, 3, s)]
    for k, (seed, (rows, Y_train, _)) in enumerate(folds):
        a, b = Spy.asked[2 * k : 2 * k + 2]
        assert a[:2] == b[:2] == (seed, setting)
        assert_array_equal(a[2], X.to_numpy()[rows])
        assert_array_equal(b[2], 2 * X.to_numpy()[rows])
        assert_array_equal(a[3], Y_train)
        assert_array_equal(b[3], Y_train)


@every_setting
def test_every_measured_cell_is_predicted_from_the_others(data, methods, setting):
    X, Y = data
    found = nested_cv({"ridge": methods["ridge"]}, Y, setting=setting, **SHORT)
    values = found.values["ridge"]
    assert values.shape == (2, 18, 4)
    assert_array_equal(np.isnan(values), [Y.isna()] * 2)
    X = X.to_numpy()
    rows, Y_train, held = list(held_out(X, Y.to_numpy(), setting, 3, 1))[2]
    search = methods["ridge"][0].set_params(setting=setting, random_state=1)
    by_hand = search.fit(X[rows], Y_train).predict(X)
    assert_allclose(values[1][held], by_hand[held], rtol=1e-9)


@every_setting
def test_a_cell_s_own_value_never_reaches_its_prediction(data, methods, setting):
    X, Y = data
    cell = tuple(np.argwhere(Y.notna().to_numpy())[7])
    other = Y.copy()
    other.iloc[cell] += 1e3
    # the nearest drug knows no line that was held out as a whole
    names = {"transductive": ["ridge", "nearest"], "inductive": ["ridge"]}[setting]
    methods = {name: methods[name] for name in names}
    before, after = (
        nested_cv(methods, M, setting=setting, **SHORT) for M in (Y, other)
    )
    for name in methods:
        one, two = (p.values[name][:, *cell] for p in (before, after))
        assert_array_equal(one, two)
        assert not np.array_equal(
            before.values[name], after.values[name], equal_nan=True
        )


def test_two_jobs_find_what_one_finds(data, methods):
    with parallel_config(backend="threading"):  # processes take seconds to start
        one, two = (nested_cv(methods, data[1], n_jobs=n, **SHORT) for n in (1, 2))
    for name in methods:
        assert_array_equal(one.values[name], two.values[name])


def test_progress_counts_every_fit(data, methods):
    totals = []

    def progress(answers, total):
        totals.append(total)
        return answers

    nested_cv(methods, data[1], progress=progress, **SHORT)
    assert totals == [2 * 3 * 2]


def test_repeats_use_seeds_that_follow_each_other(data, methods):
    given = {"n_splits": 3, "methods": {"ridge": methods["ridge"]}, "Y": data[1]}
    both = nested_cv(**given, n_repeats=2, random_state=4).values["ridge"]
    second = nested_cv(**given, n_repeats=1, random_state=5).values["ridge"]
    assert_array_equal(both[1], second[0])
    assert not np.array_equal(both[0], both[1], equal_nan=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"setting": "other"}, "setting must be one of .*; got 'other'"),
        ({"n_repeats": 0}, "n_repeats must be a whole number of at least 1; got 0"),
        ({"n_jobs": 1.5}, "n_jobs must be a whole number of at least 1; got 1.5"),
        ({"n_splits": 1}, "n_splits must be a whole number of at least 2; got 1"),
    ],
)
def test_bad_numbers_are_refused(data, methods, given, says):
    with pytest.raises(ValueError, match=says):
        nested_cv(methods, data[1], **given)


def test_tables_must_name_the_same_lines(data, methods):
    X, Y = data
    search = methods["ridge"][0]
    shuffled, plain = (
        nested_cv({"ridge": (search, table)}, Y).values["ridge"]
        for table in (X[::-1], X)
    )
    assert_array_equal(shuffled, plain)
    says = "features of 'ridge' must have the same row names as Y.* called 'line 17'"
    with pytest.raises(ValueError, match=says):
        nested_cv({"ridge": (search, X.rename(index={"line 17": "line x"}))}, Y)
    says = "features of 'ridge' must have a row for each of the 18 lines of Y; got 17"
    with pytest.raises(ValueError, match=says):
        nested_cv({"ridge": (methods["ridge"][0], X.to_numpy()[1:])}, Y)


def test_an_array_of_responses_will_do(data, methods):
    X, Y = data
    methods = {"ridge": (methods["ridge"][0], X)}
    one, two = (nested_cv(methods, M, **SHORT) for M in (Y, Y.to_numpy()))
    assert_array_equal(one.values["ridge"], two.values["ridge"])
    assert set(two.table("toy")["drug"]) == set(range(4))


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ({}, "methods must be a dict with a method; got {}"),
        ([], "methods must be a dict with a method; got []"),
        ({"a": RidgePerTask()}, r"methods['a'] must be a pair (PathSearch, features)"),
        ({"a": (RidgePerTask(), np.eye(18))}, r"methods['a'] must be a pair (PathS"),
    ],
)
def test_what_is_no_method_is_refused(data, methods, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        nested_cv(methods, data[1])


@every_setting
def test_lines_with_the_same_features_stay_apart(data, setting):
    X, Y = data
    X = X.copy()
    X.iloc[3] = X.iloc[9]
    names = {"transductive": [NearestDrug(3), TraceNormHybrid()], "inductive": []}
    for model in [RidgePerTask(), *names[setting]]:
        grid = [{"fraction": 0.5, "shrinkage": 0.5}] * 2
        grid = grid if isinstance(model, TraceNormHybrid) else None
        search = PathSearch(model, grid, n_splits=2)
        found = nested_cv({"one": (search, X)}, Y, setting=setting, **SHORT)
        assert_array_equal(np.isnan(found.values["one"][0]), Y.isna())


def test_lines_never_measured_leave_a_fold_with_nothing_to_judge(data):
    X, Y = data
    (_, few) = next(InductiveKFold(6, random_state=0).split(X))
    Y.iloc[few] = np.nan
    search = PathSearch(RidgePerTask(), GRID, n_splits=6)
    given = {"setting": "inductive", "n_splits": 6, "n_repeats": 1}
    found = nested_cv({"one": (search, X)}, Y, **given)
    assert_array_equal(np.isnan(found.values["one"][0]), Y.isna())
    assert np.isfinite(search.set_params(setting="inductive").fit(X, Y).errors_).all()


def test_groups_of_drugs_are_compared_on_the_same_folds(data):
    X, Y = data
    search = PathSearch(RidgePerTask(), GRID[1:])  # ridge has nothing to share
    table = group_table(search, X, Y, [1, 4], "toy", n_splits=3, n_repeats=1)
    assert set(table["group_size"]) == {"1", "4"}
    alone = nested_cv({"4": (search, X)}, Y, n_splits=3, n_repeats=1).table("toy")
    for size in ("1", "4"):
        errors = table[table["group_size"] == size].set_index("drug")["mse"]
        # but its penalty is relative to the lines on which its drugs were measured
        assert_allclose(errors[alone["drug"]], alone["mse"], rtol=0.1)
