import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.metrics import edge_distance, first_near_best
from latentomics.metrics.choice import reaches


def test_the_least_error_wins_when_it_is_clear():
    assert first_near_best([3.0, 1.0, 2.0]) == 1
    assert first_near_best([3.0, 1.00001, 1.0]) == 2


def test_of_equals_but_for_rounding_the_first_wins():
    assert first_near_best([2.0, 1 + 1e-12, 1.0]) == 1
    assert first_near_best([2.0, 1.0, 1 + 1e-12]) == 1


def test_each_column_has_its_own_choice():
    errors = np.array([[1.0, 5.0], [1 - 1e-9, 3.0], [2.0, 4.0]])
    assert_array_equal(first_near_best(errors), [0, 1])


def test_scores_below_zero_have_the_same_margin():
    assert first_near_best([-0.5, -1 + 1e-9, -1.0]) == 1
    assert first_near_best([-0.5, -1 + 1e-5, -1.0]) == 2


def test_units_do_not_matter(rng):
    errors = rng.random((20, 30))
    assert_array_equal(first_near_best(errors), first_near_best(errors * 1e-9))


def test_an_exact_fit_is_no_exception():
    assert first_near_best([1e-30, 0.0, 0.0]) == 1
    assert edge_distance([0.0, 1.0]) == 0


def test_edge_is_a_millionth_above_the_least():
    assert_allclose(edge_distance([1.0, 2.0]), 1e-6)
    assert_allclose(edge_distance([1.0, 1 + 1.1e-6]), 1e-7, rtol=1e-6)
    assert_allclose(edge_distance([1e-9, 1e-9 * (1 + 1.1e-6)]), 1e-7, rtol=1e-6)


BOTH = pytest.mark.parametrize("rule", [first_near_best, edge_distance])


@BOTH
@pytest.mark.parametrize(
    "errors",
    [
        [1.0, np.nan, 0.5],
        [np.nan, 1.0, 0.5],
        pd.Series([1.0, None, 0.5], dtype="Float64"),
        [1.0, pd.NA, 0.5],
    ],
)
def test_an_error_that_is_no_number_is_refused(rule, errors):
    place = int(np.flatnonzero(pd.isna(errors))[0])
    with pytest.raises(ValueError, match=rf"errors must be .* got NaN at \[{place}\]"):
        rule(errors)
    with pytest.raises(ValueError, match=rf"got NaN at \[{place}, 1\]"):
        rule(np.array([[1.0, e] for e in np.where(pd.isna(errors), np.nan, errors)]))


@BOTH
def test_infinite_errors_are_never_chosen(rule):
    with pytest.raises(ValueError, match="errors must have a least that is finite"):
        rule([np.inf, np.inf])
    with pytest.raises(ValueError, match="errors must have a least that is finite"):
        rule(np.array([[1.0, np.inf], [2.0, np.inf]]))
    with pytest.raises(ValueError, match="errors must have a least that is finite"):
        rule([1.0, -np.inf])
    with pytest.raises(ValueError, match="errors must be of one point or more"):
        rule([])


def test_a_point_that_is_out_of_the_question_has_an_infinite_error():
    assert first_near_best([np.inf, 1.0, 0.5]) == 2
    assert_allclose(edge_distance([np.inf, 1.0, 2.0]), 1e-6)


def test_errors_of_any_type_are_taken():
    assert first_near_best(pd.Series([2.0, 1.0], dtype="Float64")) == 1
    assert first_near_best(pd.DataFrame({"a": [2, 1], "b": [0, 1]})).tolist() == [1, 0]


def test_a_score_a_millionth_short_reaches_the_bound():
    scores = np.array([0.9, 0.9 * (1 - 0.9e-6), 0.9 * (1 - 1.1e-6), 1.0, np.nan])
    assert_array_equal(reaches(scores, 0.9), [True, True, False, True, False])
    assert_array_equal(reaches(-scores, -0.9)[:4], [True, True, True, False])


@pytest.mark.parametrize("unit", [1.0, 1e-9, -1.0])
def test_a_choice_that_rounding_may_decide_is_told(unit):
    least, edge = unit, unit + 1e-6 * abs(unit)
    for near in (edge + 5e-10 * abs(unit), edge - 5e-10 * abs(unit)):
        with pytest.warns(UserWarning, match="another processor may choose another"):
            first_near_best([near, least])
        with pytest.warns(UserWarning, match="another processor may choose another"):
            reaches(np.array([-near]), -least)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for clear in (edge + 2e-9 * abs(unit), edge - 2e-9 * abs(unit), least):
            first_near_best([clear, least])
            first_near_best([[clear, 0.0], [least, 0.0]])
            first_near_best([np.inf, clear, least])
            reaches(np.array([-clear, np.nan]), -least)
