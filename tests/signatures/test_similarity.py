import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from latentomics.signatures.channels import CHANNELS
from latentomics.signatures.similarity import best_matches, match_columns, similarity


@pytest.fixture
def reference(rng):
    rows = [f"SBS{i}" for i in range(1, 6)]
    return pd.DataFrame(rng.dirichlet(np.full(96, 0.2), 5), rows, CHANNELS)


def test_a_cosine_by_hand(reference):
    one = pd.DataFrame(0.0, ["a", "b"], CHANNELS)
    one.loc["a", ["A[C>A]A", "T[T>G]T"]] = 3, 4
    one.loc["b", "A[C>A]A"] = 9
    assert_allclose(similarity(one, one), [[1, 0.6], [0.6, 1]])
    by_hand = one.loc["a"] @ reference.loc["SBS2"] / 5
    by_hand /= np.sqrt((reference.loc["SBS2"] ** 2).sum())
    assert_allclose(similarity(one, reference).loc["a", "SBS2"], by_hand)


def test_channels_are_aligned_and_depth_is_not_felt(reference, rng):
    shuffled = 50 * reference[list(rng.permutation(CHANNELS))]
    cosines = similarity(shuffled, reference)
    assert_allclose(np.diag(cosines), 1)
    assert cosines.to_numpy()[~np.eye(5, dtype=bool)].max() < 0.9
    assert cosines.index.equals(reference.index)
    assert cosines.columns.equals(reference.index)


def test_best_first():
    cosines = pd.DataFrame([[0.1, 0.9, 0.5], [0.7, 0.2, 0.3]], ["a", "b"], [*"xyz"])
    best = best_matches(cosines, 2)
    assert best.to_numpy().tolist() == [
        ["a", 1, "y", 0.9],
        ["a", 2, "z", 0.5],
        ["b", 1, "x", 0.7],
        ["b", 2, "z", 0.3],
    ]
    assert best_matches(cosines)["match"].tolist() == ["y", "x"]
    assert match_columns(cosines, 1) == ["x", "y"]  # in the order of the columns
    assert match_columns(cosines, 2) == ["x", "y", "z"]


def test_messages(reference):
    cosines = similarity(reference, reference)
    with pytest.raises(ValueError, match="n must be at most 5; got 6"):
        best_matches(cosines, 6)
    with pytest.raises(ValueError, match="n must be a whole number"):
        best_matches(cosines, 0)
    with pytest.raises(ValueError, match="reference must have all 96 channels"):
        similarity(reference, reference.drop(columns="A[C>A]A"))
    with pytest.raises(ValueError, match="table must have a mutation in every sample"):
        similarity(0 * reference, reference)
