import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.sensing.base import Decoder
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.residual_decoder import ResidualDecoder
from latentomics.sensing.vae import VAEDecoder


class MeanProfile(Decoder):
    """Returns the mean profile, whatever was measured."""

    def fit(self, X, y=None):
        self.mean_ = self._profiles(X).mean(axis=0)
        return self

    def _decode(self, Y, A, noise):
        return np.tile(self.mean_, (len(Y), 1))


class Half(MeanProfile):
    """Goes half the way of a matched filter, so that it follows the noise."""

    def _decode(self, Y, A, noise):
        return self.mean_ + (Y - A @ self.mean_) @ A / 2


def test_after_the_mean_profile_it_is_the_linear_rule(profiles, A):
    model = ResidualDecoder(MeanProfile(), shrinkage=0.3).fit(profiles)
    linear = LinearMMSE(0.3).fit(profiles)
    Y = profiles[:7] @ A.T + 0.1
    assert_allclose(model.decode(Y, A, 0.2), linear.decode(Y, A, 0.2), rtol=1e-9)


def test_the_formula_in_numpy(profiles, A):
    model = ResidualDecoder(Half(), shrinkage=0.2, random_state=3).fit(profiles)
    rng = np.random.default_rng(3)
    X = profiles[rng.permutation(60)][:1000]
    rng = np.random.default_rng(3)
    noisy = X + rng.standard_normal(X.shape) * 0.5
    half = Half().fit(profiles)
    R = X - half.decode(noisy @ A.T, A, 0.25)
    C = np.cov(R.T)
    C = 0.8 * C + 0.2 * np.diag(np.diag(C))
    mean, found = model.missed(A, 0.25)
    assert_allclose(mean, R.mean(axis=0))
    assert_allclose(found, C)
    Y = profiles[:7] @ A.T
    start = half.decode(Y, A, 0.25) + mean
    K = C @ A.T @ np.linalg.inv(A @ (C + 0.25 * np.eye(12)) @ A.T)
    assert_allclose(model.decode(Y, A, 0.25), start + (Y - start @ A.T) @ K.T)


def test_it_mends_a_decoder_that_misses_directions(profiles, A, rng):
    vae = VAEDecoder(2, hidden=(8,), n_epochs=40, learning_rate=0.01, n_steps=40)
    model = ResidualDecoder(vae).fit(profiles[:40])
    Y = profiles[40:] @ A.T
    before = np.linalg.norm(profiles[40:] - model.decoder_.decode(Y, A, 0.01))
    after = np.linalg.norm(profiles[40:] - model.decode(Y, A, 0.01))
    assert after < 0.9 * before


def test_what_the_measurements_say_is_kept_when_there_is_no_noise(profiles, A):
    model = ResidualDecoder(Half()).fit(profiles)
    Y = profiles @ A.T
    assert_allclose(model.decode(Y, A) @ A.T, Y, rtol=1e-5)


def test_so_many_samples_are_kept_as_were_asked_for(profiles):
    kept = ResidualDecoder(MeanProfile(), max_samples=10).fit(profiles).profiles_
    assert kept.shape == (10, 12)
    assert all((row == profiles).all(axis=1).any() for row in kept)
    whole = ResidualDecoder(MeanProfile()).fit(profiles).profiles_
    assert_array_equal(np.sort(whole, axis=0), np.sort(profiles, axis=0))
    whole[:] = 0
    assert profiles.all()


def test_the_decoder_given_is_copied_and_the_default_is_a_vae(profiles):
    given = MeanProfile()
    model = ResidualDecoder(given).fit(profiles)
    assert model.decoder_ is not given
    assert not hasattr(given, "mean_")
    default = ResidualDecoder().fit(profiles[:4])
    assert isinstance(default.decoder_, VAEDecoder)


def test_a_single_gene():
    X = np.array([[1.0], [2.0], [4.0]])
    model = ResidualDecoder(MeanProfile()).fit(X)
    assert_allclose(model.decode(2 * X, [[2.0]]), X, rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decoder": 3}, "decoder must be an estimator with decode.*got 3"),
        ({"shrinkage": -0.1}, "shrinkage must be a number from 0 to 1; got -0.1"),
        ({"shrinkage": 1.1}, "shrinkage must be a number from 0 to 1; got 1.1"),
        ({"max_samples": 1}, "max_samples must be a whole number of at least 2; got 1"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_messages(profiles, given, message):
    with pytest.raises(ValueError, match=message):
        ResidualDecoder(**given).fit(profiles)
