"""The choice of pseudo-labels against algorithm 1 written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from latentomics.signatures.pseudo_label import draw_pseudo_labels


def literal_pools(P, free, threshold, rule="fixed"):
    """Sample by sample: who is free, leans to the class, and is sure enough."""
    pools = []
    for o in range(len(P)):
        lean = [i for i in range(P.shape[1]) if free[i] and np.argmax(P[:, i]) == o]
        c = threshold
        if rule == "quantile" and lean:
            c = np.quantile([P[o, i] for i in lean], threshold)
        pools.append([i for i in lean if P[o, i] >= c])
    return pools


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 4),
    st.integers(1, 40),
    st.floats(0.05, 0.95),
    st.sampled_from(["fixed", "quantile"]),
)
@settings(max_examples=300, deadline=None)
def test_it_is_algorithm_1(seed, n_classes, n, threshold, rule):
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.full(n_classes, 0.5), n).T
    free, before = rng.random(n) < 0.7, P.copy()
    pools = literal_pools(P, free, threshold, rule)
    expected = int(np.floor(min(len(pool) for pool in pools) / 2))
    how = {"threshold": threshold, "rule": rule}
    chosen = draw_pseudo_labels(P, free, np.random.default_rng(0), **how)
    assert [len(c) for c in chosen] == [expected] * n_classes
    for c, pool in zip(chosen, pools, strict=True):
        assert len(set(c)) == len(c)
        assert set(c) <= set(pool)
    again = draw_pseudo_labels(P, free, np.random.default_rng(0), **how)
    assert all(map(np.array_equal, chosen, again))
    assert_array_equal(P, before)


def spread(*pools):
    """Probabilities that lean to class o as often as said, all of them .8."""
    top = np.repeat(np.arange(len(pools)), pools)
    P = np.full((len(pools), len(top)), 0.2 / (len(pools) - 1))
    P[top, np.arange(len(top))] = 0.8
    return P


@pytest.mark.parametrize(
    ("pools", "expected"),
    [((1, 9), 0), ((2, 3), 1), ((7, 5, 9), 2), ((0, 8), 0), ((6, 6), 3)],
)
def test_half_the_smallest_pool_is_rounded_down(pools, expected):
    P, rng = spread(*pools), np.random.default_rng(0)
    chosen = draw_pseudo_labels(P, np.ones(P.shape[1], bool), rng, threshold=0.5)
    assert [len(c) for c in chosen] == [expected] * len(pools)


def test_as_sure_as_the_threshold_is_sure_enough():
    P, rng = spread(4, 4), np.random.default_rng(0)
    for threshold, n in ((0.8, 2), (0.8 + 1e-9, 0)):
        chosen = draw_pseudo_labels(P, np.ones(8, bool), rng, threshold=threshold)
        assert [len(c) for c in chosen] == [n, n]


def test_labelled_samples_are_never_chosen():
    P, free = spread(8, 8), np.arange(16) % 2 == 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        chosen = draw_pseudo_labels(P, free, rng, threshold=0.5)
        assert free[np.concatenate(chosen)].all()


def test_all_of_a_pool_are_as_likely():
    P, counts = spread(4, 20), np.zeros(24)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        for c in draw_pseudo_labels(P, np.ones(24, bool), rng, threshold=0.5):
            counts[c] += 1
    # 2 of 4, and 2 of 20; five standard errors of 2000 draws
    assert np.abs(counts[:4] / 2000 - 0.5).max() < 0.056
    assert np.abs(counts[4:] / 2000 - 0.1).max() < 0.034


def test_a_quantile_starves_no_class():
    P = spread(6, 6)
    P[:, :6] = [[0.55], [0.45]]
    P[:, 6:] = np.array([[0.0] * 6, np.linspace(0.9, 1, 6)])
    free = np.ones(12, bool)
    for rule, n in (("fixed", 0), ("quantile", 1)):
        chosen = draw_pseudo_labels(
            P, free, np.random.default_rng(0), threshold=0.6, rule=rule
        )
        assert [len(c) for c in chosen] == [n, n]
        assert (chosen[1] >= 9).all()  # the .6 quantile is .96
