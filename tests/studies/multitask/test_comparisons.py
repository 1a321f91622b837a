"""Reductions of errors, their intervals and tables, against sums by hand."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import wilcoxon

from latentomics.studies.multitask.comparisons import (
    compare,
    distinct_drugs,
    interval_table,
    within_groups,
)
from latentomics.studies.multitask.experiments import Predictions


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


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("other", "bad"), r"method and rival must be one of .*; got 'other'"),
        (("good", "other"), r"method and rival must be one of .*; got 'other'"),
        (("good", "bad", np.zeros(3, bool)), "drugs must choose at least one; got no"),
    ],
)
def test_nothing_to_compare_is_refused(made, given, says):
    method, rival, *drugs = given
    with pytest.raises(ValueError, match=says):
        compare(made, method, rival, drugs=drugs[0] if drugs else None)


def test_one_drug_can_be_compared(made):
    found = compare(made, "good", "bad", drugs=np.array([False, True, False]))
    assert found["drugs"] == 1
    assert np.isfinite(list(found.values())).all()


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
    assert found.index.name == "method"
    assert_allclose(found[["tissue", "all", "shifted"]], [0, 1, 1], atol=1e-12)


def test_every_method_meets_every_other_in_the_table(made):
    table = interval_table(made, "toy", random_state=3)
    assert len(table) == 2 * 2
    row = table.query("method == 'good' and which == 'all'").iloc[0]
    expected = compare(made, "good", "bad", random_state=3)
    assert {name: row[name] for name in expected} == expected
