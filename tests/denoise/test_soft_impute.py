import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from latentomics.denoise import SoftImpute

BOTH_WAYS = pytest.mark.parametrize("accelerate", [True, False])


def objective(X, Z, lam):
    """The docstring's formula, written out again."""
    return np.nansum((X - Z) ** 2) / 2 + lam * np.linalg.svd(Z)[1].sum()


@BOTH_WAYS
@pytest.mark.parametrize("shape", [(8, 5), (5, 8)])
def test_without_gaps_the_answer_is_one_shrinkage(rng, device, accelerate, shape):
    X = rng.normal(size=shape)
    U, s, Vh = np.linalg.svd(X, full_matrices=False)
    fit = SoftImpute(0.7, accelerate=accelerate, device=device).fit(X)
    assert_allclose(fit.low_rank_, (U * np.maximum(s - 0.7, 0)) @ Vh, atol=1e-12)


@BOTH_WAYS
def test_large_lam_gives_exactly_zero(gappy, device, accelerate):
    X = gappy[1]
    lam_max = np.linalg.norm(np.nan_to_num(X), 2)
    fit = SoftImpute(lam_max * 1.001, accelerate=accelerate, device=device).fit(X)
    assert not fit.low_rank_.any()
    fit = SoftImpute(lam_max * 0.999, accelerate=accelerate, device=device).fit(X)
    assert fit.low_rank_.any()


@BOTH_WAYS
def test_trace_reports_the_objective_of_the_docstring(gappy, device, accelerate):
    X = gappy[1]
    fit = SoftImpute(3.0, accelerate=accelerate, device=device).fit(X)
    by_hand = objective(X, fit.low_rank_, 3.0)
    assert_allclose(fit.trace_.objective[-1], by_hand, rtol=1e-10)


def test_the_plain_objective_never_rises(gappy, device):
    fit = SoftImpute(3.0, accelerate=False, tol=1e-9, device=device).fit(gappy[1])
    trace = np.array(fit.trace_.objective)
    assert len(trace) > 3
    # an SVD of order-10 values in float64 rounds at about 1e-14 relative
    assert np.all(np.diff(trace) <= 1e-12 * trace[0])


@BOTH_WAYS
def test_solution_satisfies_the_optimality_condition(gappy, device, accelerate):
    # P_Omega(X - Z) must be lam times a subgradient of the nuclear norm at Z:
    # spectral norm <= lam and <G, Z> = lam ||Z||_*
    X, lam = gappy[1], 3.0
    model = SoftImpute(lam, accelerate=accelerate, tol=1e-10, device=device)
    Z = model.fit(X).low_rank_
    G = np.nan_to_num(X - Z)
    assert np.linalg.norm(G, 2) <= lam * (1 + 1e-7)
    assert_allclose(np.sum(G * Z), lam * np.linalg.norm(Z, "nuc"), rtol=1e-7)


def test_both_ways_agree_and_momentum_needs_fewer_steps(gappy):
    fast, slow = (
        SoftImpute(0.1, accelerate=a, tol=1e-10, max_iter=5000).fit(gappy[1])
        for a in (True, False)
    )
    assert_allclose(fast.low_rank_, slow.low_rank_, atol=1e-7)
    assert fast.trace_.n_iter < slow.trace_.n_iter / 2


def test_agrees_with_a_convex_solver(rng):
    X = rng.normal(size=(7, 5))
    X[[0, 2, 2, 6], [1, 0, 4, 3]] = np.nan
    Z = cp.Variable(X.shape)
    misfit = cp.multiply(~np.isnan(X), Z - np.nan_to_num(X))
    goal = cp.Minimize(cp.sum_squares(misfit) / 2 + 1.2 * cp.normNuc(Z))
    cp.Problem(goal).solve(solver="CLARABEL")
    fit = SoftImpute(1.2, tol=1e-10).fit(X)
    # the objective is flat at the optimum: its digits are twice those of Z
    assert_allclose(objective(X, fit.low_rank_, 1.2), goal.value, rtol=1e-8)
    assert_allclose(fit.low_rank_, Z.value, atol=1e-4)


def test_fills_gaps_of_a_nearly_low_rank_matrix(gappy):
    truth, X = gappy
    gaps = np.isnan(X)
    Z = SoftImpute(0.5).fit(X).low_rank_
    error = np.linalg.norm((Z - truth)[gaps]) / np.linalg.norm(truth[gaps])
    assert error < 0.16  # 100 seeds: median .080, 95 % below .130, worst .154


@BOTH_WAYS
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(gappy, scale, accelerate):
    X = gappy[1]
    one = SoftImpute(3.0, accelerate=accelerate).fit(X)
    other = SoftImpute(3.0 * scale, accelerate=accelerate).fit(X * scale)
    assert other.trace_.n_iter == one.trace_.n_iter
    assert_allclose(other.low_rank_, one.low_rank_ * scale, rtol=1e-9)


def test_turning_and_shuffling_the_matrix_turns_and_shuffles_the_fit(gappy, rng):
    X = gappy[1]
    fit = SoftImpute(3.0, tol=1e-10).fit(X).low_rank_
    turned = SoftImpute(3.0, tol=1e-10).fit(X.T).low_rank_
    assert_allclose(turned.T, fit, atol=1e-8)
    rows, columns = rng.permutation(30), rng.permutation(20)
    shuffled = SoftImpute(3.0, tol=1e-10).fit(X[rows][:, columns]).low_rank_
    assert_allclose(shuffled, fit[rows][:, columns], atol=1e-8)


def test_entries_held_out_are_gaps_to_the_fit(gappy, rng):
    X = gappy[1]
    held = rng.random(X.shape) < 0.1
    fit = SoftImpute(3.0).fit(X, validation=held)
    gaps = SoftImpute(3.0).fit(np.where(held, np.nan, X))
    assert_array_equal(fit.low_rank_, gaps.low_rank_)


def test_nothing_returns_as_measured(gappy):
    fit = SoftImpute(3.0).fit(gappy[1])
    assert_array_equal(fit.corrected_, fit.low_rank_)
    assert fit.kept_.shape == fit.low_rank_.shape
    assert not fit.kept_.any()


def test_too_few_steps_are_said(gappy):
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2: gap .* > tol 1\.0e-06"):
        fit = SoftImpute(0.1, max_iter=2).fit(gappy[1])
    assert fit.trace_.status == "max_iter"
