import pickle
from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal as normal
from sklearn.base import clone

from latentomics.arrays import as_numpy, as_tensor
from latentomics.sensing.blind_factors import (
    BlindFactors,
    _em_step,
    _shared_mean,
    _surprise,
)


@pytest.fixture
def batches(rng):
    """Twelve batches of 10 profiles of 2 factors, 6 sums of 9 genes each."""
    V, made = 2 * rng.normal(size=(9, 2)), []
    for _ in range(12):
        X = 1 + rng.normal(size=(10, 2)) @ V.T + 0.2 * rng.normal(size=(10, 9))
        A = rng.normal(size=(6, 9))
        made.append((X @ A.T, A))
    return V, made


def test_the_objective_is_minus_the_log_likelihood(batches):
    model = BlindFactors(2, max_iter=500).fit(batches[1], noise=0.1)
    V = model.loadings_
    S = V @ V.T + (model.left_ + 0.1) * np.eye(9)
    total = -sum(
        normal(A @ model.mean_, A @ S @ A.T).logpdf(Y).sum() for Y, A in batches[1]
    )
    assert_allclose(model.trace_.objective[-1], total, rtol=1e-8)


def test_every_step_makes_the_measurements_likelier(batches):
    pairs = [tuple(map(as_tensor, pair)) for pair in batches[1]]
    model = BlindFactors(3)
    model.n_features_in_ = 9
    state = model._start(pairs)
    told = [float(_surprise(state, pairs, 0.1))]
    for _ in range(40):
        state = _em_step(state, pairs, 0.1)
        told.append(float(_surprise(state, pairs, 0.1)))
    assert np.diff(told).max() < 1e-8 * abs(told[0])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_with_everything_measured_it_is_principal_components(rng):
    X = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 6)) + 0.3 * rng.normal(
        size=(100, 6)
    )
    model = BlindFactors(2, tol=1e-8, max_iter=2000).fit([(X, np.eye(6))])
    values, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    assert_allclose(model.left_, values[:4].mean(), rtol=1e-4)
    closed = vectors[:, 4:] * (values[4:] - values[:4].mean()) @ vectors[:, 4:].T
    assert_allclose(model.loadings_ @ model.loadings_.T, closed, atol=1e-4)
    assert_allclose(model.mean_, X.mean(axis=0), atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_batches_complete_each_other(batches, rng):
    V, made = batches
    model = BlindFactors(2, max_iter=500).fit(made)
    cosine = np.linalg.svd(np.linalg.qr(V)[0].T @ np.linalg.qr(model.loadings_)[0])[1]
    assert cosine.min() > 0.97
    X = 1 + rng.normal(size=(50, 2)) @ V.T
    A = rng.normal(size=(4, 9))
    hat, std = model.decode(X @ A.T, A, return_std=True)
    least = X @ A.T @ np.linalg.pinv(A).T
    assert np.square(hat - X).sum() < 0.2 * np.square(least - X).sum()
    assert std.shape == X.shape


def test_it_starts_from_the_mean_that_all_sums_agree_on_best(rng):
    # whitened rows, each weighted by its samples, and least squares from NumPy
    made = [(rng.normal(size=(n, 3)), rng.normal(size=(3, 9))) for n in (2, 5, 4, 7)]
    for few, rank in ((made, 9), (made[:2], 6)):
        rows, told = [], []
        for Y, A in few:
            values, vectors = np.linalg.eigh(A @ A.T)
            half = len(Y) ** 0.5 * (vectors / values**0.5).T
            rows.append(half @ A)
            told.append(half @ Y.mean(axis=0))
        best, _, found, _ = np.linalg.lstsq(np.vstack(rows), np.hstack(told))
        mu = as_numpy(_shared_mean([tuple(map(as_tensor, pair)) for pair in few]))
        assert found == rank
        assert_allclose(mu, best, atol=1e-10)


def test_the_start_by_hand(rng):
    # everything is measured: the mean, the principal directions and the mean spread
    X = rng.normal(size=(20, 4)) * [5, 3, 2, 1] + 1
    model = BlindFactors(2)
    V, mu, psi = model._start([(as_tensor(X), as_tensor(np.eye(4)))])
    C = np.cov(X.T, bias=True)
    values, vectors = np.linalg.eigh(C)
    assert_allclose(as_numpy(mu), X.mean(axis=0))
    assert_allclose(float(psi), np.trace(C) / 4)
    top = vectors[:, 2:] * values[2:] @ vectors[:, 2:].T
    assert_allclose(as_numpy(V @ V.T), top, atol=1e-12)


def test_a_share_that_is_seen_is_made_up_for(rng):
    # half of the genes by turns: what is seen of each square is a half, of V a quarter
    X, eye = rng.normal(size=(10, 4)), np.eye(4)
    X -= X.mean(axis=0)
    halves = [(X @ A.T, A) for A in (eye[:2], eye[2:])]
    V, mu, psi = BlindFactors(4)._start([tuple(map(as_tensor, p)) for p in halves])
    assert_allclose(as_numpy(mu), 0, atol=1e-12)
    assert_allclose(float(psi), np.square(X).mean())
    parts = [np.cov(X[:, i].T, bias=True) * 2 for i in ([0, 1], [2, 3])]
    assert_allclose(as_numpy(V @ V.T)[:2, :2], parts[0], atol=1e-12)
    assert_allclose(as_numpy(V @ V.T)[2:, 2:], parts[1], atol=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "changed",
    [{"n_components": 3}, {"tol": 0.1}, {"max_iter": 10}],
    ids=lambda changed: "".join(changed),
)
def test_each_parameter_changes_the_fit(batches, changed):
    given = {"n_components": 2, "tol": 1e-4, "max_iter": 500}
    fit, other = (
        BlindFactors(**{**given, **more}).fit(batches[1], 0.1) for more in ({}, changed)
    )
    assert abs(other.left_ - fit.left_) > 1e-6


def test_a_fit_repeats_pickles_and_leaves_its_input_alone(batches):
    before, (Y, A) = deepcopy(batches[1]), batches[1][0]
    fit = BlindFactors(2).fit(batches[1], 0.1)
    again = clone(fit).fit(iter(batches[1]), 0.1)
    assert_array_equal(again.loadings_, fit.loadings_)
    assert_array_equal(again.mean_, fit.mean_)
    assert again.left_ == fit.left_
    same = pickle.loads(pickle.dumps(fit))
    assert_array_equal(same.decode(Y, A, 0.1), fit.decode(Y, A, 0.1))
    assert_array_equal(
        np.hstack([M.ravel() for pair in batches[1] for M in pair]),
        np.hstack([M.ravel() for pair in before for M in pair]),
    )


def test_devices_agree(batches, device):
    fits = [BlindFactors(2, device=d).fit(batches[1], 0.1) for d in (device, "cpu")]
    assert_allclose(fits[0].mean_, fits[1].mean_, atol=1e-6)
    assert_allclose(fits[0].left_, fits[1].left_, rtol=1e-6)
