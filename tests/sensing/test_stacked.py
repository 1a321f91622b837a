import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from latentomics.params import positive
from latentomics.sensing.base import Decoder
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.stacked import StackedDecoder

SMALL = {"hidden": (8,), "max_epochs": 40, "batch_size": 32, "learning_rate": 0.01}
BOTH = pytest.mark.parametrize("residual", [True, False])


class LeastSquares(Decoder):
    """What a pursuit decoder looks like from outside: it uses the noise, too."""

    ridge: float = positive(0.1)

    def fit(self, X, y=None):
        self.mean_ = self._profiles(X).mean(axis=0)
        return self

    def _decode(self, Y, A, noise):
        weight = self.ridge + noise
        K = A.T @ np.linalg.inv(A @ A.T + weight * np.eye(len(A)))
        return self.mean_ + (Y - A @ self.mean_) @ K.T


@BOTH
def test_the_answer_by_hand(profiles, A, residual):
    model = StackedDecoder(LeastSquares(), residual=residual, **SMALL)
    model.fit(profiles, A, noise=0.1)
    Y = profiles[:6] @ A.T
    guess = LeastSquares().fit(profiles).decode(Y, A, 0.1)
    W, b, V, c = model.layers_
    given = {True: np.hstack([Y, guess]), False: guess}[residual]
    answer = np.maximum(given @ W + b, 0) @ V + c
    assert_allclose(model.decode(Y), residual * guess + answer, rtol=1e-4, atol=1e-4)
    assert W.shape == (given.shape[1], 8)


@BOTH
def test_it_mends_a_poor_decoder(profiles, A, residual):
    model = StackedDecoder(LeastSquares(), residual=residual, **SMALL)
    model.fit(profiles[:40], A, noise=0.01)
    Y = profiles[40:] @ A.T
    found, before = (
        np.linalg.norm(profiles[40:] - M)
        for M in (model.decode(Y), model.decoder_.decode(Y, A, 0.01))
    )
    assert found < 0.7 * before  # 5 seeds: .2 to .5


def test_a_network_that_has_learned_nothing_leaves_the_guess(profiles, A):
    # what is missing is 0 on average, so the start is no correction at all
    model = StackedDecoder(hidden=(4,), max_epochs=1, learning_rate=1e-12)
    model.fit(profiles, A, noise=0.1)
    Y = profiles @ A.T
    guess = LinearMMSE().fit(profiles).decode(Y, A, 0.1)
    assert np.linalg.norm(model.decode(Y) - guess) < 0.1 * guess.std()
    assert isinstance(model.decoder_, LinearMMSE)


def test_the_network_sees_measurements_with_noise(profiles, A):
    model = StackedDecoder(LeastSquares(), n_copies=50)
    model._read(profiles, A, 0.5)
    model.A_, model.noise_ = A, 0.5
    model.decoder_ = LeastSquares().fit(profiles)
    given, wanted = model._pairs(profiles, torch.Generator().manual_seed(0))
    assert given.shape == (50, 60, 4 + 12)
    noise = (given[..., :4] - profiles @ A.T).reshape(-1, 4)
    # 3,000 draws of a covariance: relative spread of 3 %
    assert_allclose(noise.T @ noise / 3000, 0.5 * A @ A.T, atol=0.06)
    assert_allclose(wanted + given[..., 4:], np.tile(profiles, (50, 1, 1)), atol=1e-4)


def test_copies_with_noise_of_their_own_cannot_be_learned_by_heart(profiles, A):
    given = {"hidden": (64,), "batch_size": None, "max_epochs": 300}
    given |= {"learning_rate": 0.01, "validation_fraction": 0.0}
    once, often = (
        StackedDecoder(LeastSquares(), n_copies=n, **given)
        .fit(profiles[:6], A, noise=9.0)
        .history_["loss"]
        for n in (1, 50)
    )
    assert once.iloc[-1] < 0.01 * once.iloc[0]
    assert often.iloc[-20:].mean() > 0.1 * often.iloc[0]


def test_the_history_is_in_squared_units(profiles, A):
    given = {**SMALL, "max_epochs": 3, "dtype": "float64"}
    one = StackedDecoder(**given).fit(profiles, A, 0.1)
    other = StackedDecoder(**given).fit(8 * profiles, A, 6.4)
    assert list(one.history_) == ["epoch", "loss", "validation"]
    for name in ("loss", "validation"):
        assert_allclose(64 * one.history_[name], other.history_[name], rtol=1e-6)
    Y = profiles @ A.T
    assert_allclose(8 * one.decode(Y), other.decode(8 * Y), rtol=1e-6)


def test_the_decoder_given_is_copied(profiles, A):
    decoder = LeastSquares(0.3)
    model = StackedDecoder(decoder, **{**SMALL, "max_epochs": 1}).fit(profiles, A)
    assert model.decoder_ is not decoder
    assert model.decoder_.ridge == 0.3
    assert not hasattr(decoder, "mean_")
    own = A.copy()
    A[:] = 0  # the caller's, afterwards
    assert_allclose(model.A_, own)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decoder": "smaf"}, "decoder must be an estimator with decode.*got 'smaf'"),
        ({"residual": "yes"}, "residual must be one of .*got 'yes'"),
        ({"n_copies": 0}, "n_copies must be a whole number of at least 1; got 0"),
        ({"hidden": 3}, "hidden must be a tuple"),
        ({"dtype": "float16"}, "dtype must be one of"),
    ],
)
def test_messages(profiles, A, given, message):
    with pytest.raises(ValueError, match=message):
        StackedDecoder(**given).fit(profiles, A)
