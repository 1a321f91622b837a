import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest

from latentomics.studies.signatures.calibration import (
    calibration_error,
    reliability_table,
)


def test_bins_by_hand():
    table = reliability_table(
        [0.1, 0.15, 0.9, 1.0, 0.95, 0.5], [False, True, True, True, False, True], 4
    )
    assert table.index.tolist() == [0, 2, 3]  # no prediction between .25 and .5
    assert_allclose(table["confidence"], [0.125, 0.5, 0.95])
    assert_allclose(table["observed"], [0.5, 1, 2 / 3])
    assert table["n"].tolist() == [2, 1, 3]
    expected = (2 * 0.375 + 0.5 + 3 * (0.95 - 2 / 3)) / 6
    assert_allclose(calibration_error(table), expected)


def test_intervals_are_wilsons():
    hits = np.repeat([True, False], [3, 17])
    [row] = reliability_table(np.full(20, 0.3), hits).itertuples()
    ci = binomtest(3, 20).proportion_ci(0.95, "wilson")
    assert_allclose([row.low, row.high], [ci.low, ci.high], rtol=1e-6)
    sure = reliability_table(np.ones(5), np.ones(5, bool)).iloc[0]
    assert (sure["low"], sure["high"]) == pytest.approx((0.566, 1.0), abs=1e-3)
    assert sure["high"] <= 1


def test_the_error_tells_calibrated_from_too_sure(rng):
    p = rng.random(20_000)
    fair = reliability_table(p, rng.random(20_000) < p)
    assert calibration_error(fair) < 0.02  # of ten bins of 2,000: .009 expected
    sure = reliability_table(p, rng.random(20_000) < (p + 0.5) / 2)
    assert calibration_error(sure) == pytest.approx(0.25 / 2, abs=0.02)
    assert (
        (fair["low"] <= fair["observed"]) & (fair["observed"] <= fair["high"])
    ).all()


@pytest.mark.parametrize(
    ("p", "hit", "says"),
    [
        ([0.5], [True, False], "two lists of equal length, not empty"),
        ([], np.zeros(0, bool), "not empty"),
        ([[0.5]], [[True]], "two lists"),
        ([1.2], [True], "from 0 to 1; got .*1.2"),
        ([np.nan], [True], "from 0 to 1; got .*nan"),
        ([0.5], [1], "correct must be True or False; got int"),
    ],
)
def test_messages(p, hit, says):
    with pytest.raises(ValueError, match=says):
        reliability_table(p, hit)


def test_a_series_of_samples_is_taken():
    confidence = pd.Series([0.2, 0.8], ["b", "a"])
    table = reliability_table(confidence, pd.Series([False, True], ["b", "a"]), 2)
    assert table["observed"].tolist() == [0, 1]


def test_bins_that_floats_cannot_tell_apart_are_refused():
    assert reliability_table([0.1, 1.0], [True, False], 2**53).n.tolist() == [1, 1]
    for n_bins in (2**53 + 1, 2**63, 2**70):
        with pytest.raises(
            ValueError, match=rf"n_bins must be at most .*; got {n_bins}"
        ):
            reliability_table([0.1, 1.0], [True, False], n_bins)
