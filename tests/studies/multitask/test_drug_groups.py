import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.studies.multitask.drug_groups import (
    half_sample_agreement,
    with_own_group,
)
from latentomics.studies.multitask.weights import agreement, cluster_drugs


@pytest.fixture
def planted(rng):
    """50 features x 24 drugs of 4 directions; amplitudes differ tenfold."""
    group = rng.permutation(np.arange(24) % 4)
    W = rng.normal(size=(50, 4))[:, group] + 0.2 * rng.normal(size=(50, 24))
    return W, np.array(["braf", "mek", "egfr", "top2"])[group]


def test_drugs_with_their_own_group_by_hand():
    labels = [1, 1, 1, 2, 2, 3, 3, 3]
    groups = ["x", "x", "y", "y", None, "x", "y", "y"]
    # y of cluster 1 sees two x; y of cluster 2 sees nobody; x of cluster 3 two y;
    # each y of cluster 3 sees one x and one y, a tie
    right = [True, True, False, False, False, False, True, True]
    assert_array_equal(with_own_group(labels, groups), right)
    assert_array_equal(with_own_group(labels, pd.Series(groups)), right)
    with pytest.raises(ValueError, match="known of 2 drugs; got 1"):
        with_own_group([1, 1, 2], ["x", None, None])


def test_a_drug_is_not_its_own_company(rng):
    groups = np.arange(40) % 4
    assert not with_own_group(np.arange(40), groups).any()
    assert with_own_group(groups, groups).all()


@pytest.mark.parametrize("unit_norm", [False, True])
def test_halves_are_clustered_anew(planted, rng, unit_norm):
    W, group = planted
    matrices = {"W": W, "turned": np.linalg.qr(rng.normal(size=(50, 50)))[0] @ W}
    options = {"n_draws": 5, "random_state": 3, "unit_norm": unit_norm}
    table = half_sample_agreement(matrices, group, 4, **options)
    assert list(table.columns) == ["W", "turned"]
    assert_allclose(table["turned"], table["W"])
    half = np.sort(np.random.default_rng(3).permutation(24)[:12])
    labels, _ = cluster_drugs(W[:, half], 4, unit_norm=unit_norm)
    assert_allclose(table["W"][0], agreement(labels, group[half]))


def test_halves_vary_as_samples_do(rng):
    center, n = rng.normal(size=(6, 3)), 60
    fresh, within = [], []
    for _ in range(40):
        group = rng.permutation(np.arange(n) % 3)
        W = center[:, group] + rng.normal(size=(6, n))
        fresh.append(agreement(cluster_drugs(W, 3)[0], group))
        halves = half_sample_agreement({"W": W}, group, 3, n_draws=20)
        within.append(halves["W"].std())
    assert 0.5 < np.mean(within) / np.std(fresh) < 2  # 1.1 to 1.6 by seed


def test_matrices_of_other_drugs_are_refused(planted):
    W, group = planted
    with pytest.raises(ValueError, match="the same drugs; got"):
        half_sample_agreement({"W": W, "fewer": W[:, :9]}, group[:9], 3)
