"""Kriging of the residuals between drugs, against literal loops and formulas."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_mask, as_tensor
from latentomics.multitask import TraceNormHybrid, TraceNormRegressor
from latentomics.multitask.drug_covariance import conditional_means, drug_covariance
from latentomics.multitask.hybrid import hybrid_grid

TIGHT = {"tol": 1e-12, "max_iter": 20_000}


@pytest.fixture
def residuals(rng):
    """25 lines of 5 correlated drugs, 30 % gaps, no line empty: R and seen."""
    R = rng.normal(size=(25, 5)) @ rng.normal(size=(5, 5)) * [1, 2, 1, 0.5, 3]
    seen = rng.random(R.shape) < 0.7
    seen[np.arange(25), np.arange(25) % 5] = True
    return np.where(seen, R, 0.0), seen


def tensors(R, seen):
    return as_tensor(R, device="cpu"), as_mask(seen, device="cpu")


def variances(R, seen):
    """Each drug's, as if one more line had shown the average one."""
    typical = (R**2).sum() / seen.sum()
    return ((R**2).sum(axis=0) + typical) / (seen.sum(axis=0) + 1)


def loss(C, R, seen, shrinkage):
    """The docstring's formula, line by line; C a tensor."""
    total = 0.0
    for r, o in zip(as_tensor(R), as_mask(seen), strict=True):
        Co = C[o][:, o]
        total = total + torch.logdet(Co) + r[o] @ torch.linalg.solve(Co, r[o])
    D = torch.diag(as_tensor(variances(R, seen)))
    prior = torch.logdet(C) + torch.trace(torch.linalg.solve(C, D))
    return (1 - shrinkage) * total + len(R) * shrinkage * prior


def one_step(C, R, seen, shrinkage):
    """One round of expectation maximisation, line by line."""
    S = np.zeros_like(C)
    for r, o in zip(R, seen, strict=True):
        gain = C[:, o] @ np.linalg.inv(C[np.ix_(o, o)])
        mean = gain @ r[o]
        S += np.outer(mean, mean) + C - gain @ C[o]
    D = np.diag(variances(R, seen))
    return (1 - shrinkage) * S / len(R) + shrinkage * D


@pytest.mark.parametrize("shrinkage", [0.05, 0.3, 0.9])
def test_the_objective_is_the_formula_and_never_rises(residuals, shrinkage):
    C, trace = drug_covariance(*tensors(*residuals), shrinkage, **TIGHT)
    by_hand = float(loss(C, *residuals, shrinkage))
    assert_allclose(trace.objective[-1], by_hand, rtol=1e-10)
    rise = np.diff(trace.objective)
    assert (rise <= 1e-11 * np.abs(by_hand)).all()
    assert len(rise)
    assert trace.objective[-1] < trace.objective[0]


@pytest.mark.parametrize("shrinkage", [0.05, 0.3, 0.9])
def test_the_covariance_found_has_no_slope(residuals, shrinkage):
    C, _ = drug_covariance(*tensors(*residuals), shrinkage, **TIGHT)
    C = C.requires_grad_()
    (slope,) = torch.autograd.grad(loss(C, *residuals, shrinkage), C)
    size = len(residuals[0]) / float(C.detach().diagonal().min())
    assert_allclose(slope + slope.T, 0, atol=1e-6 * size)
    assert_allclose(C.detach(), C.detach().T, atol=1e-14)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_step_is_that_of_a_loop(residuals):
    R, seen = residuals
    C = np.diag(variances(R, seen))
    for n_iter in (1, 2, 3):
        C = one_step(C, R, seen, 0.3)
        found, _ = drug_covariance(*tensors(R, seen), 0.3, tol=0, max_iter=n_iter)
        assert_allclose(found, C, rtol=1e-10, atol=1e-12)


def test_without_gaps_the_covariance_is_known_in_one_step(rng):
    R = rng.normal(size=(25, 4)) * [1, 2, 3, 4]
    seen = np.ones(R.shape, bool)
    C, trace = drug_covariance(*tensors(R, seen), 0.2, **TIGHT)
    D = np.diag(variances(R, seen))
    assert_allclose(C, 0.8 * R.T @ R / 25 + 0.2 * D, rtol=1e-10)
    assert trace.n_iter == 5  # at the first look nothing moves any more


def test_a_start_close_to_the_end_ends_there_sooner(residuals):
    data = tensors(*residuals)
    C, cold = drug_covariance(*data, 0.1, tol=1e-8, max_iter=9999)
    again, warm = drug_covariance(*data, 0.1, tol=1e-8, max_iter=9999, start=C)
    assert warm.n_iter == 5 < cold.n_iter
    assert_allclose(again, C, rtol=1e-5, atol=1e-6)


def test_conditional_means_are_those_of_each_cell_on_its_own(residuals, rng):
    R, seen = residuals
    root = rng.normal(size=(5, 5))
    C = root @ root.T + np.eye(5)
    found = conditional_means(as_tensor(C), *tensors(R, seen))
    for i, t in np.ndindex(*R.shape):
        o = seen[i] & (np.arange(5) != t)  # its own value is left out
        by_hand = C[t, o] @ np.linalg.solve(C[np.ix_(o, o)], R[i, o])
        assert_allclose(found[i, t], by_hand, atol=1e-10)


@pytest.fixture
def data(rng):
    """60 lines; what the features leave over is shared by drugs 0 and 1, 2 and 3."""
    X = rng.normal(size=(60, 10))
    Y = X @ rng.normal(size=(10, 4)) / 3 + rng.normal(size=(60, 2)).repeat(2, axis=1)
    Y += 0.1 * rng.normal(size=Y.shape) + 5
    Y[rng.random(Y.shape) < 0.2] = np.nan
    Y[6] = np.nan
    return X, Y


def test_predictions_are_the_trace_norm_s_and_the_correction(data):
    X, Y = data
    fit = TraceNormHybrid(2.0).fit(X, Y)
    linear = TraceNormRegressor(2.0).fit(X, Y)
    assert_array_equal(fit.coef_, linear.coef_)
    assert_array_equal(fit.intercept_, linear.intercept_)
    assert_allclose(fit.predict(X), linear.predict(X) + fit.correction_, rtol=1e-12)
    R = Y - linear.predict(X)
    rows = ~np.isnan(R).all(axis=1)
    by_hand = conditional_means(
        as_tensor(fit.covariance_),
        *tensors(np.nan_to_num(R[rows]), ~np.isnan(R[rows])),
    )
    assert_allclose(fit.correction_[rows], by_hand, atol=1e-12)


def test_a_line_unknown_or_never_measured_gets_no_correction(data, rng):
    X, Y = data
    fit = TraceNormHybrid(2.0).fit(X, Y)
    assert_array_equal(fit.correction_[6], 0)
    new = np.vstack([rng.normal(size=10), X[3], X[6]])
    linear = new @ fit.coef_ + fit.intercept_
    added = fit.predict(new) - linear
    assert_allclose(added, [np.zeros(4), fit.correction_[3], np.zeros(4)], atol=1e-12)
    assert np.abs(fit.correction_[3]).max() > 0.01


def test_the_other_drug_of_a_pair_tells_what_features_do_not(data):
    X, Y = data
    held = ~np.isnan(Y[:, 0]) & ~np.isnan(Y[:, 1]) & (np.arange(60) < 12)
    train = Y.copy()
    train[held, 0] = np.nan
    hybrid, linear = TraceNormHybrid(5.0, shrinkage=0.1), TraceNormRegressor(5.0)
    errors = [
        np.square(m.fit(X, train).predict(X)[held, 0] - Y[held, 0]).mean()
        for m in (hybrid, linear)
    ]
    assert errors[0] < 0.75 * errors[1]  # measured: .13 to .57 on six seeds


@pytest.mark.parametrize("gaps", [True, False])
def test_shrinkage_of_1_says_that_drugs_have_nothing_in_common(data, gaps):
    X, Y = data
    Y = Y if gaps else np.nan_to_num(Y, nan=4.0)
    fit = TraceNormHybrid(2.0, shrinkage=1.0).fit(X, Y)
    assert_allclose(fit.covariance_, np.diag(np.diag(fit.covariance_)), atol=1e-14)
    assert_allclose(fit.predict(X), TraceNormRegressor(2.0).fit(X, Y).predict(X))


def test_more_shrinkage_makes_smaller_corrections(data):
    sizes = [
        np.linalg.norm(TraceNormHybrid(2.0, shrinkage=s).fit(*data).correction_)
        for s in (0.05, 0.3, 0.7, 0.95)
    ]
    assert (np.diff(sizes) < 0).all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"shrinkage": 1.5}, "shrinkage must be a number above 0, at most 1; got 1.5"),
        ({"covariance_tol": 0}, "covariance_tol must be a positive number; got 0"),
    ],
)
def test_numbers_out_of_their_range_are_refused(data, given, says):
    with pytest.raises(ValueError, match=says):
        TraceNormHybrid(**given).fit(*data)


def test_a_path_is_its_single_fits(data):
    X, Y = data
    grid = hybrid_grid(3, 0.1, (0.2, 0.6))
    model = TraceNormHybrid(tol=1e-9, covariance_tol=1e-9)
    path = model.fit_path(X, Y, grid)
    assert path.points == grid
    top = TraceNormRegressor().fit(X, Y).lam_max_
    for k, point in enumerate(grid):
        model.set_params(lam=point["fraction"] * top, shrinkage=point["shrinkage"])
        single = model.fit(X, Y)
        for new in (X, X[[4, 2]], X[:5] + 1):
            assert_allclose(path.predict(new)[k], single.predict(new), atol=2e-3)


def test_the_usual_grid_crosses_lam_with_shrinkage():
    grid = hybrid_grid()
    assert len(grid) == 40
    assert grid[0] == {"fraction": 1.0, "shrinkage": 0.1}
    assert_allclose(grid[-1]["fraction"], 0.02)
    assert {point["shrinkage"] for point in grid} == {0.1, 0.25, 0.6, 1.0}
