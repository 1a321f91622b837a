import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_numpy, generator
from latentomics.denoise.chain import chain_gradient, tails
from latentomics.studies.denoise.variants import STARTS

SIZES = [[9, 5], [9, 7, 5], [5, 7, 9], [9, 4, 3, 5], [6, 8, 2, 7, 5]]


def random_factors(sizes, seed=0):
    return STARTS["gaussian"](sizes, 1.0, generator(seed))


@pytest.mark.parametrize("sizes", SIZES)
def test_tails_are_the_products_from_each_factor_on(sizes):
    factors = random_factors(sizes)
    for i, product in enumerate(tails(factors)):
        by_hand = factors[i]
        for M in factors[i + 1 :]:
            by_hand = by_hand @ M
        assert_allclose(product, by_hand, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_agree_with_autograd(sizes, rng):
    factors = [M.requires_grad_() for M in random_factors(sizes)]
    G = torch.tensor(rng.normal(size=(sizes[0], sizes[-1])))
    products = tails(factors)
    (products[0] * G).sum().backward()
    with torch.no_grad():
        ours = chain_gradient(factors, products, G)
    assert len(ours) == len(factors)
    for M, gradient in zip(factors, ours, strict=True):
        assert_allclose(gradient, M.grad, atol=1e-11)


@pytest.mark.parametrize("sizes", [[30, 10, 8], [30, 20, 10, 8]])
@pytest.mark.parametrize("init", ["balanced", "identity"])
def test_orthonormal_starts_have_a_product_of_the_size_asked_for(sizes, init):
    factors = STARTS[init](sizes, 1e-3, generator(3))
    for M in factors:  # every direction the same length, none ahead
        singular = np.linalg.svd(as_numpy(M))[1]
        assert_allclose(singular, 1e-3 ** (1 / len(factors)), rtol=1e-12)
    singular = np.linalg.svd(as_numpy(tails(factors)[0]))[1]
    assert_allclose(singular, 1e-3, rtol=1e-12)


def test_the_identity_start_is_the_identity():
    tall, wide = STARTS["identity"]([4, 3, 5], 0.25, generator(0))
    assert_array_equal(tall, 0.5 * np.eye(4, 3))
    assert_array_equal(wide, 0.5 * np.eye(3, 5))


def test_gaussian_entries_have_the_standard_deviation_asked_for():
    M, _ = STARTS["gaussian"]([300, 200, 2], 0.02, generator(0))
    # 60,000 draws: standard error .3 % of a standard deviation; 4 of them
    assert abs(M.std() / 0.02 - 1) < 0.012
    assert M.abs().max() > 0.06  # a tail that a flat distribution has not
    assert abs(M.mean()) < 4 * 0.02 / 60_000**0.5


@pytest.mark.parametrize("init", ["balanced", "gaussian"])
def test_factors_are_drawn_one_after_the_other(init):
    one, two = (STARTS[init]([5, 5, 5], 0.1, generator(s)) for s in (0, 1))
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one[0], two[0])
    again = STARTS[init]([5, 5, 5], 0.1, generator(0))
    assert torch.equal(one[0], again[0])
