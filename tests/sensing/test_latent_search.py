from dataclasses import KW_ONLY

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import generator
from latentomics.params import parameter
from latentomics.sensing import VAEDecoder
from latentomics.sensing.latent_search import (
    CHUNK,
    GenerativeDecoder,
    search_latent,
    whiten,
)


@pytest.fixture
def linear(rng):
    """Weights 3 x 12 and offset of a linear generator, as arrays."""
    return [rng.normal(size=(3, 12)), rng.normal(size=12)]


class Given(
    GenerativeDecoder,
    n_latent=3,
    n_restarts=2,
    n_steps=400,
    device="cpu",
    dtype="float64",
):
    """A generative decoder that is told its generator."""

    _: KW_ONLY
    generator: object = parameter(kind="list of arrays")
    variances: object = parameter(kind="array")

    def fit(self, X, y=None):
        self._profiles(X)
        self.generator_, self.variances_ = self.generator, self.variances
        return self


def map_codes(Y, A, linear, S, prior):
    """The codes of most posterior density, of a linear generator."""
    W, b = linear
    B = A @ W.T
    precision = B.T @ np.linalg.solve(S, B) + prior * np.eye(3)
    return np.linalg.solve(precision, B.T @ np.linalg.solve(S, (Y - A @ b).T)).T


def test_whitened_measurements_have_unit_covariance(A, rng):
    v = rng.random(12)
    S = A @ np.diag(v + 0.3) @ A.T
    Y = rng.normal(size=(5, 4))
    parts = (torch.from_numpy(M) for M in (A, Y, v))
    A_white, Y_white = whiten(*parts, 0.3)
    assert_allclose(
        A_white @ torch.diag(torch.from_numpy(v) + 0.3) @ A_white.T,
        np.eye(4),
        atol=1e-8,
    )
    wanted = np.einsum("ij,ij->i", Y, np.linalg.solve(S, Y.T).T)
    assert_allclose(Y_white.square().sum(1), wanted, rtol=1e-7)


@pytest.mark.parametrize("prior", [1.0, 0.2])
def test_a_linear_generator_gets_its_closed_form(profiles, A, linear, rng, prior):
    v = 0.5 + rng.random(12)
    model = Given(generator=linear, variances=v, prior=prior).fit(profiles)
    Y = rng.normal(size=(6, 3)) @ (A @ linear[0].T).T + A @ linear[1]
    Z = map_codes(Y, A, linear, A @ np.diag(v + 0.3) @ A.T, prior)
    # Adam's steps of .08 leave it this close
    assert_allclose(model.encode(Y, A, 0.3), Z, atol=2e-3)
    X_hat = model.decode(Y, A, 0.3)
    assert_allclose(X_hat, Z @ linear[0] + linear[1], atol=1e-2)


def test_its_objective_is_the_formula_and_has_no_slope(A, linear, rng):
    v, Y = torch.from_numpy(0.5 + rng.random(12)), torch.from_numpy(A @ linear[1])[None]
    Y = Y + torch.from_numpy(rng.normal(size=(3, 4)))
    W, b = (torch.from_numpy(M) for M in linear)
    A_white, Y_white = whiten(torch.from_numpy(A), Y, v, 0.3)
    starts = torch.randn(2, 3, 3, generator=generator(0), dtype=torch.float64)
    Z, value = search_latent(
        lambda Z: Z @ W + b, A_white, Y_white, starts, prior=0.7, n_steps=600
    )
    S = A @ np.diag(v.numpy() + 0.3) @ A.T
    missed = Y.numpy() - (Z.numpy() @ linear[0] + linear[1]) @ A.T
    misfit = np.einsum("ij,ij->i", missed, np.linalg.solve(S, missed.T).T)
    assert_allclose(value, misfit + 0.7 * (Z.numpy() ** 2).sum(1), rtol=1e-6)
    pull = -missed @ np.linalg.solve(S, A @ linear[0].T) + 0.7 * Z.numpy()
    assert_allclose(pull, 0, atol=0.02)


def test_the_best_of_the_starts_counts_for_each_sample():
    # G(z) = z^2 - 1 from either side, with a pull to the left: y = 3 has two ends
    def generate(Z):
        return Z.square() - 1 - 0.1 * Z

    A, Y = torch.eye(1).double(), torch.tensor([[3.0], [3.0]]).double()
    starts = torch.tensor([[[2.0], [-2.0]], [[-2.0], [2.0]]]).double()
    Z, value = search_latent(generate, A, Y, starts, prior=0.5)
    assert (Z < 0).all()  # nearer to 0: (-z) fits 3 with the shorter code
    assert_allclose(value[0], value[1], rtol=1e-6)
    worse, others = search_latent(generate, A, Y[:1], starts[:1, :1], prior=0.5)
    assert worse.item() > 0
    assert others.item() > value[0].item()


def test_no_matrix_measures_every_gene(linear, rng):
    W, b = (torch.from_numpy(M) for M in linear)
    Y = torch.from_numpy(rng.normal(size=(3, 12)))
    starts = torch.zeros(1, 3, 3).double()
    with_A, without = (
        search_latent(lambda Z: Z @ W + b, A, Y, starts)[0]
        for A in (torch.eye(12).double(), None)
    )
    assert_allclose(with_A, without, atol=1e-12)


def test_starts_are_not_changed(linear):
    W, b = (torch.from_numpy(M) for M in linear)
    starts = torch.ones(1, 2, 3).double()
    search_latent(lambda Z: Z @ W + b, None, torch.zeros(2, 12).double(), starts)
    assert_array_equal(starts, np.ones((1, 2, 3)))


def test_each_sample_is_decoded_by_itself_in_any_order(profiles, A, linear, rng):
    model = Given(generator=linear, variances=np.ones(12), n_steps=30).fit(profiles)
    Y = rng.normal(size=(CHUNK + 3, 4))
    whole = model.encode(Y, A, 0.1)
    order = rng.permutation(CHUNK + 3)
    assert_allclose(model.encode(Y[order], A, 0.1), whole[order], atol=1e-9)
    assert_allclose(model.encode(Y[-2:], A, 0.1), whole[-2:], atol=1e-9)


def test_samples_are_generated_from_normal_codes(profiles, linear):
    model = Given(generator=linear, variances=np.ones(12)).fit(profiles)
    X = model.sample(4000, random_state=3)
    assert_allclose(X.mean(axis=0), linear[1], atol=0.15)  # of 4,000, 3 sd
    cov = linear[0].T @ linear[0]
    assert_allclose(np.cov(X.T), cov, atol=0.1 * np.abs(cov).max())
    assert_array_equal(model.sample(5, random_state=3), model.sample(5, random_state=3))
    assert not np.allclose(model.sample(5, random_state=3), model.sample(5))


def test_samples_must_be_a_whole_number(profiles, linear):
    model = Given(generator=linear, variances=np.ones(12)).fit(profiles)
    with pytest.raises(ValueError, match="n_samples must be a whole number of at lea"):
        model.sample(0)
    with pytest.raises(ValueError, match="random_state must be a whole number of at l"):
        model.sample(1, random_state=-1)


@pytest.mark.parametrize(
    ("Z", "says"),
    [
        (np.ones((2, 4)), "Z must have n_latent, 3, columns; got 4"),
        (np.ones(3), r"Z must be a matrix, rows = samples; got shape \(3,\)"),
        ([["a", 1, 2]], "Z must hold numbers; got 'a' in row 0, column 0"),
        ([[np.nan, 1, 2]], "Z must .*row 0, column 0"),
    ],
)
def test_codes_to_generate_from_are_checked(Z, says, rng):
    model = VAEDecoder(3, hidden=(4,), n_epochs=1).fit(rng.normal(size=(20, 5)))
    with pytest.raises(ValueError, match=says):
        model.generate(Z)
    assert model.generate(np.ones((2, 3))).shape == (2, 5)
