import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import generator
from latentomics.denoise.chain import balanced_start
from latentomics.studies.denoise.implicit_rank import (
    effective_rank,
    eta_squared,
    singular_value_paths,
)

RATE = 0.01


@pytest.fixture
def X(rng):
    """Gappy and of any size, 7 x 5."""
    X = rng.normal(size=(7, 5))
    X[rng.random(X.shape) < 0.2] = np.nan
    return X


@pytest.fixture
def held(rng, X):
    return rng.random(X.shape) < 0.2


@pytest.mark.parametrize("hidden", [(), (4,), (6, 5, 6)])
@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
def test_steps_by_hand(X, held, hidden, weight_decay):
    sizes = [7, *hidden, 5]
    factors = balanced_start(sizes, 0.5, generator(3))
    factors = [M.numpy() for M in factors]
    fitted = ~np.isnan(X) & ~held

    def product(some, size):
        P = np.eye(size)
        for M in some:
            P = P @ M
        return P

    for _ in range(6):
        G = np.where(fitted, product(factors, 7) - X, 0)
        slopes = [
            product(factors[:i], 7).T @ G @ product(factors[i + 1 :], M.shape[1]).T
            for i, M in enumerate(factors)
        ]
        factors = [
            M - RATE * (slope + weight_decay * M)
            for M, slope in zip(factors, slopes, strict=True)
        ]
    P = product(factors, 7)
    paths = singular_value_paths(
        X,
        held,
        hidden,
        init_scale=0.5,
        learning_rate=RATE,
        weight_decay=weight_decay,
        n_iter=6,
        look_every=3,
        random_state=3,
    )
    assert_array_equal(paths.iteration, [0, 3, 6])
    assert_allclose(paths.sizes[-1], np.linalg.svd(P, compute_uv=False), atol=1e-12)
    seen = held & ~np.isnan(X)
    assert_allclose(paths.error[-1], np.mean((P - X)[seen] ** 2) ** 0.5, rtol=1e-10)


def test_the_start_is_balanced(X, held):
    paths = singular_value_paths(X, held, (6, 6), init_scale=0.02, n_iter=1)
    assert_allclose(paths.sizes[0], 0.02, rtol=1e-10)


def test_one_matrix_never_fills_a_gap(X, held):
    # from the start on, the entries held out have no slope
    paths = singular_value_paths(X, held, n_iter=50)
    assert_array_equal(paths.error, paths.error[0])
    assert paths.best == len(paths.error) - 1  # the last of equals


def test_best_is_the_look_with_the_lowest_error(X, held):
    paths = singular_value_paths(X, held, (5,), n_iter=400, look_every=5)
    assert paths.error[paths.best] == paths.error.min()


def test_held_out_entries_do_not_move_the_paths(X, held):
    one = singular_value_paths(X, held, (5,), n_iter=40)
    two = singular_value_paths(np.where(held, 9.0, X), held, (5,), n_iter=40)
    assert_array_equal(one.sizes, two.sizes)


def test_devices_agree(X, held, device):
    one = singular_value_paths(X, held, (5,), n_iter=40, device="cpu")
    two = singular_value_paths(X, held, (5,), n_iter=40, device=device)
    assert_allclose(two.sizes, one.sizes, atol=1e-10)


def test_steps_too_large_are_said(X, held):
    with pytest.raises(FloatingPointError, match="no finite product"):
        singular_value_paths(X, held, (5,), init_scale=1.0, learning_rate=1e3)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"init_scale": 0}, "init_scale must be a positive"),
        ({"learning_rate": 0}, "learning_rate must be a positive"),
        ({"weight_decay": -1}, "weight_decay must be a non-negative number"),
        ({"n_iter": 0}, "n_iter must be a whole number of at least 1"),
        ({"look_every": 0}, "look_every must be a whole number of at least 1"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0"),
    ],
)
def test_bad_numbers_are_named(X, held, given, match):
    with pytest.raises(ValueError, match=match):
        singular_value_paths(X, held, **given)


def test_bad_masks_are_named(X, held):
    with pytest.raises(ValueError, match="held must be a boolean mask"):
        singular_value_paths(X, held[:-1])


def test_equal_values_count_fully_and_zeros_not():
    s = [[2.0, 2, 2, 0], [5, 0, 0, 0], [3, 1, 0, 0]]
    shares = np.array([0.75, 0.25])
    mixed = np.exp(-(shares * np.log(shares)).sum())
    assert_allclose(effective_rank(s), [3, 1, mixed])
    assert_allclose(effective_rank([0.75, 0.25]), mixed)  # no units


def test_eta_squared_by_hand():
    Z = np.array([[1.0, 1, 0], [1, 2, 0], [3, 1, 1], [3, 2, 1], [3, 3, 4]])
    groups = ["a", "a", "b", "b", "b"]
    # column 1 is the group; the means of column 2 are 1.5 and 2, of column 3 0 and 2
    total, between = [2.8, 10.8], [0.3, 4.8]
    assert_allclose(eta_squared(Z, groups)[0], 1)
    assert_allclose(eta_squared(Z, groups)[1:], np.divide(between, total))
    assert_allclose(eta_squared(5 * Z + 7, groups), eta_squared(Z, groups))
