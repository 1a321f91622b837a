import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.distributions import Normal, kl_divergence

from latentomics.arrays import generator
from latentomics.sensing.vae import (
    VAEDecoder,
    gaussian_kl,
    gene_scale,
    negative_elbo,
    negative_log_likelihood,
)
from latentomics.solvers.networks import Network

SMALL = {
    "n_latent": 3,
    "hidden": (16,),
    "n_epochs": 150,
    "batch_size": 20,
    "learning_rate": 0.01,
    "n_steps": 60,
}


@pytest.fixture(scope="module")
def fitted():
    """Profiles of 3 factors, 80 x 12, 60 to learn from, and a model of them."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(80, 3)) @ rng.normal(size=(3, 12))
    X += 0.1 * rng.normal(size=X.shape) + 5
    return X, VAEDecoder(**SMALL).fit(X[:60])


def test_the_divergence_and_the_likelihood_are_those_of_torch(rng):
    mu, log_var, X, log_sd = torch.from_numpy(rng.normal(size=(4, 5, 3)))
    code = Normal(mu, (log_var / 2).exp())
    wanted = kl_divergence(code, Normal(torch.zeros(3), 1.0)).sum(1)
    assert_allclose(gaussian_kl(mu, log_var), wanted)
    assert_allclose(gaussian_kl(torch.zeros(1, 3), torch.zeros(1, 3)), 0)
    density = Normal(mu, log_sd[0].exp()).log_prob(X).sum(1)
    assert_allclose(negative_log_likelihood(X, mu, log_sd[0]), -density)


def test_the_bound_by_hand(rng):
    draw = generator(0)
    encoder, decoder = (
        Network.start(sizes, draw, slope=0.1, last=1.0)
        for sizes in ([5, 4, 6], [3, 4, 5])
    )
    X = rng.normal(size=(7, 5))
    log_sd = torch.from_numpy(rng.normal(size=5))
    found = negative_elbo(
        encoder, decoder, log_sd, torch.from_numpy(X), generator(9), weight=0.3
    )

    def net(network, X):
        W, b, V, c = network.arrays
        inner = X @ W + b
        return np.where(inner > 0, inner, 0.1 * inner) @ V + c

    mu, log_var = np.split(net(encoder, X), 2, axis=1)
    eps = torch.randn(7, 3, generator=generator(9), dtype=torch.float64).numpy()
    X_hat = net(decoder, mu + eps * np.exp(log_var / 2))
    sd = np.exp(log_sd.numpy())
    misfit = 0.5 * ((X - X_hat) / sd) ** 2 + np.log(sd) + 0.5 * np.log(2 * np.pi)
    kl = 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var)
    assert_allclose(found, np.mean(misfit.sum(1) + 0.3 * kl.sum(1)))


def test_at_the_true_posterior_the_bound_is_the_evidence(rng):
    # x = W z + b + e, of which the evidence is known
    W, b, sd = rng.normal(size=(2, 4)), rng.normal(size=4), 0.5
    X = torch.from_numpy(rng.normal(size=(3, 2)) @ W + b)
    C = np.linalg.inv(W @ W.T / sd**2 + np.eye(2))
    given = torch.from_numpy((X.numpy() - b) @ W.T / sd**2 @ C)
    root = torch.from_numpy(np.linalg.cholesky(C))
    S = torch.from_numpy(W.T @ W + sd**2 * np.eye(4))
    evidence = torch.distributions.MultivariateNormal(torch.from_numpy(b), S).log_prob(
        X
    )
    eps = torch.randn(5000, 3, 2, generator=generator(1), dtype=torch.float64)
    Z = given + eps @ root.T
    X_hat = (Z @ torch.from_numpy(W) + torch.from_numpy(b)).flatten(0, 1)
    log_sd = torch.full((4,), np.log(sd))
    misfit = negative_log_likelihood(X.repeat(5000, 1), X_hat, log_sd)
    misfit = misfit.unflatten(0, (5000, 3)).mean(0)
    q = torch.distributions.MultivariateNormal(given, scale_tril=root)
    p = torch.distributions.MultivariateNormal(torch.zeros(2).double(), torch.eye(2))
    exact = kl_divergence(q, p)
    assert_allclose(-(misfit + exact), evidence, atol=0.1)  # 5,000 draws


def test_it_learns(fitted):
    X, model = fitted
    assert list(model.history_) == ["epoch", "loss"]
    assert len(model.history_) == 150
    assert model.history_["loss"].iloc[-1] < model.history_["loss"].iloc[0] - 4
    # the noise has variance .01, what a gene varies by is about 3
    assert np.median(model.variances_) < 0.2 * np.median(model.scale_**2)


def test_it_decodes_new_samples_by_few_measurements(fitted, rng):
    X, model = fitted
    A = rng.normal(size=(6, 12)) / 12**0.5
    X_hat = model.decode(X[60:] @ A.T, A, noise=0.01)
    naive = np.linalg.norm(X[60:] - X[:60].mean(axis=0))
    assert np.linalg.norm(X[60:] - X_hat) < 0.5 * naive  # measured .1 to .3
    assert_array_equal(model.decode(X[60:] @ A.T, A, noise=0.01), X_hat)


def test_encoder_and_generator_take_profiles_as_they_came(fitted):
    X, model = fitted
    encoder, decoder = (
        Network.restored(arrays, device="cpu", slope=0.1)
        for arrays in (model.encoder_, model.generator_)
    )
    mu = encoder(torch.from_numpy(X[60:]))[:, :3]
    back = decoder(mu).numpy()
    assert np.linalg.norm(X[60:] - back) < 0.4 * np.linalg.norm(X[60:] - model.mean_)
    assert_allclose(model.generate(mu.numpy()), back, rtol=1e-4, atol=1e-4)


def test_the_first_start_is_the_code_of_a_linear_guess(fitted, rng):
    X, model = fitted
    A = rng.normal(size=(6, 12)) / 12**0.5
    Y = X[60:] @ A.T
    v = model.scale_**2
    K = (A * v).T @ np.linalg.inv(A @ np.diag(v + 0.2) @ A.T)
    guess = model.mean_ + (Y - A @ model.mean_) @ K.T
    encoder = Network.restored(model.encoder_, device="cpu", slope=0.1)
    wanted = encoder(torch.from_numpy(guess))[:, :3]
    starts = model._starts(*(torch.from_numpy(M) for M in (Y, A)), 0.2)
    assert_allclose(starts[0], wanted, atol=1e-6)
    assert starts.shape == (3, 20, 3)
    assert_array_equal(starts[1, 0], starts[1, 7])


def test_drawn_profiles_vary_as_profiles_do(fitted):
    X, model = fitted
    drawn = model.sample(3000, random_state=1)
    assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=1.0)
    ratio = drawn.var(axis=0) / X.var(axis=0)
    assert 0.4 < np.median(ratio) < 1.6
    codes = torch.randn(3000, 3, generator=generator(1), dtype=torch.float64)
    noise = drawn - model.generate(codes.numpy())
    # a variance of 3,000 draws: relative spread of 2.6 %
    assert_allclose(noise.var(axis=0), model.variances_, rtol=0.15)


def test_beta_rises_to_1_in_the_warm_up(fitted):
    X, _ = fitted
    given = {**SMALL, "n_epochs": 2, "dtype": "float64"}
    slow, fast = (
        VAEDecoder(**given, kl_warm_up=k).fit(X).history_["loss"] for k in (10**9, 0)
    )
    assert (slow < fast).all()
    at_once = VAEDecoder(**given, kl_warm_up=1).fit(X).history_["loss"]
    assert_array_equal(at_once, fast)


def test_batches_from_a_file_teach_it(fitted, rng):
    X, whole = fitted
    model = VAEDecoder(**{**SMALL, "kl_warm_up": 3})
    for _ in range(60):
        for batch in np.array_split(X[:60], 2):
            assert model.partial_fit(batch) is model
    assert_array_equal(model.history_["epoch"], np.arange(1, 121))
    A = rng.normal(size=(6, 12)) / 12**0.5
    X_hat = model.decode(X[60:] @ A.T, A, noise=0.01)
    assert np.linalg.norm(X[60:] - X_hat) < 0.6 * np.linalg.norm(
        X[60:] - X[:60].mean(0)
    )
    assert_allclose(model.mean_, X[:30].mean(axis=0))


def test_a_training_that_was_pickled_goes_on_as_if_it_had_not(fitted):
    X, _ = fitted
    one = VAEDecoder(**SMALL).partial_fit(X[:30])
    other = pickle.loads(pickle.dumps(one))
    one.partial_fit(X[30:50]).partial_fit(X[50:51])
    other.partial_fit(X[30:50]).partial_fit(X[50:51])
    assert all(map(np.array_equal, one.generator_, other.generator_))
    fresh = VAEDecoder(**SMALL).fit(X[:60])
    assert all(map(np.array_equal, one.fit(X[:60]).generator_, fresh.generator_))


def test_two_batches_are_two_passes_without_a_break(fitted):
    X, _ = fitted
    one, other = VAEDecoder(**SMALL), VAEDecoder(**SMALL)
    one.partial_fit(X).partial_fit(X)  # Adam's memory and the draws go on
    other._profiles(X)
    run = other._resume(other._begin(X))
    other._pass(run, X)
    other._pass(run, X)
    other._finish(run)
    assert all(map(np.array_equal, one.generator_, other.generator_))
    assert_array_equal(one.history_, other.history_)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(fitted, A, scale):
    X, _ = fitted
    given = {**SMALL, "n_epochs": 5, "dtype": "float64"}
    one, other = (VAEDecoder(**given).fit(M) for M in (X, X * scale))
    assert_allclose(other.history_["loss"], one.history_["loss"], rtol=1e-9)
    assert_allclose(other.variances_, one.variances_ * scale**2, rtol=1e-6)
    Y = X[:4] @ A.T
    found = other.decode(Y * scale, A, 0.1 * scale**2)
    assert_allclose(found, one.decode(Y, A, 0.1) * scale, rtol=1e-6)


def test_a_gene_that_does_not_vary_has_a_small_unit(fitted, A):
    assert_allclose(gene_scale(np.array([[0.0, 1.0], [0.0, 3.0]])), [0.0005, 1.0])
    assert_allclose(gene_scale(np.ones((3, 2))), 1.0)
    X = fitted[0].copy()
    X[:, 4] = 2.0
    model = VAEDecoder(**{**SMALL, "n_epochs": 3}).fit(X)
    found = model.decode(X @ A.T, A, 0.1)
    assert_allclose(found[:, 4], 2.0, atol=0.02)


def test_the_global_generator_is_left_alone(fitted):
    before = torch.get_rng_state()
    VAEDecoder(**{**SMALL, "n_epochs": 1}).fit(fitted[0]).sample()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_latent": 0}, "n_latent must be a whole number of at least 1; got 0"),
        ({"hidden": 8}, "hidden must be a tuple of widths.*got 8"),
        ({"learning_rate": -1}, "learning_rate must be a positive number; got -1"),
        (
            {"batch_size": None},
            "batch_size must be a whole number of at least 1; got None",
        ),
        ({"n_epochs": 0}, "n_epochs must be a whole number of at least 1; got 0"),
        ({"kl_warm_up": -1}, "kl_warm_up must be a whole number of at least 0; got -1"),
        ({"prior": -1}, "prior must be a non-negative number; got -1"),
        ({"n_restarts": 0}, "n_restarts must be a whole number of at least 1; got 0"),
        ({"n_steps": 0}, "n_steps must be a whole number of at least 1; got 0"),
        ({"random_state": 0.5}, "random_state must be a whole number of at least 0"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_messages(profiles, given, message):
    for learn in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(VAEDecoder(**given), learn)(profiles)
