import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.denoise import GeneralSensitivity


@pytest.fixture
def response(rng):
    """Drugs of unlike mean and spread, lines of unlike general level, no gaps."""
    general = np.outer(rng.normal(size=30), rng.uniform(0.5, 1.5, size=12))
    Z = general + rng.normal(size=(30, 12))
    return 10 * rng.normal(size=12) + Z * rng.uniform(0.1, 5, size=12)


@pytest.fixture
def gappy_response(response, rng):
    return np.where(rng.random(response.shape) < 0.2, np.nan, response)


def standard(X):
    mean, spread = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    return mean, spread, (X - mean) / spread


def test_equal_loadings_take_out_the_mean_over_a_lines_drugs(gappy_response, device):
    X = gappy_response
    fit = GeneralSensitivity(device=device).fit(X)
    mean, spread, Z = standard(X)
    level = np.nanmean(Z, axis=1)
    assert_allclose(fit.sensitivity_, level, atol=1e-12)
    assert_array_equal(fit.loadings_, np.ones(12))
    by_hand = mean + spread * (Z - level[:, None])
    assert_allclose(fit.corrected_[~np.isnan(X)], by_hand[~np.isnan(X)], atol=1e-12)
    assert_allclose(fit.low_rank_, mean + spread * level[:, None], atol=1e-12)


def test_a_gap_holds_the_mean_of_its_drug(gappy_response):
    X = gappy_response
    fit = GeneralSensitivity().fit(X)
    means = np.broadcast_to(np.nanmean(X, axis=0), X.shape)
    assert_allclose(fit.corrected_[np.isnan(X)], means[np.isnan(X)], atol=1e-12)
    assert not fit.kept_.any()


def test_without_gaps_the_fitted_factor_is_the_best_of_rank_one(response, device):
    fit = GeneralSensitivity("fitted", tol=1e-10, device=device).fit(response)
    mean, spread, Z = standard(response)
    U, s, Vh = np.linalg.svd(Z, full_matrices=False)
    rank_one = s[0] * np.outer(U[:, 0], Vh[0])
    assert_allclose(fit.low_rank_, mean + spread * rank_one, atol=1e-7)
    assert_allclose(fit.corrected_, mean + spread * (Z - rank_one), atol=1e-7)
    assert_allclose(np.mean(fit.loadings_**2), 1)
    assert_allclose(np.abs(fit.loadings_), np.abs(Vh[0]) * np.sqrt(12), atol=1e-7)
    assert_allclose(fit.trace_.objective[-1], (s[1:] ** 2).sum(), rtol=1e-9)


@pytest.mark.parametrize("loadings", ["equal", "fitted"])
def test_trace_reports_the_objective_of_the_docstring(gappy_response, loadings):
    X = gappy_response
    fit = GeneralSensitivity(loadings).fit(X)
    Z = standard(X)[2]
    by_hand = np.nansum((Z - np.outer(fit.sensitivity_, fit.loadings_)) ** 2)
    assert_allclose(fit.trace_.objective[-1], by_hand, rtol=1e-10)


def test_fitted_with_gaps_is_stationary_and_never_rises(gappy_response):
    X = gappy_response
    fit = GeneralSensitivity("fitted", tol=1e-11).fit(X)
    u, v = fit.sensitivity_, fit.loadings_
    R = np.nan_to_num(standard(X)[2] - np.outer(u, v))
    assert_allclose(R @ v, 0, atol=1e-8)
    assert_allclose(R.T @ u, 0, atol=1e-8)
    trace = np.array(fit.trace_.objective)
    assert np.all(np.diff(trace) <= 1e-12 * trace[0])


def test_fitted_loadings_leave_less_than_equal_ones(gappy_response):
    equal, fitted = (
        GeneralSensitivity(loadings).fit(gappy_response).trace_.objective[-1]
        for loadings in ("equal", "fitted")
    )
    assert fitted < equal


@pytest.mark.parametrize("loadings", ["equal", "fitted"])
def test_a_change_of_a_drugs_unit_changes_its_unit_only(gappy_response, loadings):
    X = gappy_response
    unit, zero = np.ones(12), np.zeros(12)
    unit[3], zero[3] = 1000, 5
    one = GeneralSensitivity(loadings).fit(X)
    other = GeneralSensitivity(loadings).fit(X * unit + zero)
    assert_allclose(other.sensitivity_, one.sensitivity_, atol=1e-10)
    assert_allclose(other.corrected_, one.corrected_ * unit + zero, rtol=1e-9)
    assert_allclose(other.low_rank_, one.low_rank_ * unit + zero, rtol=1e-9)


def test_a_planted_general_level_is_found(rng):
    level = rng.normal(size=200)
    X = level[:, None] + rng.normal(size=(200, 30))
    fit = GeneralSensitivity("fitted").fit(X)
    # the mean of 30 drugs has noise .18 beside a level of 1: r = .984 expected
    assert np.corrcoef(fit.sensitivity_, level)[0, 1] > 0.97
    left = np.corrcoef(fit.corrected_.mean(axis=1), level)[0, 1]
    assert abs(left) < 0.3  # 200 lines, standard error .07


@pytest.mark.parametrize("value", [0.1, 0.3, 1e7 / 3])
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-12), ("float32", 1e-4)])
def test_a_constant_drug_says_nothing_about_a_line(response, value, dtype, atol):
    # summing copies of .1 rounds, and 1e-17 over 1e-17 would be a whole spread
    response[:, 4] = value
    fit = GeneralSensitivity(dtype=dtype).fit(response)
    others = np.delete(response, 4, axis=1)
    level = standard(others)[2].sum(axis=1) / 12
    assert_allclose(fit.sensitivity_, level, atol=atol)
    assert_array_equal(np.isfinite(fit.corrected_), True)


def test_entries_held_out_do_not_move_the_fit(response, rng):
    held = rng.random(response.shape) < 0.1
    one = GeneralSensitivity().fit(response, validation=held)
    gaps = GeneralSensitivity().fit(np.where(held, np.nan, response))
    assert_array_equal(one.low_rank_, gaps.low_rank_)
    # but they are measured, and keep what is specific about them
    mean = np.where(held, np.nan, response)
    mean = np.nanmean(mean, axis=0)
    specific = response - one.low_rank_ + mean
    assert_allclose(one.corrected_[held], specific[held], atol=1e-12)


@pytest.mark.parametrize("loadings", ["equal", "fitted"])
@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e140])
def test_tiny_and_huge_numbers_are_only_a_unit(gappy_response, loadings, scale):
    one = GeneralSensitivity(loadings).fit(gappy_response)
    other = GeneralSensitivity(loadings).fit(gappy_response * scale)
    assert_allclose(other.sensitivity_, one.sensitivity_, atol=1e-9)
    assert_allclose(other.corrected_ / scale, one.corrected_, rtol=1e-7, atol=1e-9)
