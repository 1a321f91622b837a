import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from latentomics.multitask.folds import (
    InductiveKFold,
    TransductiveKFold,
    training_cells,
)


@pytest.fixture
def Y(rng):
    return np.where(rng.random((40, 7)) < 0.3, np.nan, rng.normal(size=(40, 7)))


def test_inductive_folds_are_shuffled_lines_each_held_out_once(Y):
    cv = InductiveKFold(4, random_state=3)
    folds = list(cv.split(Y, Y=Y))
    assert len(folds) == cv.get_n_splits() == 4
    held = np.concatenate([test for _, test in folds])
    assert_array_equal(np.sort(held), np.arange(40))
    assert not np.array_equal(held, np.arange(40))
    for train, test in folds:
        assert_array_equal(np.sort([*train, *test]), np.arange(40))
    reference = KFold(4, shuffle=True, random_state=3).split(Y)
    for (_, test), (_, same), (_, again) in zip(
        folds, reference, cv.split(Y), strict=True
    ):
        assert_array_equal(test, same)
        assert_array_equal(test, again)


def test_inductive_folds_differ_by_seed_and_default_to_seed_0(Y):
    first, zero, one = (
        next(cv.split(Y))[1]
        for cv in (
            InductiveKFold(),
            InductiveKFold(random_state=0),
            InductiveKFold(random_state=1),
        )
    )
    assert_array_equal(first, zero)
    assert not np.array_equal(zero, one)


def test_scikit_learn_takes_inductive_folds(rng):
    X, Y = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    cv = InductiveKFold(3)
    scores = cross_val_score(Ridge(), X, Y, cv=cv)
    by_hand = [Ridge().fit(X[a], Y[a]).score(X[b], Y[b]) for a, b in cv.split(X)]
    assert_array_equal(scores, by_hand)
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=cv).fit(X, Y)
    assert search.n_splits_ == 3


def test_a_transductive_fold_by_hand():
    Y = np.array([[1.0, np.nan], [2.0, 5.0], [np.nan, 6.0]])
    folds = [test.tolist() for _, test in TransductiveKFold(2).split(Y)]
    # drug 0 has cells 0 and 2, drug 1 cells 3 and 5: one of each in each fold
    assert sorted(folds[0] + folds[1]) == [0, 2, 3, 5]
    assert [sum(cell in (0, 2) for cell in fold) for fold in folds] == [1, 1]


def masked(Y):
    return np.ma.array(np.nan_to_num(Y, nan=9.0), mask=np.isnan(Y))


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, masked])
def test_arrays_tables_and_masked_arrays_split_alike(Y, form):
    for (train, test), (a, b) in zip(
        TransductiveKFold().split(form(Y)), TransductiveKFold().split(Y), strict=True
    ):
        assert_array_equal(train, a)
        assert_array_equal(test, b)


def test_drugs_hold_out_different_lines(rng):
    Y = rng.normal(size=(50, 20))
    _, test = next(TransductiveKFold().split(Y))
    lines = [frozenset(test[test % 20 == t] // 20) for t in range(20)]
    assert len(set(lines)) == 20  # 10 of 50 lines: two alike once in 1e10
    # each line is held out for about a fifth of the drugs, not for all or none
    assert np.bincount(test // 20, minlength=50).max() < 14


def test_same_seed_same_folds_other_seed_other_folds(Y):
    def held(seed):
        return next(TransductiveKFold(random_state=seed).split(Y))[1]

    assert_array_equal(held(4), held(4))
    assert_array_equal(next(TransductiveKFold().split(Y))[1], held(0))
    assert not np.array_equal(held(4), held(5))


def test_values_do_not_matter_only_where_they_are(Y):
    for one, two in zip(
        TransductiveKFold().split(Y), TransductiveKFold().split(3 - Y), strict=True
    ):
        assert_array_equal(one[1], two[1])


masks = arrays(bool, st.tuples(st.integers(2, 12), st.integers(1, 8)))


@given(masks, st.integers(2, 7), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_whatever_the_mask_cells_are_dealt_fairly_and_once(seen, n_splits, seed):
    seen[:2] = True  # what a drug needs
    n_splits = min(n_splits, int(seen.sum()))
    Y = np.where(seen, 1.0, np.nan)
    cv = TransductiveKFold(n_splits, random_state=seed)
    folds = list(cv.split(Y))
    assert len(folds) == cv.get_n_splits(Y) == n_splits
    cells = np.flatnonzero(seen)
    held = np.concatenate([test for _, test in folds])
    assert_array_equal(np.sort(held), cells)
    sizes = np.zeros((n_splits, seen.shape[1]), int)
    for k, (train, test) in enumerate(folds):
        assert_array_equal(np.sort(np.r_[train, test]), cells)
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()
        sizes[k] = np.bincount(test % seen.shape[1], minlength=seen.shape[1])
        left = training_cells(Y, train)
        assert (~np.isnan(left)).any(axis=0).all()  # something of each drug
    assert np.ptp(sizes, axis=0).max() <= 1
    assert np.ptp(sizes.sum(axis=1)) <= 1


def test_training_cells_are_a_copy_without_what_was_held_out(Y):
    before = Y.copy()
    for train, test in TransductiveKFold(3).split(Y):
        left = training_cells(pd.DataFrame(Y), train)
        assert isinstance(left, np.ndarray)
        assert np.isnan(left.flat[test]).all()
        assert_array_equal(left.flat[train], Y.flat[train])
        assert (~np.isnan(left)).sum() == len(train)
        left[:] = 0
    assert_array_equal(Y, before)


def test_training_cells_in_any_memory_order_and_type():
    Y = np.asfortranarray(np.arange(6).reshape(2, 3))
    assert_array_equal(
        training_cells(Y, np.array([1, 5])),
        [[np.nan, 1.0, np.nan], [np.nan, np.nan, 5.0]],
    )
    assert np.isnan(training_cells(Y, np.array([], dtype=int))).all()


def test_messages(Y):
    for splitter in (InductiveKFold, TransductiveKFold):
        with pytest.raises(
            ValueError, match="n_splits must be .* number of at least 2"
        ):
            splitter(1)
        with pytest.raises(ValueError, match="random_state must be .*; got None"):
            splitter(random_state=None)
    with pytest.raises(ValueError, match="n_splits=5 greater than .* n_samples=4"):
        next(InductiveKFold().split(Y[:4]))
    lonely = np.where((np.arange(40) > 0)[:, None] & (np.arange(7) == 2), np.nan, 1.0)
    with pytest.raises(ValueError, match=r"2 measured lines .*; got fewer in .*\[2\]"):
        next(TransductiveKFold().split(lonely))
    with pytest.raises(ValueError, match="at most the 4 measured cells of Y; got 5"):
        next(TransductiveKFold().split(np.where(np.eye(3, 2), np.nan, 1.0)))
    with pytest.raises(ValueError, match="Y must be a matrix"):
        next(TransductiveKFold().split(Y[:, 0]))
    with pytest.raises(ValueError, match="Y must be finite, or NaN for a gap; got inf"):
        next(TransductiveKFold().split(np.full((3, 3), np.inf)))
    with pytest.raises(ValueError, match="train must be a list .*; got bool of shape"):
        training_cells(Y, ~np.isnan(Y))
    with pytest.raises(ValueError, match="train must be a list .*; got float64"):
        training_cells(Y, np.array([1.0]))
    with pytest.raises(ValueError, match="between 0 and 279; got 3 to 280"):
        training_cells(Y, np.array([3, 280]))
    with pytest.raises(ValueError, match="between 0 and 279; got -1 to 3"):
        training_cells(Y, np.array([-1, 3]))
