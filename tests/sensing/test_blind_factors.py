import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal as normal

from latentomics.arrays import as_tensor
from latentomics.sensing.blind_factors import BlindFactors, _em_step, _surprise


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


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "batches must hold a pair"),
        ([(np.ones((3, 2)), np.ones((3, 5)))], "each of 3 measurements; got 2"),
        (
            [(np.ones((3, 2)), np.ones((2, 5))), (np.ones((3, 2)), np.ones((2, 4)))],
            "each of 5 genes; got 4",
        ),
    ],
)
def test_batches_that_do_not_fit_are_refused(batches, message):
    with pytest.raises(ValueError, match=message):
        BlindFactors(1).fit(batches)
