"""Consensus of runs against every permutation, and stability by the definition."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.signatures import consensus
from latentomics.signatures.consensus import cosine


def shuffled_runs(seed, n_runs, K, spread=0.1, M=20):
    """Noisy copies of K signatures, in any order, and which is which."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(M, 0.2), K)
    orders = np.array([rng.permutation(K) for _ in range(n_runs)])
    runs = truth[orders] + spread / M * rng.exponential(1, (n_runs, K, M))
    return runs / runs.sum(axis=2, keepdims=True), orders, truth


def literal_silhouettes(runs, labels):
    """(b - a) / max(a, b) by cosine distance, signature by signature."""
    flat, of = runs.reshape(-1, runs.shape[2]), labels.ravel()
    values = []
    for i, s in enumerate(flat):
        d = [1 - s @ t / np.linalg.norm(s) / np.linalg.norm(t) for t in flat]
        means = {
            k: np.mean([d[j] for j in range(len(flat)) if of[j] == k and j != i])
            for k in set(of)
        }
        a = means.pop(of[i])
        b = min(means.values())
        values.append((b - a) / max(a, b))
    return np.array(values)


def by_brute_force(runs):
    """The partition of the best mean silhouette among all there are."""
    n_runs, K, _ = runs.shape
    each = [[range(K)], *([list(permutations(range(K)))] * (n_runs - 1))]
    candidates = [np.array(labels) for labels in product(*each)]
    scores = [literal_silhouettes(runs, labels).mean() for labels in candidates]
    return candidates[int(np.argmax(scores))], max(scores)


def same_partition(a, b):
    return np.array_equal(*((v.ravel()[:, None] == v.ravel()) for v in (a, b)))


@pytest.mark.parametrize(("n_runs", "K"), [(2, 2), (2, 4), (3, 3), (5, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_best_of_all_partitions(n_runs, K, seed):
    runs, _, _ = shuffled_runs(seed, n_runs, K, spread=0.5)
    components, stability, labels = consensus(runs)
    best, score = by_brute_force(runs)
    assert same_partition(labels, best)
    assert_allclose(stability.mean(), score, rtol=1e-12)
    for k in range(K):
        assert_allclose(components[k], runs[labels == k].mean(axis=0), rtol=1e-12)


def literal_consensus(runs, first):
    """Match to the centroids by trying all orders, until nothing moves."""
    runs = runs / runs.sum(axis=2, keepdims=True)
    K, centroids, labels = runs.shape[1], runs[first], None
    orders = np.array(list(permutations(range(K))))
    while True:
        fits = [
            [np.trace(cosine(S, centroids[order])) for order in orders] for S in runs
        ]
        before, labels = labels, orders[np.argmax(fits, axis=1)]
        if before is not None and (before == labels).all():
            return labels
        centroids = np.array([runs[labels == k].mean(axis=0) for k in range(K)])


def test_the_best_start_wins_where_starts_end_differently(rng):
    differ = 0
    for _ in range(12):
        runs = rng.dirichlet(np.full(6, 0.5), (7, 4))
        ends = [literal_consensus(runs, first) for first in range(7)]
        scores = [literal_silhouettes(runs, labels).mean() for labels in ends]
        _, stability, labels = consensus(runs)
        assert_allclose(stability.mean(), max(scores), rtol=1e-10)
        assert same_partition(labels, ends[int(np.argmax(scores))])
        differ += max(scores) > scores[0] + 1e-6
    assert differ > 3


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 5))
@settings(max_examples=25, deadline=None)
def test_stability_is_the_mean_silhouette_of_each_cluster(seed, n_runs, K):
    runs, _, _ = shuffled_runs(seed, n_runs, K, spread=2)
    components, stability, labels = consensus(runs)
    values = literal_silhouettes(runs, labels)
    by_hand = [values[labels.ravel() == k].mean() for k in range(K)]
    assert_allclose(stability, by_hand, atol=1e-12)
    assert_allclose(components.sum(axis=1), 1)
    assert_array_equal(np.sort(labels, axis=1), np.tile(range(K), (n_runs, 1)))


def test_planted_signatures_are_found_again():
    runs, orders, truth = shuffled_runs(3, 10, 5)
    components, stability, labels = consensus(runs)
    assert same_partition(labels, orders)
    assert_allclose(cosine(components, truth).max(axis=1), 1, atol=0.01)
    assert (stability > 0.9).all()


def test_the_order_of_runs_and_of_signatures_does_not_matter(rng):
    runs, _, _ = shuffled_runs(1, 6, 4, spread=1)
    components, stability, labels = consensus(runs)
    order, own = rng.permutation(6), np.array([rng.permutation(4) for _ in range(6)])
    turned, expected = (np.array([v[r][own[r]] for r in order]) for v in (runs, labels))
    other, other_stability, other_labels = consensus(turned)
    match = cosine(components, other).argmax(axis=1)
    assert_allclose(other[match], components, atol=1e-12)
    assert_allclose(other_stability[match], stability, atol=1e-12)
    assert_array_equal(expected, np.argsort(match)[other_labels])


def test_runs_that_agree_are_stable_whatever_their_order():
    runs, orders, _ = shuffled_runs(0, 5, 3, spread=0)
    components, stability, labels = consensus(runs)
    assert_allclose(stability, 1)
    assert_allclose(components, runs[0][labels[0].argsort()])
    assert same_partition(labels, orders)


def test_runs_at_random_are_not_stable(rng):
    _, stability, _ = consensus(rng.dirichlet(np.ones(30), (6, 4)))
    assert stability.max() < 0.3


def test_the_size_of_a_signature_does_not_matter(rng):
    runs, _, _ = shuffled_runs(2, 4, 3)
    one, other = consensus(runs), consensus(runs * rng.uniform(0.1, 9, (4, 3, 1)))
    for a, b in zip(one, other, strict=True):
        assert_allclose(a, b, rtol=1e-10)


@pytest.mark.parametrize("shape", [(1, 3, 8), (4, 1, 8), (1, 1, 8)])
def test_one_run_or_one_signature_is_stable(rng, shape):
    runs = rng.dirichlet(np.ones(8), shape[:2])
    before = runs.copy()
    components, stability, labels = consensus(runs)
    assert_allclose(components, runs.mean(axis=0), rtol=1e-12)
    assert_array_equal(stability, np.ones(shape[1]))
    assert_array_equal(labels, np.tile(range(shape[1]), (shape[0], 1)))
    assert_array_equal(runs, before)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda runs: runs[0], r"the axes runs, signatures and channels.*\(3, 8\)"),
        (lambda runs: runs[:0], r"none empty; got shape \(0, 3, 8\)"),
        (lambda runs: runs[:, :0], r"none empty; got shape \(4, 0, 8\)"),
        (lambda runs: runs - 0.01, r"non-negative numbers, .*; got 0 NaN, \d+ below 0"),
        (lambda runs: runs * np.nan, r"got 96 NaN"),
        (lambda runs: runs * np.inf, r"runs must be finite"),
        (lambda runs: runs * np.eye(4)[0][:, None, None], "9 signatures that are 0"),
    ],
)
def test_what_are_no_signatures_is_refused(rng, spoil, says):
    runs = rng.dirichlet(np.ones(8), (4, 3)) + 1e-3
    with pytest.raises(ValueError, match=says):
        consensus(spoil(runs))
