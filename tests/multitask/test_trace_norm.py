"""All four solvers of the trace-norm problem against a convex solver and by hand."""

from itertools import product

import cvxpy as cp
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from latentomics.arrays import as_mask, as_tensor
from latentomics.multitask import RidgePerTask, TraceNormRegressor
from latentomics.multitask.problem import TraceNormProblem, spectral_norm
from latentomics.multitask.trace_norm import trace_norm_grid
from latentomics.studies.multitask.rival_solvers import SOLVERS

SHARES = [1.5, 0.9, 0.3, 0.1, 0.01]
every_solver = pytest.mark.parametrize("solver", SOLVERS)


def made(rng, n, p, T, gaps):
    X = rng.normal(size=(n, p)) * rng.uniform(0.5, 2, size=p) + 1
    Y = X @ rng.normal(size=(p, 2)) @ rng.normal(size=(2, T)) / 4 + np.arange(T)
    Y += 0.5 * rng.normal(size=Y.shape)
    Y[rng.random(Y.shape) < gaps] = np.nan
    Y[0] = np.where(np.isnan(Y).all(axis=0), 1.0, Y[0])
    return X, Y


@pytest.fixture(params=[0.0, 0.25], ids=["full", "gaps"])
def data(request, rng):
    return made(rng, 12, 7, 5, request.param)


SHAPES = {"lines": (12, 7, 5), "features": (8, 20, 5), "drugs": (6, 10, 9)}


@pytest.fixture(params=product(SHAPES, (0.0, 0.25)), ids="{0[0]}-{0[1]}".format)
def any_shape(request, rng):
    """More lines, more features than lines, or more drugs than lines."""
    most, gaps = request.param
    return made(rng, *SHAPES[most], gaps)


def objective(X, Y, W, b, lam):
    """The docstring's formula, written out again."""
    return np.nansum((Y - X @ W - b) ** 2) / 2 + lam * np.linalg.svd(W)[1].sum()


def lam_max(X, Y):
    centred = np.nan_to_num(Y - np.nanmean(Y, axis=0))
    return np.linalg.norm(X.T @ centred, 2)


def optimum(X, Y, lam):
    """The least objective, by interior points."""
    W, b = cp.Variable((X.shape[1], Y.shape[1])), cp.Variable((1, Y.shape[1]))
    seen = ~np.isnan(Y)
    misfit = cp.multiply(seen, np.nan_to_num(Y) - X @ W - np.ones((len(X), 1)) @ b)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(misfit) / 2 + lam * cp.normNuc(W)))
    return problem.solve(solver="CLARABEL")


def meet_the_convex_solver(X, Y, lam):
    least = optimum(X, Y, lam)
    for solver in SOLVERS:
        fit = SOLVERS[solver](lam, tol=1e-8).fit(X, Y)
        reached = objective(X, Y, fit.coef_, fit.intercept_, lam)
        # CLARABEL itself ends at 1e-8 of the objective
        assert_allclose(reached, least, rtol=1e-6, err_msg=solver)
        assert fit.gap_ <= 1e-8


@pytest.mark.parametrize("share", SHARES)
def test_every_solver_meets_the_convex_solver(any_shape, share):
    meet_the_convex_solver(*any_shape, share * lam_max(*any_shape))


def test_a_drug_measured_on_3_lines_meets_the_convex_solver(rng):
    X, Y = made(rng, 12, 7, 5, 0.25)
    Y[:, 2] = [1.0, 2.0, 4.0] + 9 * [np.nan]
    meet_the_convex_solver(X, Y, 0.1 * lam_max(X, Y))


@every_solver
def test_weights_vanish_from_lam_max_on_and_not_before(any_shape, solver):
    X, Y = any_shape
    top = lam_max(X, Y)
    above, below = (
        SOLVERS[solver](top * f, tol=1e-9).fit(X, Y) for f in (1.0001, 0.99)
    )
    assert_allclose(above.lam_max_, top, rtol=1e-12)
    assert_array_equal(above.coef_, 0)
    assert_allclose(above.intercept_, np.nanmean(Y, axis=0), rtol=1e-12)
    assert above.rank_ == 0
    assert below.rank_ == 1
    assert np.abs(below.coef_).max() > 1e-4


@every_solver
def test_the_objective_by_hand_is_the_last_of_the_trace(data, solver):
    X, Y = data
    fit = SOLVERS[solver](2.0).fit(X, Y)
    by_hand = objective(X, Y, fit.coef_, fit.intercept_, 2.0)
    assert_allclose(fit.trace_.objective[-1], by_hand, rtol=1e-10)
    assert fit.gap_ == fit.trace_.gap[-1]
    assert fit.rank_ == np.linalg.matrix_rank(fit.coef_)


@every_solver
@pytest.mark.parametrize("share", [0.5, 0.03])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_gap_bounds_how_far_the_objective_is(data, solver, share):
    X, Y = data
    lam = share * lam_max(X, Y)
    least = TraceNormRegressor(lam, tol=1e-11).fit(X, Y).trace_.objective[-1]
    fit = SOLVERS[solver](lam, tol=0, max_iter=40).fit(X, Y)
    away = (np.array(fit.trace_.objective) - least) / fit.trace_.objective
    assert (away <= np.array(fit.trace_.gap) + 1e-10).all()
    assert (np.array(fit.trace_.gap) > -1e-12).all()


@every_solver
def test_the_conditions_of_the_optimum_hold(any_shape, solver):
    X, Y = any_shape
    lam = 0.2 * lam_max(X, Y)
    fit = SOLVERS[solver](lam, tol=1e-10).fit(X, Y)
    R = np.nan_to_num(Y - fit.predict(X))
    assert_allclose(R.sum(axis=0), 0, atol=1e-9)  # the intercepts are free
    assert np.linalg.norm(X.T @ R, 2) <= lam * (1 + 1e-4)
    nuclear = np.linalg.svd(fit.coef_)[1].sum()
    assert_allclose((X.T @ R * fit.coef_).sum(), lam * nuclear, rtol=1e-4)


def test_the_certificate_is_the_formula(rng):
    X, Y = made(rng, 9, 4, 3, 0.3)
    W = rng.normal(size=(4, 3)) / 5
    seen = ~np.isnan(Y)
    problem = TraceNormProblem(
        as_tensor(X), as_tensor(np.nan_to_num(Y, nan=77)), as_mask(seen)
    )
    lam, nuclear = 3.0, np.linalg.svd(W)[1].sum()
    found, gap = problem.certify(as_tensor(W), torch.tensor(nuclear), lam)
    R = np.where(seen, Y - X @ W, np.nan)
    R = np.nan_to_num(R - np.nanmean(R, axis=0))
    Yc = np.nan_to_num(Y - np.nanmean(Y, axis=0))
    limit = lam / np.linalg.norm(X.T @ R, 2)
    c = np.clip((R * Yc).sum() / (R * R).sum(), -limit, limit)
    primal = (R * R).sum() / 2 + lam * nuclear
    dual = (c * R * Yc).sum() - (c * R * c * R).sum() / 2
    assert_allclose(float(found), primal, rtol=1e-12)
    assert_allclose(float(gap), (primal - dual) / primal, rtol=1e-10)
    assert_allclose(
        problem.intercept(as_tensor(W)).numpy(),
        np.nanmean(np.where(seen, Y - X @ W, np.nan), axis=0),
        rtol=1e-12,
    )


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (1, 4), (0, 4)])
@pytest.mark.parametrize("size", [1.0, 1e-170, 1e170])
def test_the_spectral_norm_survives_any_size(rng, shape, size):
    M = size * rng.normal(size=shape)
    # (0, 4): NumPy knows no norm of it
    expected = np.linalg.norm(M, 2) if M.size else 0.0
    assert_allclose(float(spectral_norm(as_tensor(M))), expected, rtol=1e-12)


@every_solver
def test_a_path_is_its_single_fits(data, solver):
    X, Y = data
    grid = trace_norm_grid(6, 0.02)
    model = SOLVERS[solver](tol=1e-9)
    path = model.fit_path(X, Y, grid)
    assert_allclose([p["fraction"] for p in path.points], np.geomspace(1, 0.02, 6))
    predictions = path.predict(X[:3])
    for k, point in enumerate(path.points):
        assert_allclose(point["lam"], point["fraction"] * path.lam_max)
        single = TraceNormRegressor(point["lam"], tol=1e-9).fit(X, Y)
        assert_allclose(predictions[k], single.predict(X[:3]), atol=2e-3)
        last = path.traces[k].objective[-1]
        assert_allclose(last, single.trace_.objective[-1], rtol=2e-9)
        choice = np.full(5, k)
        W, b = path.coef(choice), path.intercept(choice)
        assert_allclose(X[:3] @ W + b, predictions[k], atol=1e-9)


def test_each_drug_may_choose_its_own_point_of_a_path(data):
    X, Y = data
    path = TraceNormRegressor().fit_path(X, Y, trace_norm_grid(4, 0.05))
    choice = np.array([3, 0, 1, 3, 2])
    predictions = path.predict(X)[choice, :, np.arange(5)].T
    assert_allclose(
        X @ path.coef(choice) + path.intercept(choice), predictions, atol=1e-10
    )


def test_the_usual_grid_falls_from_1_to_a_hundredth():
    grid = trace_norm_grid()
    assert (len(grid), grid[0], grid[-1]) == (50, {"fraction": 1.0}, {"fraction": 0.01})


@pytest.mark.parametrize("fractions", [[0.1, 0.5], [1.0, 0.2, 0.3]])
def test_a_grid_that_rises_is_refused(data, fractions):
    with pytest.raises(ValueError, match="grid must have falling fractions; got "):
        TraceNormRegressor().fit_path(*data, [{"fraction": f} for f in fractions])


def test_with_next_to_no_penalty_it_is_least_squares(data):
    X, Y = data
    X = X[:, :3]
    fit = TraceNormRegressor(1e-9, tol=1e-12).fit(X, Y)
    for t, y in enumerate(Y.T):
        seen = ~np.isnan(y)
        design = np.column_stack([X[seen], np.ones(seen.sum())])
        by_hand = np.linalg.lstsq(design, y[seen], rcond=None)[0]
        # 1e-12 of the objective allows 1e-6 of the weights
        assert_allclose([*fit.coef_[:, t], fit.intercept_[t]], by_hand, atol=1e-5)


@every_solver
def test_the_gap_is_reached_on_random_problems(solver):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, p, T = rng.integers(3, 12, size=3)
        X, Y = made(rng, n, p, T, rng.choice([0.0, 0.2, 0.5]))
        lam = lam_max(X, Y) * 10 ** rng.uniform(-2, 0.1)
        fit = SOLVERS[solver](lam).fit(X, Y)
        assert fit.trace_.status == "converged", seed


@pytest.mark.parametrize("lam", [0.01, 3.0, 500.0])
@pytest.mark.parametrize("p", [4, 30])
def test_ridge_is_that_of_scikit_learn(rng, lam, p):
    X, Y = made(rng, 20, p, 5, 0.25)
    fit = RidgePerTask(lam).fit(X, Y)
    for t, y in enumerate(Y.T):
        seen = ~np.isnan(y)
        theirs = Ridge(lam).fit(X[seen], y[seen])
        assert_allclose(fit.coef_[:, t], theirs.coef_, atol=1e-9)
        assert_allclose(fit.intercept_[t], theirs.intercept_, atol=1e-9)


def test_a_path_of_ridges_is_its_single_fits(rng):
    X, Y = made(rng, 20, 30, 5, 0.25)
    path = RidgePerTask().fit_path(X, Y)
    multiples = [point["multiple"] for point in path.points]
    assert_allclose(multiples, np.geomspace(100, 0.01, 30))
    centred = X - X.mean(axis=0)
    typical = np.linalg.norm(centred) ** 2 / 19  # rank 19 of 20 lines
    for k in (0, 7, 29):
        assert_allclose(path.points[k]["lam"], multiples[k] * typical)
        single = RidgePerTask(multiples[k] * typical).fit(X, Y)
        assert_allclose(path.predict(X)[k], single.predict(X), atol=1e-9)
