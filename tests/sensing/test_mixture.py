import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal as normal
from sklearn.exceptions import ConvergenceWarning

from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mixture import MixtureMMSE, far_rows


@pytest.fixture
def plane(rng):
    """Two kinds of points in the plane, 200."""
    kind = rng.random(200) < 0.4
    X = rng.normal(size=(200, 2)) @ np.array([[0.5, 0.2], [0.0, 0.3]])
    return X + np.where(kind[:, None], [2.0, -1.0], [-1.0, 1.0])


def dense(model):
    """Shares, means and covariances of a fit, in the space of genes."""
    V = model.directions_
    means = model.mean_ + model.means_ @ V
    return model.weights_, means, V.T @ model.covariances_ @ V + np.diag(model.left_)


def test_the_posterior_mean_is_what_integration_gives(plane):
    model = MixtureMMSE(2, n_latent=2).fit(plane)
    a, y, noise = np.array([0.6, 0.8]), 0.3, 0.2
    axis = np.linspace(-6, 6, 481)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    density = sum(
        w * normal(m, C).pdf(points) for w, m, C in zip(*dense(model), strict=True)
    )
    density *= np.exp(-((y - points @ a) ** 2) / (2 * noise))
    density /= density.sum()
    mean = density @ points
    variance = density @ points**2 - mean**2
    found, std = model.decode([[y]], [a], noise, return_std=True)
    assert_allclose(found[0], mean, atol=1e-6)
    assert_allclose(std[0] ** 2, variance, atol=1e-6)


def test_one_kind_with_every_direction_is_the_linear_rule(profiles, A):
    model = MixtureMMSE(1, n_latent=12).fit(profiles)
    linear = LinearMMSE().fit(profiles)
    linear.covariance_ = dense(model)[2][0]
    Y = profiles[:9] @ A.T
    one, two = (m.decode(Y, A, 0.1, return_std=True) for m in (model, linear))
    assert_allclose(one[0], two[0], rtol=1e-7)
    assert_allclose(one[1], two[1], rtol=1e-6)
    near = np.cov(profiles.T)
    assert_allclose(linear.covariance_, near, atol=0.05 * np.abs(near).max())


def test_few_directions_leave_the_rest_to_each_gene(profiles):
    model = MixtureMMSE(1, n_latent=2).fit(profiles)
    C = profiles - profiles.mean(axis=0)
    V = np.linalg.svd(C)[2][:2]
    assert_allclose(np.abs(model.directions_ @ V.T), np.eye(2), atol=1e-9)
    assert_allclose(model.left_, (C - C @ V.T @ V).var(axis=0, ddof=1))


def test_pooling_draws_kinds_towards_what_they_share(plane):
    alone, pooled = (MixtureMMSE(2, n_latent=2, pooling=p) for p in (0.0, 30.0))
    alone.fit(plane)
    n = alone.weights_ * 200
    common = (alone.weights_[:, None, None] * alone.covariances_).sum(axis=0)
    by_hand = [
        (n[k] * alone.covariances_[k] + 30 * common) / (n[k] + 30) for k in range(2)
    ]
    assert_allclose(pooled.fit(plane).covariances_, by_hand)
    assert_allclose(pooled.means_, alone.means_)


def test_kinds_help_where_there_are_kinds(plane, rng):
    a, noise = np.array([[0.8, -0.6]]), 0.5
    Y = (plane + noise**0.5 * rng.normal(size=plane.shape)) @ a.T
    error = [
        np.square(m.fit(plane).decode(Y, a, noise) - plane).mean()
        for m in (MixtureMMSE(2, n_latent=2), LinearMMSE())
    ]
    assert error[0] < 0.8 * error[1]


def test_far_measurements_and_no_noise_stay_finite(profiles, A):
    profiles[:, 3] = 1.0
    model = MixtureMMSE(2, n_latent=3).fit(profiles)
    hat, std = model.decode(1e6 * np.ones((2, 4)), A, 0.0, return_std=True)
    assert np.isfinite(hat).all()
    assert np.isfinite(std).all()
    assert_allclose(hat[:, 3], 1, atol=1e-3)


def test_more_kinds_than_profiles_are_refused(profiles):
    with pytest.raises(ValueError, match=r"at most the 60 sample\(s\) of X; got 61"):
        MixtureMMSE(61).fit(profiles)


@pytest.mark.parametrize("unit", [1e9, 1e100, 1e-9, 1 / 3])
def test_no_kind_turns_on_the_last_bit(unit):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 12)) + 3
    X += 0.1 * rng.normal(size=X.shape)
    one, two = MixtureMMSE().fit(X), MixtureMMSE().fit(unit * X)
    assert_allclose(two.weights_, one.weights_)
    assert_allclose(two.means_ / unit, one.means_, atol=1e-9)
    assert_allclose(two.left_ / unit**2, one.left_, atol=1e-9)


def test_a_power_of_2_changes_no_bit_of_a_fit():
    X = np.random.default_rng(1).normal(size=(40, 8))
    one, two = (MixtureMMSE(4, n_latent=3).fit(unit * X) for unit in (1, 2.0**40))
    assert_array_equal(two.means_, one.means_ * 2.0**40)
    assert_array_equal(two.covariances_, one.covariances_ * 2.0**80)
    assert_array_equal(two.left_, one.left_ * 2.0**80)


def test_of_two_rows_that_start_as_well_the_first_drawn_counts(rng):
    """Rows nearest to each other leave the same, but for rounding."""
    pairs = np.tile(np.diag(np.arange(10.0, 22)), (2, 1))  # all nearest to 0, too
    Z = np.concatenate([np.zeros((40, 12)), pairs + 0.1 * rng.normal(size=(24, 12))])
    rows = [far_rows(Z, 10, np.random.RandomState(k)) for k in range(20)]
    for unit in (1e9, 3, 0.7):
        again = [far_rows(unit * Z, 10, np.random.RandomState(k)) for k in range(20)]
        assert_allclose(np.array(again) / unit, rows)


def test_rows_to_start_from_are_far_from_each_other():
    Z = np.repeat([[0.0, 0], [10, 0], [0, 10]], 30, axis=0)
    rows = far_rows(Z, 3, np.random.RandomState(0))
    assert_array_equal(np.unique(rows, axis=0), [[0, 0], [0, 10], [10, 0]])


def test_profiles_that_repeat_make_fewer_kinds():
    X = np.random.default_rng(0).normal(size=(3, 5)).repeat(4, axis=0)
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        model = MixtureMMSE(5).fit(X)
    assert_allclose(model.weights_, np.ones(3) / 3)
