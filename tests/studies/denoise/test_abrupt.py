import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import generator
from latentomics.denoise import DeepMatrixFactorization, KeepSpikes, Trimmed
from latentomics.denoise.chain import balanced_start
from latentomics.studies.denoise.abrupt import WatchedDMF

ETA = 2.5


def fixed(n_iter, cls=WatchedDMF, **given):
    """A model that makes `n_iter` steps and looks once, at the end."""
    settings = {
        "hidden": (10,),
        "loss": Trimmed(ETA),
        "scale": None,
        "learning_rate": 0.01,
        "validation_fraction": 0,
        "dtype": "float64",
    }
    return cls(**{**settings, **given}, max_iter=n_iter, look_every=n_iter)


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


@pytest.fixture
def X(gappy, rng):
    """The gappy matrix of rank 3 with spikes of 8 or -8 in 5 % of its entries."""
    X = gappy[1]
    return X + (rng.random(X.shape) < 0.05) * rng.choice([-8.0, 8.0], X.shape)


def noise_of(R):
    """1.4826 times torch's median, the lower one of an even number."""
    R = np.sort(np.abs(R))
    return 1.4826 * R[(len(R) - 1) // 2]


def slow_changes(X, n_iter, eta):
    """Largest change of each entry over plain steps on the trimmed loss, autograd's."""
    Z = torch.tensor(X - np.nanmedian(X))
    seen = ~Z.isnan()
    start = balanced_start([*X.shape[:1], 10, X.shape[1]], 1e-3, generator(0))
    factors = [M.clone().requires_grad_() for M in start]
    adam = torch.optim.Adam(factors, lr=0.01)
    largest = torch.zeros_like(Z)
    for _ in range(n_iter):
        before = (factors[0] @ factors[1]).detach()
        adam.zero_grad()
        R = Z - factors[0] @ factors[1]
        (R[seen].square().clamp(max=eta**2).mean() / 2).backward()
        adam.step()
        after = (factors[0] @ factors[1]).detach()
        largest = torch.maximum(largest, (after - before).abs())
    return largest.numpy()


@pytest.mark.parametrize("n_iter", [1, 2, 60])
def test_changes_are_those_of_a_plain_loop(X, n_iter):
    model = fit(fixed(n_iter), X)
    change = slow_changes(X, n_iter, ETA)
    assert_allclose(model.change_, change, atol=1e-10)
    seen = ~np.isnan(X)
    middle = np.sort(change[seen])[(seen.sum() - 1) // 2]
    usual = middle + 3 * noise_of(change[seen] - middle)
    assert_array_equal(model.abrupt_, change > usual)
    turned = fit(fixed(n_iter), X.T)
    assert_allclose(turned.change_.T, model.change_, atol=1e-9)
    assert_array_equal(turned.abrupt_.T, model.abrupt_)


@pytest.mark.parametrize("loss", [Trimmed(ETA), "squared"], ids=str)
def test_watching_moves_nothing(X, loss):
    watched, plain = (
        fit(fixed(60, cls, loss=loss), X)
        for cls in (WatchedDMF, DeepMatrixFactorization)
    )
    assert_array_equal(watched.low_rank_, plain.low_rank_)
    assert watched.trace_.objective == plain.trace_.objective


def test_some_of_the_spikes_are_abrupt(X):
    every = fit(KeepSpikes(fixed(60, loss="squared"), ETA, scale=None), X)
    both = every.kept_ & every.model_.abrupt_
    assert 0 < both.sum() < every.kept_.sum()


def test_of_several_starts_the_best_is_watched(X, rng):
    held = (rng.random(X.shape) < 0.15) & (np.arange(20) > 0)
    model = fit(fixed(60, n_starts=3), X, validation=held)
    ones = [fit(fixed(60, random_state=k), X, validation=held) for k in range(3)]
    best = min(ones, key=lambda m: m.validation_error_.min())
    assert_array_equal(model.change_, best.change_)
    assert_array_equal(model.abrupt_, best.abrupt_)


def test_changes_are_in_the_units_of_x(X):
    given = {"scale": "mad", "loss": Trimmed(1.5)}
    one, other = (fit(fixed(60, **given), M) for M in (X, X * 2**10))
    assert_array_equal(other.change_, one.change_ * 2**10)
    assert_array_equal(other.abrupt_, one.abrupt_)
    # which are those of the fit: in one step from the start it changes by no more
    first = fit(fixed(1, **given), X)
    start = fit(fixed(1, learning_rate=1e-12, **given), X)
    moved = np.abs(first.low_rank_ - start.low_rank_)
    assert_allclose(first.change_, moved, atol=1e-9)


def test_eta_in_noise_units_has_no_units(X):
    given = {"scale": "mad", "loss": Trimmed(ETA, "noise")}
    one, other = (fit(fixed(150, **given), M) for M in (X, X * 2**10))
    assert_array_equal(other.abrupt_, one.abrupt_)
