import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal as normal

from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mixture import MixtureMMSE


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
