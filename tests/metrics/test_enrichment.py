import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import false_discovery_control, hypergeom

from latentomics.metrics import enrichment, hypergeometric_tail


@pytest.fixture
def lists(rng):
    universe = rng.random((6, 80)) < 0.8
    hits = universe & (rng.random((6, 80)) < 0.2)
    groups = rng.random((9, 80)) < 0.15
    return hits, groups, universe


def test_four_hits_of_five_by_hand():
    # 10 items, 5 in the group, 4 drawn: all four from the group is C(5,4)/C(10,4)
    assert_allclose(hypergeometric_tail(4, 10, 5, 4), 5 / 210)
    assert_allclose(hypergeometric_tail(3, 10, 5, 4), (5 + 10 * 5) / 210)


def test_tail_is_scipys_for_every_small_urn():
    N = 12
    K, n, k = np.meshgrid(np.arange(N + 1), np.arange(N + 1), np.arange(N + 2))
    # gammaln is good to about 1e-15 of values up to 20, a term of e**-13 to 1e-13
    assert_allclose(
        hypergeometric_tail(k, N, K, n), hypergeom.sf(k - 1, N, K, n), atol=1e-12
    )


def test_tail_is_scipys_for_gene_sets():
    # 20,000 genes: far tails keep their digits
    k = np.array([1, 5, 20, 60, 150])
    ours = hypergeometric_tail(k, 20_000, 200, 300)
    assert_allclose(ours, hypergeom.sf(k - 1, 20_000, 200, 300), rtol=1e-8)


def test_counts_and_pvalues_equal_a_loop(lists):
    hits, groups, universe = lists
    table = enrichment(hits, groups, universe)
    for i in range(len(hits)):
        for j in range(len(groups)):
            k = sum(hits[i] & groups[j])
            K, n, N = sum(universe[i] & groups[j]), sum(hits[i]), sum(universe[i])
            assert table.hits[i, j] == k
            assert_allclose(table.expected[i, j], n * K / N)
            assert_allclose(table.pvalue[i, j], hypergeom.sf(k - 1, N, K, n))


def test_every_test_counts_for_the_false_discovery_rate(lists):
    table = enrichment(*lists)
    flat = false_discovery_control(table.pvalue.ravel())
    assert_allclose(table.qvalue.ravel(), flat)
    assert (table.hits == 0).any(), "no empty test in this made table"
    few = table.pvalue[table.hits >= 2]
    assert (false_discovery_control(few) <= table.qvalue[table.hits >= 2]).all()


def test_planted_group_is_found_and_shuffled_ones_are_not(rng):
    groups = np.repeat(np.eye(10, dtype=bool), 30, axis=1)  # ten groups of 30
    hits = rng.random((40, 300)) < 0.05
    hits[0] |= groups[3] & (rng.random(300) < 0.6)
    table = enrichment(hits, groups)
    assert table.qvalue[0, 3] < 1e-6
    table.qvalue[0, 3] = 1
    # without a signal one table in 20 has a q below .05; the table of this seed has not
    assert table.qvalue.min() > 0.05


def test_universe_is_all_items_where_none_is_given(lists):
    hits, groups, _ = lists
    everything = np.ones_like(hits)
    one, two = enrichment(hits, groups), enrichment(hits, groups, everything)
    assert_array_equal(one.pvalue, two.pvalue)


def test_messages(lists):
    hits, groups, universe = lists
    with pytest.raises(ValueError, match="hits must be a boolean matrix; got int64"):
        enrichment(hits.astype(int), groups)
    with pytest.raises(
        ValueError, match=r"same items; got shapes \(6, 80\), \(9, 79\)"
    ):
        enrichment(hits, groups[:, 1:])
    with pytest.raises(ValueError, match="got a hit outside it"):
        enrichment(hits | ~universe, groups, universe)
