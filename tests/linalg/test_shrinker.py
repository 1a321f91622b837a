"""Shrinking the singular values of a matrix that changes a little at each call."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from latentomics.arrays import as_tensor
from latentomics.linalg import Shrinker, svt
from latentomics.linalg.spectral import SPARE, WARM_SHARE


@pytest.mark.parametrize("shape", [(50, 40), (40, 50), (120, 30), (5, 4)])
@pytest.mark.parametrize("tau", [0.5, 3.0])
def test_a_warm_shrinkage_stays_exact_on_a_matrix_that_changes_slowly(rng, shape, tau):
    n, p = shape
    M = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p)) + 0.01 * rng.normal(
        size=shape
    )
    drift = rng.normal(size=(n, 3)) @ rng.normal(size=(3, p))
    shrink = Shrinker()
    for step in range(60):
        M = M + 0.9**step * 0.01 * drift
        Z = shrink(as_tensor(M), tau)
    # one turn of the subspace a call: what is left of the angle shrinks each time
    assert_allclose(Z, svt(as_tensor(M), tau), atol=1e-6)
    expected = np.linalg.svd(M)[1] - tau
    assert_allclose(np.sort(shrink.values)[::-1], expected[expected > 0], atol=1e-6)


def test_more_directions_than_were_kept_are_noticed(rng):
    U, V = (np.linalg.qr(rng.normal(size=(n, 40)))[0] for n in (60, 60))
    shrink = Shrinker()
    for alive in (1, 2, 3, 30, 40, 40):  # far more than SPARE at once
        s = np.where(np.arange(40) < alive, 10.0 + np.arange(40), 0.1)
        M = as_tensor((U * s) @ V.T)
        Z = shrink(M, 1.0)
        # one turn of the kept subspace leaves (0.1 / 10)^2 of a new direction
        assert_allclose(Z, svt(M, 1.0), atol=1e-3)
        assert len(shrink.values) == alive


def test_a_basis_is_kept_only_where_it_saves_work(rng):
    U, V = (np.linalg.qr(rng.normal(size=(n, 30)))[0] for n in (50, 33))
    shrink = Shrinker()
    for alive, kept in ((2, True), (33 // WARM_SHARE - SPARE, True), (4, False)):
        shrink(as_tensor((U * np.where(np.arange(30) < alive, 9.0, 0.1)) @ V.T), 1.0)
        assert (shrink._basis is not None) == kept


@pytest.mark.parametrize("tau", [0.0, 1e-9, 1e-5])
def test_shrinkage_by_next_to_nothing_is_exact(rng, tau):
    M = rng.normal(size=(20, 9)) * np.geomspace(1, 1e-6, 9)
    shrink = Shrinker()
    for turned in (M, M.T, M):
        Z = shrink(as_tensor(turned), tau)
        U, s, Vh = np.linalg.svd(turned, full_matrices=False)
        assert_allclose(Z, (U * np.maximum(s - tau, 0)) @ Vh, atol=1e-12)
        assert_allclose(shrink.values.sum(), np.maximum(s - tau, 0).sum(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_a_matrix_without_entries_has_nothing_to_shrink(shape):
    shrink = Shrinker()
    Z = shrink(torch.zeros(shape), 1.0)
    assert Z.shape == shape
    assert len(shrink.values) == 0


@pytest.mark.parametrize("size", [2.0**-100, 2.0**100])
def test_a_power_of_two_changes_no_digit_of_a_warm_shrinkage(rng, size):
    M, one, other = as_tensor(rng.normal(size=(60, 40))), Shrinker(), Shrinker()
    for _ in range(3):
        M = M + 0.01 * as_tensor(rng.normal(size=(60, 40)))
        Z = one(M, 13.0)
        assert torch.equal(other(M * size, 13.0 * size), Z * size)
        assert torch.equal(other.values, one.values * size)
    assert one._basis is not None
