import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_mask, as_numpy, as_tensor
from latentomics.denoise.scaling import robust_units


@pytest.fixture
def table(gappy):
    """Columns of unlike centre and spread, odd and even numbers of entries seen."""
    return gappy[1] * np.geomspace(0.01, 100, 20) + np.arange(20)


def units_of(X, scale, device="cpu"):
    seen = as_mask(~np.isnan(X), device=device)
    return robust_units(as_tensor(X, device=device), seen, scale)


def test_mad_takes_the_median_and_1_4826_mad_of_each_column(table, device):
    units = units_of(table, "mad", device)
    center = np.nanmedian(table, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(table - center), axis=0)
    assert_allclose(as_numpy(units.center), center, rtol=1e-14)
    assert_allclose(as_numpy(units.spread), spread, rtol=1e-14)


def test_mad_of_normal_noise_is_its_standard_deviation(rng):
    units = units_of(3 * rng.normal(size=(20_000, 1)) + 7, "mad")
    # standard errors: .027 of the median, .025 of the spread; 4 of them
    assert abs(float(units.center) - 7) < 0.11
    assert abs(float(units.spread) - 3) < 0.1


def test_none_takes_one_median_and_leaves_the_unit(table):
    units = units_of(table, None)
    assert float(units.center) == pytest.approx(np.nanmedian(table), rel=1e-15)
    assert float(units.spread) == 1


def test_raw_leaves_everything(table):
    units = units_of(table, "raw")
    assert (float(units.center), float(units.spread)) == (0, 1)


@pytest.mark.parametrize("scale", ["mad", None, "raw"])
def test_undo_undoes(table, scale):
    units = units_of(table, scale)
    X = as_tensor(table, device="cpu")
    assert_allclose(as_numpy(units.undo(units.apply(X))), table, rtol=1e-12)


def test_mostly_equal_and_constant_columns_have_a_spread():
    X = np.array([[0.0, 5.0], [0, 5], [0, 5], [0, 5], [10, 5]])
    units = units_of(X, "mad")
    assert_array_equal(as_numpy(units.center), [0, 5])
    assert_allclose(as_numpy(units.spread), [1.2533 * 2, 1])  # mean distance 10 / 5


def test_unseen_entries_do_not_count(table):
    seen = ~np.isnan(table)
    junk = np.where(seen, table, 1e6)
    with_junk = robust_units(
        as_tensor(junk, device="cpu"), as_mask(seen, device="cpu"), "mad"
    )
    without = units_of(table, "mad")
    assert_array_equal(as_numpy(with_junk.spread), as_numpy(without.spread))
    assert_array_equal(as_numpy(with_junk.center), as_numpy(without.center))
