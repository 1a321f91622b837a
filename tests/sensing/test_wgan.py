import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.sensing.wgan import (
    LOOK_EVERY,
    MOST,
    WGANDecoder,
    critic_loss,
    gradient_norms,
)

SMALL = {
    "n_latent": 3,
    "hidden": (16,),
    "max_iter": 300,
    "n_critic": 3,
    "batch_size": 32,
    "learning_rate": 5e-3,
    "n_steps": 60,
}


@pytest.fixture(scope="module")
def fitted():
    """Profiles of 3 factors, 80 x 12, 60 to learn from, and a model of them."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 12))
    X += 0.1 * rng.normal(size=X.shape) + 5
    return X, WGANDecoder(**SMALL).fit(X[:60])


def test_the_penalty_of_a_linear_critic(rng):
    # D(x) = w'x has the gradient w everywhere
    w, real, fake = rng.normal(size=5), *rng.normal(size=(2, 4, 5))
    parts = [torch.from_numpy(M) for M in (real, fake, rng.random((4, 1)))]
    loss, distance, norm = critic_loss(
        lambda X: X @ torch.from_numpy(w), *parts, penalty=3.0
    )
    length = np.linalg.norm(w)
    wanted = (real.mean(0) - fake.mean(0)) @ w
    assert_allclose(distance, wanted)
    assert_allclose(norm, length)
    assert_allclose(loss, 3 * (length - 1) ** 2 - wanted)


def test_the_gradient_is_taken_between_real_and_made():
    # D(x) = x^2 / 2 has the gradient x: at share 1/4 of 2 and 3/4 of 6 it is 5
    parts = (torch.tensor([[M]]).double() for M in (2.0, 6.0, 0.25))
    loss, distance, norm = critic_loss(
        lambda X: X.square().sum(1) / 2, *parts, penalty=10.0
    )
    assert norm.item() == 5
    assert distance.item() == 2 - 18
    assert loss.item() == 16 + 10 * 16


def test_the_penalty_teaches_the_critic(rng):
    # its derivative in the weights, against differences: it is a second derivative
    W = torch.from_numpy(rng.normal(size=(5, 3))).requires_grad_()
    X, v = (torch.from_numpy(rng.normal(size=s)) for s in ((4, 5), (3,)))

    def penalty(W):
        return (gradient_norms(lambda X: torch.tanh(X @ W) @ v, X) - 1).square().mean()

    assert torch.autograd.gradcheck(penalty, W)


def test_a_game_of_two_steps_by_hand(profiles, monkeypatch):
    monkeypatch.setattr(WGANDecoder, "_check_parameters", lambda self: None)
    # without hidden layers, the critic is linear and so is the generator
    given = {"hidden": (), "n_latent": 2, "n_critic": 1, "max_iter": 1, "n_steps": 1}
    model = WGANDecoder(**given, batch_size=4, dtype="float64").fit(profiles)
    draw = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).numpy()

    W, D = normal(2, 12) * (2 / 2) ** 0.5, normal(12, 1) * (2 / 12) ** 0.5
    unit = np.sqrt(profiles.var(axis=0).mean())
    X = (profiles - profiles.mean(axis=0)) / unit
    rows = torch.randint(60, (4,), generator=draw).numpy()
    fake = normal(4, 2) @ W
    length = np.linalg.norm(D)
    slope = 20 * (length - 1) * D[:, 0] / length - (X[rows] - fake).mean(axis=0)
    D[:, 0] -= 2e-4 * np.sign(slope)  # a first step of Adam
    distance = ((X[rows] - fake) @ normal_before(D, slope)).mean()
    row = model.history_.iloc[0]
    assert_allclose(row["wasserstein"], distance)
    assert_allclose(row["gradient_norm"], length)
    torch.rand(4, 1, generator=draw, dtype=torch.float64)
    Z = normal(4, 2)
    W += 2e-4 * np.sign(np.outer(Z.mean(axis=0), D[:, 0]))
    assert_allclose(model.generator_[0], W * unit, rtol=1e-6)
    b = 2e-4 * np.sign(D[:, 0])
    assert_allclose(model.generator_[1], profiles.mean(axis=0) + b * unit, rtol=1e-6)


def normal_before(D, slope):
    """The critic's weights before its step."""
    return D[:, 0] + 2e-4 * np.sign(slope)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_trains_without_divergence(fitted, seed):
    X, _ = fitted
    model = WGANDecoder(**SMALL, random_state=seed).fit(X[:60])
    history = model.history_
    assert_array_equal(history["iteration"], np.arange(LOOK_EVERY, 301, LOOK_EVERY))
    assert np.isfinite(history.to_numpy()).all()
    assert history["wasserstein"].iloc[-3:].mean() < history["wasserstein"].max() / 3
    assert_allclose(history["gradient_norm"].iloc[-3:].mean(), 1, atol=0.2)  # 3 %


def test_it_decodes_new_samples_by_few_measurements(fitted, rng):
    X, model = fitted
    A = rng.normal(size=(6, 12)) / 12**0.5
    X_hat = model.decode(X[60:] @ A.T, A, noise=0.01)
    naive = np.linalg.norm(X[60:] - X[:60].mean(axis=0))
    assert np.linalg.norm(X[60:] - X_hat) < 0.7 * naive


def test_drawn_profiles_are_like_profiles(fitted):
    X, model = fitted
    drawn = model.sample(2000, random_state=1)
    off = (drawn.mean(axis=0) - X.mean(axis=0)) / X.std(axis=0)
    assert np.abs(off).max() < 0.6
    # three seeds: .74 to 1.06
    assert 0.5 < np.median(drawn.var(axis=0) / X.var(axis=0)) < 1.6


def test_variances_are_the_errors_of_the_training_profiles(fitted):
    X, model = fitted
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert len(order[:MOST]) == 60
    # searched for as if all genes were measured, with half the mean spread as error
    wide = WGANDecoder(**SMALL).fit(X[:60])
    wide.variances_ = np.full(12, X[:60].var(axis=0).mean() / 4)
    X_hat = wide.decode(X[:60], np.eye(12))
    assert_allclose(model.variances_, ((X[:60] - X_hat) ** 2).mean(0), rtol=0.02)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(fitted, A, scale):
    X, _ = fitted
    given = {**SMALL, "max_iter": 12, "dtype": "float64"}
    one, other = (WGANDecoder(**given).fit(M) for M in (X, X * scale))
    assert_allclose(other.history_, one.history_, rtol=1e-6)
    assert_allclose(other.variances_, one.variances_ * scale**2, rtol=1e-6)
    Y = X[:4] @ A.T
    found = other.decode(Y * scale, A, 0.1 * scale**2)
    assert_allclose(found, one.decode(Y, A, 0.1) * scale, rtol=1e-6)


def test_profiles_that_do_not_vary(A):
    X = np.full((5, 12), 2.0)
    model = WGANDecoder(**{**SMALL, "max_iter": 3}).fit(X)
    assert np.isfinite(model.decode(X @ A.T, A, 0.1)).all()


def test_the_same_seed_plays_the_same_game_and_leaves_the_global_one(fitted):
    X, _ = fitted
    before, seen = torch.get_rng_state(), []
    one, other = (
        WGANDecoder(**{**SMALL, "max_iter": 7}).fit(
            X, progress=lambda it, total: seen.append(total) or it
        )
        for _ in range(2)
    )
    assert all(map(np.array_equal, one.generator_, other.generator_))
    assert torch.equal(torch.get_rng_state(), before)
    assert seen == [7, 7]
    assert_array_equal(one.history_["iteration"], [7])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_latent": 0}, "n_latent must be a whole number of at least 1; got 0"),
        ({"hidden": 8}, "hidden must be a tuple of widths.*got 8"),
        ({"n_critic": 0}, "n_critic must be a whole number of at least 1; got 0"),
        ({"penalty": -1}, "penalty must be a non-negative number; got -1"),
        ({"learning_rate": 0}, "learning_rate must be a positive number; got 0"),
        (
            {"batch_size": None},
            "batch_size must be a whole number of at least 1; got None",
        ),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1; got 0"),
        ({"prior": -1}, "prior must be a non-negative number; got -1"),
        ({"n_restarts": 0}, "n_restarts must be a whole number of at least 1; got 0"),
        ({"n_steps": 0}, "n_steps must be a whole number of at least 1; got 0"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_messages(profiles, given, message):
    with pytest.raises(ValueError, match=message):
        WGANDecoder(**given).fit(profiles)


def test_a_game_that_diverges_says_so(profiles):
    model = WGANDecoder(**{**SMALL, "learning_rate": 1e30})
    with pytest.raises(FloatingPointError, match="smaller learning_rate"):
        model.fit(profiles)
