"""The rivals without features, against literal loops and explicit designs."""

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.multitask import (
    DrugAndLineEffects,
    NearestDrug,
    ResponseSoftImpute,
    TraceNormRegressor,
)
from latentomics.multitask.transductive import known_lines

METHODS = [NearestDrug(3), DrugAndLineEffects(), ResponseSoftImpute()]
every_method = pytest.mark.parametrize(
    "method", METHODS, ids=lambda m: type(m).__name__
)


@pytest.fixture
def data(rng):
    """14 lines, 6 drugs of rank 2 far from 0, 30 % gaps; line 5 never measured."""
    X = rng.normal(size=(14, 4))
    Y = rng.normal(size=(14, 2)) @ rng.normal(size=(2, 6))
    Y += 0.5 * rng.normal(size=Y.shape)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    Y[5] = np.nan
    return X, Y * [1, 2, 5, 1, 1, 10] + 50 * np.arange(6)


def slow_nearest_drug(Y, min_lines):
    """Each cell on its own: try every drug measured there, keep the best |r|."""
    fitted = np.tile(np.nanmean(Y, axis=0), (len(Y), 1))
    for i, t in np.ndindex(*Y.shape):
        best = -1.0
        for q in range(Y.shape[1]):
            both = ~np.isnan(Y[:, t]) & ~np.isnan(Y[:, q])
            if q == t or np.isnan(Y[i, q]) or both.sum() < min_lines:
                continue
            r = abs(np.corrcoef(Y[both, t], Y[both, q])[0, 1])
            if r > best:
                slope, offset = np.polyfit(Y[both, q], Y[both, t], 1)
                best, fitted[i, t] = r, offset + slope * Y[i, q]
    return fitted


@pytest.mark.parametrize("min_lines", [3, 6, 8, 20])
def test_the_nearest_drug_is_that_of_a_loop(data, min_lines):
    X, Y = data
    fit = NearestDrug(min_lines).fit(X, Y)
    assert_allclose(fit.fitted_, slow_nearest_drug(Y, min_lines), rtol=1e-9)
    assert_array_equal(fit.predict(X), fit.fitted_)


def test_correlations_are_pairwise_complete(data):
    X, Y = data
    r = NearestDrug(6).fit(X, Y).correlation_
    assert np.isnan(np.diag(r)).all()
    for t, q in zip(*np.triu_indices(6, 1), strict=True):
        both = ~np.isnan(Y[:, t]) & ~np.isnan(Y[:, q])
        by_hand = np.corrcoef(Y[both, t], Y[both, q])[0, 1]
        expected = by_hand if both.sum() >= 6 else np.nan
        assert_allclose(r[[t, q], [q, t]], expected, rtol=1e-9)


def test_a_constant_drug_is_nobodys_neighbour(data):
    X, Y = data
    Y[:, 2] = np.where(np.isnan(Y[:, 2]), np.nan, 1e6 + 0.1)
    fit = NearestDrug(3).fit(X, Y)
    assert np.isnan(fit.correlation_[2]).all()
    assert_allclose(fit.fitted_[:, 2], 1e6 + 0.1)
    others = np.delete(Y, 2, axis=1)
    assert_allclose(
        np.delete(fit.fitted_, 2, axis=1), NearestDrug(3).fit(X, others).fitted_
    )


def test_an_opposite_drug_is_as_near_as_a_like_one(rng):
    y = rng.normal(size=20)
    noise = rng.normal(size=(20, 2))
    Y = np.column_stack([y, -3 * y + 7, y + noise[:, 0], noise[:, 1]])
    Y[4, 0] = np.nan
    fitted = NearestDrug().fit(y[:, None], Y).fitted_
    assert_allclose(fitted[4, 0], y[4], atol=1e-10)


@pytest.mark.parametrize("penalty", [0.0, 0.7, 30.0])
def test_effects_are_least_squares_on_an_explicit_design(data, penalty):
    X, Y = data
    lines, drugs = np.nonzero(~np.isnan(Y))
    design = np.zeros((len(lines) + 14, 14 + 6))
    design[np.arange(len(lines)), lines] = 1
    design[np.arange(len(lines)), 14 + drugs] = 1
    design[len(lines) :, :14] = np.sqrt(penalty) * np.eye(14)
    target = np.append(Y[lines, drugs], np.zeros(14))
    best = np.linalg.lstsq(design, target, rcond=None)[0]
    fit = DrugAndLineEffects(penalty).fit(X, Y)
    measured = (np.arange(14) != 5)[:, None]  # line 5 has no effect but that of gaps
    expected = best[:14, None] + best[14:]
    assert_allclose(np.where(measured, fit.fitted_ - expected, 0), 0, atol=1e-9)
    assert_allclose(fit.line_effect_[5], 0, atol=1e-9)
    assert_allclose(fit.fitted_, fit.line_effect_[:, None] + fit.drug_effect_)


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_soft_impute_meets_the_convex_solver(data, share):
    X, Y = data
    Y = Y[:, :5]
    seen = ~np.isnan(Y)
    centred = np.where(seen, Y - np.nanmean(Y, axis=0), 0)
    lam = share * np.linalg.norm(centred, 2)
    L, b = cp.Variable(Y.shape), cp.Variable((1, 5))
    shifted = np.nan_to_num(Y - np.nanmean(Y, axis=0))  # near 0, for the solver's sake
    misfit = cp.multiply(seen, shifted - L - np.ones((14, 1)) @ b)
    goal = cp.sum_squares(misfit) / 2 + lam * cp.normNuc(L)
    least = cp.Problem(cp.Minimize(goal)).solve(solver="CLARABEL")
    fit = ResponseSoftImpute(lam, tol=1e-9).fit(X, Y)
    assert_allclose(fit.trace_.objective[-1], least, rtol=1e-6)
    expected = L.value + b.value + np.nanmean(Y, axis=0)
    assert_allclose(fit.fitted_[seen], expected[seen], atol=0.01)


def test_soft_impute_is_trace_norm_regression_on_indicators(data):
    X, Y = data
    one = ResponseSoftImpute(3.0, tol=1e-10).fit(X, Y)
    eye = np.eye(14)
    # its features are centred, which adds a constant per drug: free anyway, but for
    # its trace norm
    two = TraceNormRegressor(3.0, tol=1e-10).fit(eye, Y)
    assert two.trace_.objective[-1] <= one.trace_.objective[-1] * (1 + 1e-9)
    assert_allclose(one.trace_.objective[-1], two.trace_.objective[-1], rtol=1e-6)


def test_a_path_of_soft_impute_is_its_single_fits(data):
    X, Y = data
    centred = np.nan_to_num(Y - np.nanmean(Y, axis=0))
    grid = [{"fraction": f} for f in (1.0, 0.3, 0.1)]
    path = ResponseSoftImpute(tol=1e-10).fit_path(X, Y, grid)
    assert path.points == grid
    for k, point in enumerate(grid):
        lam = point["fraction"] * np.linalg.norm(centred, 2)
        single = ResponseSoftImpute(lam, tol=1e-10).fit(X, Y).fitted_
        assert_allclose(path.predict(X)[k], single, atol=0.02)
        assert_array_equal(path.predict(X[[3, 1]])[k], path.fitted[k][[3, 1]])


@every_method
def test_lines_are_found_again_in_any_order(method, data, rng):
    X, Y = data
    fit = method.fit(X, Y)
    order = rng.permutation(14)[:6]
    assert_array_equal(fit.predict(X[order]), fit.fitted_[order])
    assert_array_equal(fit.predict(np.asfortranarray(X)[order]), fit.fitted_[order])


@every_method
def test_an_unknown_line_is_refused(method, data):
    X, Y = data
    new = X[[2, 3, 4]] + [[0], [1e-9], [0]]
    says = "X must hold lines of the fit, since .*; got an unknown one in row 1"
    with pytest.raises(ValueError, match=says):
        method.fit(X, Y).predict(new)


@every_method
def test_a_line_that_was_there_twice_is_refused(method, data):
    X, Y = (np.vstack([M, M[2:3]]) for M in data)
    says = r"X must tell the lines .* apart; got .* lines \[2, 14\] of the fit in row 1"
    with pytest.raises(ValueError, match=says):
        method.fit(X, Y).predict(X[[1, 2]])
    assert_array_equal(method.predict(X), method.fitted_)  # all of them: no question


def test_minus_zero_is_zero():
    X = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert_array_equal(known_lines(X, np.array([[-0.0, 1.0]])), [0])


def test_an_unknown_line_is_minus_1_where_that_is_wanted(rng):
    X = rng.normal(size=(4, 2))
    new = np.vstack([X[3], X[0] + 1, X[1]])
    assert_array_equal(known_lines(X, new, strict=False), [3, -1, 1])
