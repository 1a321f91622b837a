import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.studies.sensing.conformal import conformal_radius


def test_the_radius_is_an_order_statistic():
    off = np.array([[0.1, -5.0], [-0.4, 1.0], [0.2, 2.0], [0.3, -3.0]])
    assert_allclose(conformal_radius(off, 0 * off, 0.5), [0.3, 3])  # third of four
    assert_allclose(conformal_radius(off, 0 * off, 0.8), [0.4, 5])
    assert_array_equal(conformal_radius(off, 0 * off, 0.81), np.inf)


def test_intervals_hold_at_their_rate_whatever_the_distribution():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(300):
        X = rng.standard_cauchy((40, 5))
        radius = conformal_radius(X[:39], 0 * X[:39], 0.9)
        held.append(np.abs(X[39]) <= radius)
    assert abs(np.mean(held) - 0.9) < 0.03  # 1500 draws: standard deviation .008


@pytest.mark.parametrize("level", [0.0, 1.0, 90, "0.9", None])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match="level must be a number between 0 and 1"):
        conformal_radius(np.ones((2, 2)), np.ones((2, 2)), level)


def test_shuffled_tables_are_matched_by_name_and_others_refused(rng):
    X = pd.DataFrame(rng.normal(size=(6, 3)), list("stuvwx"), list("abc"))
    near = X + rng.normal(size=X.shape)
    same = conformal_radius(X, near, 0.5)
    assert_allclose(same, conformal_radius(X, near.to_numpy(), 0.5))
    assert_allclose(same, conformal_radius(X, near.iloc[::-1, ::-1], 0.5))
    with pytest.raises(ValueError, match="the same column names as X.* called 'c' an"):
        conformal_radius(X, near.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match="the same row names as X.* none called 'x' "):
        conformal_radius(X, near.rename({"x": "y"}))
