"""Nested cross-validation: the same folds for all, no leak, tables by hand."""

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import wilcoxon

from latentomics.multitask import NearestDrug, PathSearch, RidgePerTask
from latentomics.multitask.experiments import (
    Predictions,
    compare,
    distinct_drugs,
    group_table,
    nested_cv,
    within_groups,
)
from latentomics.multitask.path_search import SETTINGS, held_out

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
        ({"n_repeats": 0}, "n_repeats must be a whole number from 1 up; got 0"),
        ({"n_jobs": 1.5}, "n_jobs must be a whole number from 1 up; got 1.5"),
        ({"n_splits": 1}, "n_splits must be a whole number from 2 up; got 1"),
    ],
)
def test_bad_numbers_are_refused(data, methods, given, says):
    with pytest.raises(ValueError, match=says):
        nested_cv(methods, data[1], **given)


@pytest.fixture
def made(rng):
    """Predictions of two methods, made up: 12 lines, 3 drugs, 2 repeats, gaps."""
    Y = rng.normal(size=(12, 3))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    values = {
        name: Y + size * rng.normal(size=(2, 12, 3))
        for name, size in {"good": 0.3, "bad": 0.6}.items()
    }
    return Predictions(pd.DataFrame(Y, columns=list("abc")), "inductive", values)


def test_the_table_holds_the_mean_squared_errors(made):
    table = made.table("toy")
    columns = ["dataset", "setting", "method", "drug", "outer_split", "mse"]
    assert list(table.columns) == columns
    assert len(table) == 2 * 3 * 2
    assert set(table["dataset"]) == {"toy"}
    assert set(table["setting"]) == {"inductive"}
    for row in table.itertuples():
        t = "abc".index(row.drug)
        miss = made.values[row.method][row.outer_split, :, t] - made.Y[row.drug]
        assert_allclose(row.mse, np.nanmean(miss**2))


def mean_squares(made, name):
    return np.nanmean((made.values[name] - made.Y.to_numpy()) ** 2, axis=(0, 1))


@pytest.mark.parametrize("drugs", [None, np.array([True, False, True])])
def test_a_comparison_is_that_by_hand(made, drugs):
    found = compare(made, "good", "bad", drugs=drugs)
    chosen = np.arange(3) if drugs is None else np.flatnonzero(drugs)
    good, bad = (mean_squares(made, name)[chosen] for name in ("good", "bad"))
    assert_allclose(found["mean"], np.mean(1 - good / bad))
    assert_allclose(found["geometric"], 1 - np.prod(good / bad) ** (1 / len(chosen)))
    assert found["wins"] == (good < bad).sum()
    assert found["drugs"] == len(chosen)
    assert_allclose(found["pvalue"], wilcoxon(good, bad, alternative="less").pvalue)
    assert found["low"] < found["mean"] < found["high"]


def test_the_interval_comes_from_drawing_lines(made):
    found = compare(made, "good", "bad", n_resamples=300, random_state=2)
    rng = np.random.default_rng(2)
    weights = rng.multinomial(12, np.full(12, 1 / 12), 300)
    squares = {
        name: (made.values[name] - made.Y.to_numpy()) ** 2 for name in made.values
    }
    drawn = []
    for w in weights:
        lines = np.repeat(np.arange(12), w)
        good, bad = (np.nansum(squares[n][:, lines], axis=(0, 1)) for n in squares)
        drawn.append(np.mean(1 - good / bad))
    expected = np.quantile(drawn, [0.025, 0.975])
    assert_allclose([found["low"], found["high"]], expected)


def test_a_drug_that_no_drawn_line_was_tried_on_is_left_out(made):
    made.Y.iloc[1:, 2] = np.nan
    for values in made.values.values():
        values[:, 1:, 2] = np.nan
    found = compare(made, "good", "bad", n_resamples=50)
    assert np.isfinite([found["low"], found["high"]]).all()


def test_near_duplicates_are_dropped(rng):
    y = rng.normal(size=(30, 2))
    Y = np.column_stack([y[:, 0], y[:, 1], y[:, 0] * 3 + 1, -y[:, 1]])
    kept = distinct_drugs(pd.DataFrame(Y))
    assert_array_equal(kept, [True, True, False, True])


def test_knowing_the_tissue_alone_is_worth_0(made):
    groups = np.repeat(["skin", "blood"], 6)
    Y = made.Y.to_numpy()
    tissue = np.vstack(
        [np.tile(np.nanmean(Y[groups == g], axis=0), (6, 1)) for g in ("skin", "blood")]
    )
    shift = np.where(groups == "skin", 5.0, -2.0)[:, None]
    made.values = {"tissue": tissue[None], "all": Y[None], "shifted": (Y + shift)[None]}
    found = within_groups(made, groups)
    assert_allclose(found[["tissue", "all", "shifted"]], [0, 1, 1], atol=1e-12)


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
