from itertools import permutations, product

import numpy as np
import pytest

from latentomics.metrics import clustering_accuracy


def brute_force(truth, found):
    """Try every way to give clusters a group of their own."""
    groups, clusters = sorted(set(truth)), sorted(set(found))
    spare = [None] * max(0, len(clusters) - len(groups))  # a cluster without a group
    best = 0
    for names in permutations(groups + spare, len(clusters)):
        group_of = dict(zip(clusters, names, strict=True))
        hits = [group_of[f] == t for t, f in zip(truth, found, strict=True)]
        best = max(best, np.mean(hits))
    return best


class TestClusteringAccuracy:
    @pytest.mark.parametrize(
        ("n_groups", "n_clusters"), [(2, 2), (3, 3), (2, 4), (4, 2)]
    )
    def test_is_the_best_of_all_matchings(self, rng, n_groups, n_clusters):
        for _ in range(20):
            truth = rng.integers(n_groups, size=12)
            found = rng.integers(n_clusters, size=12)
            expected = brute_force(truth, found)
            assert clustering_accuracy(truth, found) == pytest.approx(expected)

    def test_a_greedy_matching_would_do_worse(self):
        # cluster 0 holds 5 of a and 4 of b, cluster 1 holds 4 of a: 4 + 4, not 5
        truth = ["a"] * 5 + ["b"] * 4 + ["a"] * 4
        found = [0] * 9 + [1] * 4
        assert clustering_accuracy(truth, found) == pytest.approx(8 / 13)

    def test_names_of_clusters_do_not_matter(self):
        assert clustering_accuracy(["a", "a", "b"], [7, 7, "x"]) == 1

    def test_the_published_before_is_the_lowest_score_there_is(self):
        truth = [0, 0, 0, 1, 1, 1, 1]
        ways = product((0, 1), repeat=7)
        scores = np.array([clustering_accuracy(truth, way) for way in ways])
        assert scores.min() == pytest.approx(4 / 7)
        assert np.mean(scores > 4.5 / 7) == pytest.approx(58 / 128)

    def test_says_what_is_wrong(self):
        with pytest.raises(ValueError, match=r"_pred must be a list of 2 .*\(3,"):
            clustering_accuracy([0, 1], [0, 1, 1])
        with pytest.raises(ValueError, match="must hold an item"):
            clustering_accuracy([], [])
        with pytest.raises(
            ValueError, match=r"labels_true must have .* in position \[1\]"
        ):
            clustering_accuracy(["a", np.nan], [0, 1])
