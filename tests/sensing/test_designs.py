import numpy as np
import pytest
from numpy.testing import assert_allclose

from latentomics.arrays import as_tensor
from latentomics.sensing.designs import OptimisedPools, expected_error
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.measurement import PooledMeasurement


def share_left(A, S, noise):
    K = S @ A.T @ np.linalg.inv(A @ (S + noise * np.eye(len(S))) @ A.T)
    return np.trace(S - K @ A @ S) / np.trace(S)


@pytest.fixture
def correlated(rng):
    """Genes that go together because of 4 causes, all upwards, 80 x 15."""
    return rng.normal(size=(80, 4)) @ rng.random((4, 15)) + 0.2 * rng.normal(
        size=(80, 15)
    )


def test_the_error_is_that_of_the_linear_decoder(correlated, rng):
    S, A = np.cov(correlated.T), rng.random((3, 15))
    by_hand = share_left(A, S, 0.3)
    assert_allclose(expected_error(as_tensor(A), as_tensor(S), 0.3), by_hand)
    model = LinearMMSE().fit(correlated)
    _, std = model.decode(np.zeros((1, 3)), A, 0.3, return_std=True)
    assert_allclose((std**2).sum() / np.trace(S), by_hand)


def test_pools_are_pools_and_as_good_as_recorded(correlated):
    model = OptimisedPools(3, noise=0.1).fit(correlated)
    A, S = model.components_, np.cov(correlated.T)
    assert A.min() >= 0
    assert_allclose(np.linalg.norm(A, axis=1), 1)
    assert_allclose(model.trace_.objective[-1], share_left(A, S, 0.1))
    assert np.diff(model.trace_.objective).max() < 1e-3


def test_they_lie_between_random_pools_and_principal_directions(correlated):
    S = np.cov(correlated.T)
    values = np.linalg.eigvalsh(S)[::-1]
    bound = 1 - (values[:3] ** 2 / (values[:3] + 0.1)).sum() / values.sum()
    found = share_left(OptimisedPools(3, noise=0.1).fit(correlated).components_, S, 0.1)
    random = min(
        share_left(
            PooledMeasurement(3, pool_size=5, random_state=s)
            .fit(correlated)
            .components_,
            S,
            0.1,
        )
        for s in range(20)
    )
    assert bound - 1e-9 <= found < random


def test_bad_numbers_are_refused(correlated):
    with pytest.raises(ValueError, match="noise must be a non-negative number"):
        OptimisedPools(3, noise=-1).fit(correlated)
    with pytest.raises(ValueError, match=r"at most the 15 feature\(s\)"):
        OptimisedPools(16).fit(correlated)


def test_profiles_that_are_all_the_same_are_refused():
    with pytest.raises(ValueError, match="X must vary; got the same profile"):
        OptimisedPools(2).fit(np.ones((5, 4)))
