"""Exposures to given signatures: units, intervals, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from labelled_problems import planted
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls

from latentomics.signatures import bootstrap_exposures, refit_exposures, unexplained


@pytest.fixture
def data():
    counts, _, S, E = planted(2, n=8, depth=5000)
    return counts, S, E


def test_refitted_exposures_are_in_the_units_of_the_samples(data):
    counts, S, E = data
    found = refit_exposures(counts, S)
    assert_allclose(found, [nnls(S.T, x.astype(float))[0] for x in counts], atol=1e-7)
    assert_allclose(found / 5000, E, atol=0.1)
    frames = pd.DataFrame(counts), pd.DataFrame(S)
    assert_array_equal(refit_exposures(*frames), found)


def test_intervals_hold_the_truth_and_shrink_with_depth():
    inside, widths = [], []
    for depth in (500, 50_000):
        counts, _, S, E = planted(2, n=30, depth=depth)
        low, high = bootstrap_exposures(counts, S, n_resamples=60, level=0.9)
        assert (low <= high).all()
        found = refit_exposures(counts, S)
        assert np.mean((low <= found) & (found <= high)) > 0.95
        inside.append(np.mean((low <= depth * E) & (depth * E <= high)))
        widths.append(np.mean(high - low) / depth)
    # .9 if the intervals were exact; those at the edge of 0 are not
    assert min(inside) > 0.75
    assert_allclose(widths[0] / widths[1], 10, rtol=0.3)  # the root of 100


def test_intervals_by_hand(data):
    counts, S, _ = data
    low, high = bootstrap_exposures(counts, S, n_resamples=5, level=0.5, random_state=3)
    rng = np.random.default_rng(3)
    drawn = [refit_exposures(rng.multinomial(5000, counts / 5000), S) for _ in range(5)]
    assert_allclose(low, np.quantile(drawn, 0.25, axis=0))
    assert_allclose(high, np.quantile(drawn, 0.75, axis=0))


def test_a_sample_without_mutations_has_no_exposures(data):
    counts, S, _ = data
    counts[2] = 0
    assert_array_equal(refit_exposures(counts, S)[2], 0)
    low, high = bootstrap_exposures(counts, S, n_resamples=3)
    assert_array_equal(low[2], 0)
    assert_array_equal(high[2], 0)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda X, S: (X[:, 1:], S), "have the same channels; got 23 and 24"),
        (lambda X, S: (X[0], S), "X must be a matrix"),
        (lambda X, S: (X, S[0]), "signatures must be a matrix"),
        (lambda X, S: (X * np.nan, S), "X must be finite, without NaN; got nan"),
        (lambda X, S: (X, S * np.inf), "signatures must be finite"),
    ],
)
def test_what_is_no_pair_of_matrices_is_refused(data, spoil, says):
    with pytest.raises(ValueError, match=says):
        refit_exposures(*spoil(data[0].astype(float), data[1]))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"counts": [[0.5, 1]]}, "counts must be non-negative whole numbers"),
        ({"counts": [[-1, 1]]}, "counts must be non-negative whole numbers"),
        ({"level": 1}, "level must be a number between 0 and 1; got 1"),
        ({"level": "high"}, "level must be a number between 0 and 1; got 'high'"),
        ({"n_resamples": 0}, "n_resamples must be a whole number of at least 1"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0"),
    ],
)
def test_what_cannot_be_drawn_anew_is_refused(given, says):
    given = {"counts": [[3, 1]], "signatures": np.eye(2), **given}
    with pytest.raises(ValueError, match=says):
        bootstrap_exposures(**given)


def test_unexplained_is_the_share_outside_the_signatures_whatever_the_depth(rng):
    S = np.zeros((3, 96))
    S[0, :32], S[1, 32:64], S[2, 64:] = rng.dirichlet(np.ones(32), 3)  # right angles
    e = rng.dirichlet(np.ones(3), 400)
    p = e @ S
    outside = ((e[:, 2:] @ S[2:]) ** 2).sum()
    for depth, near in ((50, 0.04), (5000, 5e-4)):  # exposures follow chance a little
        counts = rng.multinomial(depth, p)
        assert -near < unexplained(counts, S) < 1e-4
        share = outside / (p**2).sum()
        assert_allclose(unexplained(counts, S[:2]), share, atol=near)


def test_unexplained_equals_its_formula_and_passes_over_single_mutations(data):
    counts, S, _ = data
    S = S[:2]
    N, X = counts.sum(axis=1), counts / counts.sum(axis=1, keepdims=True)
    above = below = 0
    for x, n in zip(X, N, strict=True):
        c = (1 - x @ x) / (n - 1)
        above += nnls(S.T, x)[1] ** 2 - c
        below += x @ x - c
    assert_allclose(unexplained(counts, S), above / below)
    single = np.eye(1, counts.shape[1], dtype=int)
    assert_allclose(unexplained(np.vstack([counts, single]), S), above / below)
    with pytest.raises(ValueError, match="must have a sample with two mutations"):
        unexplained(single, S)
    with pytest.raises(ValueError, match="counts must be non-negative whole"):
        unexplained(X, S)
