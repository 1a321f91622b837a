import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.sensing.measurement import (
    GaussianMeasurement,
    PooledMeasurement,
    SignatureGenes,
    add_noise,
    noise_variance,
    with_variance,
)


def test_rows_have_length_1_and_are_hardly_alike(rng):
    A = GaussianMeasurement(30, max_correlation=0.2).fit(rng.random((3, 200)))
    A = A.components_
    assert A.shape == (30, 200)
    assert_allclose(np.linalg.norm(A, axis=1), 1)
    correlation = np.corrcoef(A) - np.eye(30)
    assert np.abs(correlation).max() <= 0.2
    free = GaussianMeasurement(30, max_correlation=1.0).fit(rng.random((3, 200)))
    assert np.abs(np.corrcoef(free.components_) - np.eye(30)).max() > 0.2


def test_weights_are_normal_before_they_are_scaled(rng):
    A = GaussianMeasurement(40, max_correlation=1.0).fit(rng.random((3, 400)))
    A = A.components_ * 20  # the length of 400 draws
    assert abs(A.mean()) < 4 / 16000**0.5
    assert abs((A**4).mean() - 3) < 4 * (96 / 16000) ** 0.5


def test_pools_can_only_add(rng):
    A = GaussianMeasurement(20, nonnegative=True, max_correlation=0.4)
    A = A.fit(rng.random((3, 100))).components_
    assert A.min() >= 0
    assert np.abs(np.corrcoef(A) - np.eye(20)).max() <= 0.4


def test_more_rows_than_there_is_room_for_are_refused(rng):
    X = rng.random((2, 20))
    with pytest.raises(
        ValueError, match=r"leave room for 15 rows of 20 genes; got 0.1"
    ):
        GaussianMeasurement(15, max_correlation=0.1).fit(X)
    with pytest.raises(ValueError, match=r"at most the 20 feature\(s\) of X; got 21"):
        GaussianMeasurement(21).fit(X)
    with pytest.raises(ValueError, match=r"pool_size must be at most the 20"):
        PooledMeasurement(3, pool_size=21).fit(X)


def test_a_measurement_is_a_product(rng):
    X = rng.random((5, 30))
    model = GaussianMeasurement(4).fit(X)
    assert_allclose(model.transform(X), X @ model.components_.T)
    with pytest.raises(ValueError, match="30 features"):
        model.transform(X[:, :7])


def test_a_pool_is_so_many_genes_with_equal_weights(rng):
    A = PooledMeasurement(9, pool_size=4).fit(rng.random((3, 10))).components_
    assert_array_equal((A > 0).sum(axis=1), 4)
    assert_allclose(A[A > 0], 0.5)
    assert len(np.unique(A, axis=0)) > 5


def test_signature_genes_are_those_that_the_earlier_ones_do_not_explain():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40))
    X = np.column_stack([a, 3 * a, 2 * a + 1e-3 * b, 0.5 * b, 0 * a]) + 7
    model = SignatureGenes(2).fit(X)
    assert_array_equal(model.genes_, [1, 3])
    assert_array_equal(model.transform(X), X[:, [1, 3]])


def test_noise_has_the_length_asked_for(rng):
    X = rng.random((20, 30))
    N = add_noise(X, 2.0, random_state=3) - X
    assert_allclose(np.linalg.norm(N), np.linalg.norm(X) / 2)
    assert_allclose(noise_variance(X, 2.0), (N**2).mean())
    assert abs(N.mean()) < 4 * noise_variance(X, 2) ** 0.5 / 600**0.5
    assert_array_equal(add_noise(X, np.inf), X)
    again = add_noise(X, 2.0, random_state=3)
    assert_array_equal(again, X + N)
    M = with_variance(np.zeros((200, 200)), 0.25, rng)
    assert_allclose(M.var(), 0.25, rtol=0.05)


@pytest.mark.parametrize("snr", [0, -1, "2", None, np.nan])
def test_a_ratio_that_is_none_is_refused(snr):
    with pytest.raises(ValueError, match="snr must be a positive number"):
        add_noise(np.ones((2, 2)), snr)


def test_a_measurement_does_not_see_noise_of_its_own_seed():
    X = np.ones((4, 100))
    A = GaussianMeasurement(10, random_state=5).fit(X).components_
    N = add_noise(X, 1.0, random_state=5) - X
    assert np.abs(np.corrcoef(A, N)[:10, 10:]).max() < 0.5
