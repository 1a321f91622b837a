import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.denoise import NuclearNormBall

EPS = 0.3
PRECISE = {"tol": 1e-9, "max_iter": 20_000}


def test_agrees_with_a_convex_solver(rng):
    X = rng.normal(size=(7, 5))
    X[[0, 2, 2, 6], [1, 0, 4, 3]] = np.nan
    seen = ~np.isnan(X)
    L = cp.Variable(X.shape)
    band = cp.abs(cp.multiply(seen, L - np.nan_to_num(X))) <= EPS
    best = cp.Problem(cp.Minimize(cp.normNuc(L)), [band]).solve(solver="CLARABEL")
    fit = NuclearNormBall(EPS, **PRECISE).fit(X)
    assert_allclose(np.linalg.norm(fit.low_rank_, "nuc"), best, rtol=1e-6)
    assert_allclose(fit.low_rank_, L.value, atol=1e-3)


def test_no_entry_leaves_the_band(gappy, device):
    X = gappy[1]
    fit = NuclearNormBall(EPS, device=device).fit(X)
    R = np.abs(X - fit.low_rank_)[~np.isnan(X)]
    assert R.max() <= EPS + 2 * np.finfo(float).eps * np.nanmax(np.abs(X))  # rounding
    assert (R > EPS * (1 - 1e-9)).mean() > 0.05  # the band holds it back


def test_trace_reports_the_objective_of_the_docstring(gappy, device):
    fit = NuclearNormBall(EPS, device=device).fit(gappy[1])
    by_hand = np.linalg.norm(fit.low_rank_, "nuc")
    assert_allclose(fit.trace_.objective[-1], by_hand, rtol=1e-10)
    assert fit.trace_.status == "converged"


@pytest.mark.parametrize("margin", [1, 1.5])
def test_a_band_as_wide_as_the_data_holds_exactly_zero(gappy, margin):
    X = gappy[1]
    eps = margin * np.nanmax(np.abs(X))
    assert not NuclearNormBall(eps).fit(X).low_rank_.any()
    assert NuclearNormBall(0.999 * np.nanmax(np.abs(X))).fit(X).low_rank_.any()


def test_of_one_row_only_the_band_remains():
    # the nuclear norm of a row is its length: each entry is pulled in by eps
    X = np.array([[3.0, -2.0, 0.1, 0.7]])
    fit = NuclearNormBall(0.5, **PRECISE).fit(X)
    assert_allclose(fit.low_rank_, [[2.5, -1.5, 0, 0.2]], atol=1e-7)


def test_what_lies_in_the_gaps_is_ignored(gappy, rng):
    X = gappy[1]
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    fit = NuclearNormBall(EPS).fit(X, validation=held)
    gaps = NuclearNormBall(EPS).fit(np.where(held, np.nan, X))
    other = NuclearNormBall(EPS).fit(np.where(held, 99, X), validation=held)
    assert_array_equal(fit.low_rank_, gaps.low_rank_)
    assert_array_equal(fit.low_rank_, other.low_rank_)


def test_nothing_returns_as_measured(gappy):
    fit = NuclearNormBall(EPS).fit(gappy[1])
    assert_array_equal(fit.corrected_, fit.low_rank_)
    assert not fit.kept_.any()


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(gappy, scale):
    X = gappy[1]
    one = NuclearNormBall(EPS).fit(X)
    other = NuclearNormBall(EPS * scale).fit(X * scale)
    assert other.trace_.n_iter == one.trace_.n_iter
    assert_allclose(other.low_rank_, one.low_rank_ * scale, rtol=1e-9)


def test_turning_the_matrix_turns_the_fit(gappy):
    fit, turned = (
        NuclearNormBall(EPS, tol=1e-7).fit(M) for M in (gappy[1], gappy[1].T)
    )
    # the optimum may not be unique; the path to it is the same but for rounding
    assert_allclose(turned.low_rank_.T, fit.low_rank_, atol=1e-6)


def test_recovers_a_low_rank_matrix_without_noise(gappy):
    truth, X = gappy
    X = np.where(np.isnan(X), np.nan, truth)
    fit = NuclearNormBall(1e-3).fit(X)
    gaps = np.isnan(X)
    error = np.linalg.norm((fit.low_rank_ - truth)[gaps])
    # the gaps are 20 % of rank 3 in 30 x 20: found, to about the band
    assert error / np.linalg.norm(truth[gaps]) < 0.05
