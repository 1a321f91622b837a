import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.sensing.pseudobulk import pseudobulk, top_genes


@pytest.fixture
def cells(rng):
    """Counts of 60 cells x 5 genes, and their types: 30 of b, 20 of a, 10 of c."""
    means = {"a": [9, 1, 1, 0, 0.5], "b": [1, 9, 1, 0, 0.5], "c": [1, 1, 9, 0, 0.5]}
    labels = np.array(["b"] * 30 + ["a"] * 20 + ["c"] * 10)
    counts = rng.poisson([means[t] for t in labels]) + np.array([1, 0, 0, 0, 0])
    order = rng.permutation(60)
    genes = list("ABCDE")
    return pd.DataFrame(counts[order], columns=genes), labels[order]


def log_cpm(sums):
    return np.log2(1 + 1e6 * sums / sums.sum(axis=1, keepdims=True))


def test_all_cells_of_a_type_give_its_profile(rng):
    counts = rng.poisson(3, (20, 6)) + 1
    labels = np.tile(["a", "c"], 10)  # ten of each: a sample of ten leaves no choice
    X, types = pseudobulk(counts, labels, n_cells=10, n_samples=4)
    by_hand = dict(
        zip(
            "ac",
            log_cpm(np.array([counts[::2].sum(0), counts[1::2].sum(0)])),
            strict=True,
        )
    )
    assert sorted(types) == ["a", "a", "c", "c"]
    assert_allclose(X, [by_hand[kind] for kind in types], rtol=1e-14)


def test_one_cell_is_a_cell(cells):
    counts, labels = cells
    X, types = pseudobulk(counts, labels, n_cells=1, n_samples=40)
    every = log_cpm(counts.to_numpy())
    for row, kind in zip(X.to_numpy(), types, strict=True):
        assert np.abs(every[labels == kind] - row).max(axis=1).min() < 1e-12


def test_cells_of_a_sample_are_different(rng):
    counts = np.eye(6, dtype=int)  # each cell has a gene of its own
    X, _ = pseudobulk(counts, ["t"] * 6, n_cells=4, n_samples=30)
    assert_allclose(np.sort(X.to_numpy(), axis=1)[:, :2], 0)
    assert_allclose(np.sort(X.to_numpy(), axis=1)[:, 2:], np.log2(1 + 1e6 / 4))
    assert X.drop_duplicates().shape[0] > 5


def test_types_are_spread_evenly_and_mixed(cells):
    X, types = pseudobulk(*cells, n_cells=5, n_samples=302)
    assert set(types.value_counts()) == {100, 101}
    assert (types.to_numpy()[1:] != types.to_numpy()[:-1]).mean() > 0.5  # .67 expected
    assert X.shape == (302, 5)
    assert types.index.equals(X.index)
    assert X.index[0] == "sample-001"
    assert X.columns.tolist() == list("ABCDE")
    assert set(map(str, X.dtypes)) == {"float64"}


def test_more_cells_make_less_noise(cells):
    def spread(n_cells):
        X, types = pseudobulk(*cells, n_cells=n_cells, n_samples=60)
        return X.groupby(types.to_numpy())["A"].std().mean()

    assert spread(9) < spread(2) / 1.5


def test_the_seed_decides(cells):
    one, same, other = (pseudobulk(*cells, 5, 9, seed)[0] for seed in (1, 1, 2))
    assert_array_equal(one, same)
    assert not np.allclose(one, other)


def test_an_array_and_its_table_give_the_same(cells):
    counts, labels = cells
    named, types = pseudobulk(counts, labels, 5, 9)
    plain, again = pseudobulk(counts.to_numpy(), list(labels), 5, 9)
    assert_array_equal(plain, named)
    assert types.equals(again)
    assert plain.columns.tolist() == [0, 1, 2, 3, 4]


def test_what_goes_in_stays_as_it_is(cells):
    counts, labels = cells
    before = counts.copy(), labels.copy()
    X, _ = pseudobulk(counts, labels, 5, 9)
    X.iloc[:] = 0
    pd.testing.assert_frame_equal(counts, before[0])
    assert_array_equal(labels, before[1])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_cells": 11}, "n_cells must be at most 10, the cells of 'c'; got 11"),
        ({"n_cells": 0}, "n_cells must be a whole number of at least 1; got 0"),
        ({"n_samples": 0}, "n_samples must be a whole number of at least 1; got 0"),
        (
            {"random_state": -1},
            "random_state must be a whole number of at least 0; got -1",
        ),
        ({"labels": ["a"] * 59}, r"labels must be a list of 60 labels; got .*\(59,\)"),
    ],
)
def test_what_cannot_be_made(cells, options, says):
    given = {"counts": cells[0], "labels": cells[1], "n_cells": 5, "n_samples": 9}
    with pytest.raises(ValueError, match=says):
        pseudobulk(**given | options)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        (-1, "counts must be non-negative; got -1.0 in row 1, column 2"),
        (np.nan, "counts must be finite, without NaN; got nan in row 1, column 2"),
    ],
)
def test_counts_that_are_none(cells, cell, says):
    counts = cells[0].to_numpy(float).copy()
    counts[1, 2] = cell
    with pytest.raises(ValueError, match=says):
        pseudobulk(counts, cells[1], 5)


def test_an_empty_cell_is_refused(cells):
    counts = cells[0].copy()
    counts.iloc[3] = 0
    with pytest.raises(
        ValueError, match=r"a molecule in every row; got none in row \[3"
    ):
        pseudobulk(counts, cells[1], 5)


def test_genes_that_vary_most():
    X = np.array([[0, 5, 1, 1, 0], [0, 1, 3, 3, 0], [0, 9, 2, 2, 9.5]])
    assert top_genes(X, 4) == [4, 1, 2, 3]
    named = pd.DataFrame(X, columns=list("ABCDE"))
    assert top_genes(named, 2) == ["E", "B"]
    assert top_genes(named + 100, 5) == ["E", "B", "C", "D", "A"]
    assert named[top_genes(named, 2)].shape == (3, 2)


@pytest.mark.parametrize(
    ("X", "n_genes", "says"),
    [
        (np.ones((2, 3)), 4, "n_genes must be at most 3, the columns of X; got 4"),
        (np.ones((2, 3)), 0, "n_genes must be a whole number of at least 1; got 0"),
        (np.array([[1, np.nan]]), 1, "X must be finite, without NaN; got nan in row 0"),
        (np.ones(3), 1, "X must be a matrix"),
    ],
)
def test_genes_that_cannot_be_chosen(X, n_genes, says):
    with pytest.raises(ValueError, match=says):
        top_genes(X, n_genes)
