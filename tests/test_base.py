import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from latentomics.base import check_size, hold_out, read_features
from latentomics.checks import check_choice, check_whole
from latentomics.matrices import check_shape, first


@pytest.fixture
def seen(rng):
    return rng.random((200, 100)) < 0.7


def test_held_out_entries_are_the_share_asked_for_of_those_measured(seen):
    held = hold_out(seen, 0.2, 0)
    assert not held[~seen].any()
    # 14,000 entries: standard error .0034; 4 of them, and the 2 % that lines keep
    assert 0.18 < held.sum() / seen.sum() < 0.214


def test_every_line_keeps_its_first_entry(seen):
    held = hold_out(seen, 0.99, 0)
    left = seen & ~held
    rows, columns = seen.argmax(axis=1), seen.argmax(axis=0)
    assert left[np.arange(200), rows].all()
    assert left[columns, np.arange(100)].all()
    assert held.sum() > 0.9 * seen.sum()


def test_lines_with_one_entry_lose_nothing():
    assert not hold_out(np.eye(9, dtype=bool), 0.99, 0).any()


def test_nothing_is_held_out_of_a_share_of_nothing(seen):
    assert not hold_out(seen, 0, 0).any()


def test_the_seed_decides(seen):
    assert_array_equal(hold_out(seen, 0.2, 3), hold_out(seen, 0.2, 3))
    assert (hold_out(seen, 0.2, 3) != hold_out(seen, 0.2, 4)).any()


@pytest.mark.parametrize("fraction", [1, 1.0, 3])
def test_not_everything_can_be_held_out(seen, fraction):
    says = (
        rf"validation_fraction must be a number of at least 0, below 1; got {fraction}"
    )
    with pytest.raises(ValueError, match=says):
        hold_out(seen, fraction, 0)


def test_numbers_of_numpy_are_numbers():
    check_whole(max_iter=np.int64(3))
    with pytest.raises(
        ValueError, match=r"max_iter .* whole number of at least 1; got "
    ):
        check_whole(max_iter=np.float64(3))


def test_a_list_is_no_choice():
    with pytest.raises(ValueError, match=r"loss must be one of \('a',\); got \['a'\]"):
        check_choice("loss", ["a"], {"a": 1})


def test_a_long_list_is_cut():
    assert first(np.arange(5)) == "[0, 1, 2, 3, 4]"
    assert first(np.arange(9)) == "[0, 1, 2, 3, 4] and 4 more"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_value_is_too_large_where_its_squares_would_overflow(dtype):
    top = float(np.finfo(dtype).max)
    X = np.full((30, 20), np.nan)
    X[4, 7] = -((top / 600) ** 0.5) / 100
    check_size(X * 0.999, dtype)
    says = rf"X must hold values of at most .* in {dtype}; got -.* in row 4, column 7"
    with pytest.raises(ValueError, match=says):
        check_size(X * 1.001, dtype)
    # 600 of them, a hundred times as large, are still a finite sum of squares
    assert (100 * X[4, 7]) ** 2 * 600 <= top * (1 + 1e-12)


class TestReadFeatures:
    X = pd.DataFrame([[1.0, 2.0, 3.0]], columns=list("abc"))

    def fitted(self, X):
        model = BaseEstimator()
        read_features(model, X)
        return model

    def test_text_is_taken_in_any_order_only_if_asked_for(self):
        model, back = self.fitted(self.X), self.X[["c", "b", "a"]]
        assert_array_equal(
            read_features(model, back, reset=False, any_order=True), self.X
        )
        with pytest.raises(ValueError, match="must be in the same order"):
            read_features(model, back, reset=False)
        other = self.X.rename(columns={"a": "z"})
        with pytest.raises(ValueError, match=r"feature names should match"):
            read_features(model, other, reset=False, any_order=True)

    def test_names_that_are_no_text_are_taken_in_any_order(self):
        X = self.X.set_axis([7, 8, 9], axis=1)
        assert_array_equal(read_features(self.fitted(X), X[[9, 7, 8]], reset=False), X)

    def test_a_later_fit_forgets_the_names_of_an_earlier_one(self):
        X = self.X.set_axis([7, 8, 9], axis=1)
        for second in (X.to_numpy(), X[[9, 8, 7]]):
            model = self.fitted(X)
            assert_array_equal(read_features(model, second), second)
            assert_array_equal(read_features(model, second, reset=False), second)
        model = self.fitted(X)
        read_features(model, X[[9, 8, 7]])
        assert_array_equal(read_features(model, X, reset=False), X[[9, 8, 7]])

    def test_a_later_call_does_not_change_the_names(self):
        X = self.X.set_axis([7, 8, 9], axis=1)
        model = self.fitted(X)
        for _ in range(2):
            assert_array_equal(read_features(model, X[[9, 8, 7]], reset=False), X)
        read_features(model, X.to_numpy(), reset=False)
        assert_array_equal(read_features(model, X[[9, 8, 7]], reset=False), X)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_only_one_row_is_told_how_to_be_a_matrix(shape):
    with pytest.raises(ValueError, match="X must be a matrix") as refused:
        check_shape(np.ones(shape))
    assert ("Reshape your data" in str(refused.value)) == (len(shape) == 1)
