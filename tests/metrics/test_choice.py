import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.metrics import edge_distance, first_near_best


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
