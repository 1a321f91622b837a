import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.denoise import RobustPCA

PRECISE = {"tol": 1e-9, "max_iter": 20_000}


@pytest.fixture
def planted(rng):
    """Rank 2 and 5 % of spikes, no noise and no gaps, 60 x 40."""
    L = rng.normal(size=(60, 2)) @ rng.normal(size=(2, 40))
    S = np.where(rng.random(L.shape) < 0.05, rng.choice([-6.0, 6.0], L.shape), 0)
    return L, S


@pytest.fixture
def spiked(gappy, rng):
    """The gappy matrix with spikes of 4 in 5 % of its entries."""
    return gappy[1] + np.where(rng.random(gappy[1].shape) < 0.05, 4.0, 0)


def objective(L, S, tau):
    """The docstring's formula."""
    price = tau / np.sqrt(max(L.shape))
    return np.linalg.norm(L, "nuc") + price * np.abs(S).sum()


@pytest.mark.parametrize("tau", [0.7, 1.0])
def test_agrees_with_a_convex_solver(rng, tau):
    X = rng.normal(size=(7, 5))
    X[1, 2] += 5
    X[[0, 2, 2, 6], [1, 0, 4, 3]] = np.nan
    seen = ~np.isnan(X)
    L, S = cp.Variable(X.shape), cp.Variable(X.shape)
    whole = cp.multiply(seen, L + S - np.nan_to_num(X)) == 0
    goal = cp.Minimize(cp.normNuc(L) + tau / np.sqrt(7) * cp.norm1(S))
    best = cp.Problem(goal, [whole]).solve(solver="CLARABEL")
    fit = RobustPCA(tau, **PRECISE).fit(X)
    assert_allclose(objective(fit.low_rank_, fit.sparse_, tau), best, rtol=1e-6)


def test_trace_reports_the_objective_of_the_docstring(spiked, device):
    fit = RobustPCA(0.8, device=device).fit(spiked)
    by_hand = objective(fit.low_rank_, fit.sparse_, 0.8)
    assert_allclose(fit.trace_.objective[-1], by_hand, rtol=1e-10)
    assert fit.trace_.status == "converged"


def test_the_two_parts_add_up_to_what_was_measured(spiked, device):
    fit = RobustPCA(device=device, **PRECISE).fit(spiked)
    seen = ~np.isnan(spiked)
    # the broken constraint, 1e-9 of the norm of L, which is about 40
    assert_allclose(fit.corrected_[seen], spiked[seen], atol=1e-7)
    assert_array_equal(fit.corrected_, fit.low_rank_ + fit.sparse_)
    assert_array_equal(fit.kept_, fit.sparse_ != 0)
    assert not fit.sparse_[~seen].any()
    assert 0.02 < fit.kept_.mean() < 0.7


def test_splits_a_matrix_without_noise(planted):
    L, S = planted
    fit = RobustPCA().fit(L + S)
    # exact recovery [Candes 2011]; what is left is the tolerance of the solver
    assert np.linalg.norm(fit.low_rank_ - L) < 1e-3 * np.linalg.norm(L)
    assert_array_equal(np.abs(fit.sparse_) > 1, S != 0)


def test_fills_the_gaps_of_a_matrix_without_noise(planted, rng):
    L, S = planted
    gaps = rng.random(L.shape) < 0.1
    fit = RobustPCA().fit(np.where(gaps, np.nan, L + S))
    # 6 seeds: worst 3e-5; in a smaller matrix a row may have too little left
    assert np.linalg.norm((fit.low_rank_ - L)[gaps]) < 1e-3 * np.linalg.norm(L[gaps])


def test_a_sparse_part_that_costs_too_much_is_empty(spiked):
    fit = RobustPCA(1e3, **PRECISE).fit(spiked)
    seen = ~np.isnan(spiked)
    assert not fit.kept_.any()
    assert_allclose(fit.low_rank_[seen], spiked[seen], atol=1e-7)


def test_a_sparse_part_that_costs_nothing_is_all(spiked):
    # S = X is best once price |S| < ||L||_* everywhere: price below 1 / sqrt(n p)
    fit = RobustPCA(0.2, **PRECISE).fit(spiked)
    assert not fit.low_rank_.any()
    assert_array_equal(fit.sparse_, np.nan_to_num(spiked))


def test_entries_held_out_are_gaps_to_the_fit(spiked, rng):
    held = rng.random(spiked.shape) < 0.1
    held[0] = held[:, 0] = False
    fit = RobustPCA().fit(spiked, validation=held)
    gaps = RobustPCA().fit(np.where(held, np.nan, spiked))
    assert_array_equal(fit.low_rank_, gaps.low_rank_)
    assert_array_equal(fit.corrected_, gaps.corrected_)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(spiked, scale):
    one, other = RobustPCA().fit(spiked), RobustPCA().fit(spiked * scale)
    assert other.trace_.n_iter == one.trace_.n_iter
    assert_allclose(other.low_rank_, one.low_rank_ * scale, rtol=1e-9)
    assert_array_equal(other.kept_, one.kept_)


def test_turning_the_matrix_turns_the_fit(spiked):
    fit, turned = (RobustPCA(tol=1e-7).fit(M) for M in (spiked, spiked.T))
    assert_allclose(turned.corrected_.T, fit.corrected_, atol=1e-6)
    assert_allclose(turned.low_rank_.T, fit.low_rank_, atol=1e-6)
