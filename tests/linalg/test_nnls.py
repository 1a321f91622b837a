"""Batched non-negative least squares against SciPy's, one sample after the other."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

from latentomics.arrays import as_numpy, as_tensor
from latentomics.linalg import nnls as module
from latentomics.linalg.nnls import nnls


@pytest.fixture(autouse=True)
def _batched(monkeypatch):
    """However few samples a test has, they take the way of many."""
    monkeypatch.setattr(module, "FEW", 0)


def ours(X, S, dtype="float64"):
    how = {"device": "cpu", "dtype": dtype}
    return as_numpy(nnls(as_tensor(X, **how), as_tensor(S, **how)))


def theirs(X, S):
    return np.array([optimize.nnls(S.T, x)[0] for x in X])


def signatures(rng, K, M=96):
    return rng.dirichlet(np.full(M, 0.1), K)


def assert_best(X, S, E, tol=1e-10):
    """Non-negative; the slope 0 where E > 0, and nowhere below 0."""
    slope = (E @ S - X) @ S.T
    scale = np.linalg.norm(S, axis=1) * (np.linalg.norm(X, axis=1)[:, None] + 1e-300)
    assert (E >= 0).all()
    assert (slope >= -tol * scale).all()
    assert (np.abs(slope[E > 0]) <= tol * scale[E > 0]).all()


@pytest.mark.parametrize("K", [1, 2, 7, 30, 79])
def test_it_is_that_of_scipy(rng, K):
    S = signatures(rng, K)
    mixed = rng.dirichlet(np.full(K, 0.2), 30) @ S
    noisy = rng.multinomial(200, mixed / mixed.sum(axis=1, keepdims=True)) / 200
    for X in (mixed, noisy, rng.random((30, 96)), rng.normal(size=(30, 96))):
        assert_allclose(ours(X, S), theirs(X, S), atol=1e-9)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_the_conditions_of_the_best_hold_on_any_shape(seed, K, M, zeros):
    rng = np.random.default_rng(seed)
    S = rng.random((K, M)) * (rng.random((K, M)) >= zeros)
    X = rng.normal(size=(5, M)) * (rng.random((5, 1)) < 0.8)
    assert_best(X, S, ours(X, S))


@pytest.mark.parametrize("rest", [0.0, 1e-9, 1e-6, 1e-3])
def test_signatures_that_are_almost_the_same(rng, rest):
    S = signatures(rng, 5)
    S = np.vstack([S, S + rest * rng.random(S.shape)])
    X = rng.dirichlet(np.full(96, 0.3), 20)
    E, expected = ours(X, S), theirs(X, S)
    misfit, least = (((X - e @ S) ** 2).sum(axis=1) for e in (E, expected))
    assert_allclose(misfit, least, rtol=1e-10)
    assert_best(X, S, E)
    # exposures of such pairs may be shared as one likes: what they rebuild may not
    assert_allclose(E @ S, expected @ S, atol=1e-9)


def test_a_signature_that_is_a_mixture_of_others(rng):
    S = signatures(rng, 5)
    S = np.vstack([S, 0.3 * S[0] + 0.7 * S[1]])
    X = rng.dirichlet(np.full(6, 0.3), 20) @ S
    E = ours(X, S)
    assert_allclose(E @ S, X, atol=1e-10)
    assert_best(X, S, E)


def test_nothing_holds_nothing(rng):
    S, X = signatures(rng, 6), rng.random((5, 96))
    S[2], X[3] = 0, 0
    E = ours(X, S)
    assert_array_equal(E[:, 2], 0)
    assert_array_equal(E[3], 0)
    kept = np.arange(6) != 2
    assert_allclose(E[:, kept], theirs(X, S[kept]), atol=1e-9)
    assert_array_equal(ours(X, 0 * S), 0)


@pytest.mark.parametrize("scale", [1e-12, 1e5])
def test_units_do_not_matter(rng, scale):
    S, X = signatures(rng, 6), rng.random((5, 96))
    E = theirs(X, S)
    assert_allclose(ours(scale * X, S), scale * E, rtol=1e-9, atol=1e-9 * scale)
    assert_allclose(ours(X, scale * S), E / scale, rtol=1e-9, atol=1e-9 / scale)
    own = np.geomspace(1, scale, 6)
    assert_allclose(ours(X, own[:, None] * S) * own, E, atol=1e-9)


def test_samples_do_not_feel_their_neighbours(rng, monkeypatch):
    S = signatures(rng, 9)
    X = rng.dirichlet(np.full(96, 0.3), 500)
    together = ours(X, S)
    assert_allclose(ours(X[::7], S), together[::7], atol=1e-12)
    for few in (1, 200, 81 * 499, 81 * 500):  # samples in a chunk: 1, 2, 499, all
        monkeypatch.setattr(module, "CHUNK", few)
        assert_allclose(ours(X, S), together, atol=1e-12)


def test_few_samples_are_left_to_scipy_and_come_out_the_same(rng, monkeypatch):
    S, X = signatures(rng, 9), rng.dirichlet(np.full(96, 0.3), 40)
    S[4] = 0
    batched, solve, asked = ours(X, S), module._one_by_one, []
    monkeypatch.setattr(
        module, "_one_by_one", lambda X, S: asked.append(len(X)) or solve(X, S)
    )
    for few, expected in [(40, []), (41, [40])]:
        monkeypatch.setattr(module, "FEW", few)
        assert_allclose(ours(X, S), batched, atol=1e-12)
        assert asked == expected
    assert_allclose(ours(1e200 * X, S), 1e200 * batched, rtol=1e-9)


@pytest.mark.parametrize("name", ["PIVOTS", "SWEEPS"])
def test_one_attempt_at_a_time_ends_at_the_same(rng, monkeypatch, name):
    S = signatures(rng, 20)
    X = rng.dirichlet(np.full(96, 0.3), 20)
    monkeypatch.setattr(module, name, 1)
    assert_allclose(ours(X, S), theirs(X, S), atol=1e-9)


def never(*args):
    raise AssertionError("left to SciPy")


def test_mixtures_of_few_of_many_signatures_end_soon(rng, monkeypatch):
    """What is absent is absent by a hair."""
    monkeypatch.setattr(module, "_one_by_one", never)
    monkeypatch.setattr(module, "ROUNDS", 2)
    S = signatures(rng, 79)
    E = rng.dirichlet(np.full(7, 0.3), 50)
    assert_allclose(ours(E @ S[:7], S), np.pad(E, ((0, 0), (0, 72))), atol=1e-9)


def test_one_sweep_and_exchanges_are_enough_for_most(rng, monkeypatch):
    monkeypatch.setattr(module, "_one_by_one", never)
    monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(module, "SWEEPS", 1)
    S = signatures(rng, 30)
    X = rng.dirichlet(np.full(96, 0.3), 50)
    assert_allclose(ours(X, S), theirs(X, S), atol=1e-9)


def test_what_keeps_the_solution_apart_costs_no_digits(rng):
    S = signatures(rng, 3)
    S = np.vstack([S, S + 1e-3 * rng.random(S.shape)])  # 1e-6 in their products
    E = rng.uniform(0.1, 1, (20, 6))
    assert_allclose(ours(E @ S, S), E, atol=1e-9)


def test_single_precision_is_close(rng):
    S, X = signatures(rng, 6), rng.random((50, 96))
    E = nnls(torch.tensor(X).float(), torch.tensor(S).float())
    assert E.dtype == torch.float32
    assert_allclose(E, theirs(X, S), atol=1e-4)
