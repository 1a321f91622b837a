import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from latentomics.studies.multitask.leave_out import (
    cv_error_form,
    held_out_residuals,
    precision,
    residuals,
)


def ridge(X, penalty):
    """Scikit-learn's ridge, its penalty in units of the mean eigenvalue."""
    eigenvalues = np.linalg.eigvalsh((X - X.mean(axis=0)) @ (X - X.mean(axis=0)).T)
    return Ridge(alpha=penalty * eigenvalues.mean(), solver="svd")


@pytest.mark.parametrize("penalty", [0.01, 1.0, 20.0])
@pytest.mark.parametrize("n_features", [5, 60])
def test_residuals_in_closed_form_are_those_of_a_ridge(rng, penalty, n_features):
    X, Y = rng.normal(size=(20, n_features)) + 2, rng.normal(size=(20, 3)) - 4
    held = np.arange(20) % 3 == 0
    model = ridge(X, penalty).fit(X[~held], Y[~held])
    R = held_out_residuals(X @ X.T, held, penalty)
    assert R.shape == (7, 20)
    assert_allclose(R @ Y, Y[held] - model.predict(X[held]), atol=1e-9)


@pytest.mark.parametrize("penalty", [1e-6, 1.0, 1e6])
def test_one_inverse_serves_all_splits(rng, penalty):
    X = rng.normal(size=(24, 60)) + 3
    P = precision(X @ X.T, penalty)
    assert_allclose(P.sum(axis=0), 0, atol=1e-8 * np.abs(P).max())
    for _ in range(3):
        held = rng.permutation(24) % 4 == 0
        R = held_out_residuals(X @ X.T, held, penalty)
        assert_allclose(residuals(P, held), R, atol=1e-7)
        Y = rng.normal(size=(24, 5))
        assert_allclose(residuals(P, held, Y), R @ Y, atol=1e-7)


def test_the_quadratic_form_is_the_error_of_a_loop_of_ridges(rng):
    X, y = rng.normal(size=(23, 40)), rng.normal(size=23)
    fold = rng.permutation(23) % 4
    y_hat = cross_val_predict(ridge(X, 2.0), X, y, cv=PredefinedSplit(fold))
    A = cv_error_form(X @ X.T, fold, 2.0)
    assert_allclose(y @ A @ y, np.mean((y - y_hat) ** 2))
    assert_allclose(A, A.T, atol=1e-12)
