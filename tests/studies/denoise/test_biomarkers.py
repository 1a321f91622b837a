import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from latentomics.studies.denoise.biomarkers import bootstrap_pairs


def wins(x, marked):
    """1 where a marked line is lower than another, 1/2 if they are equal."""
    one, two = x[marked][:, None], x[~marked]
    return ((one < two) + 0.0 + (one <= two)) / 2


class Drawn:
    """A generator whose draws are given."""

    def __init__(self, *counts):
        self.counts = list(counts)

    def multinomial(self, n, pvals, size):
        assert_allclose(pvals, 1 / n)
        return self.counts.pop(0)[:size]


def test_a_draw_is_the_auroc_of_the_repeated_lines(rng):
    marked = np.arange(20) < 8
    x = rng.integers(0, 6, 20) + 0.0  # with ties
    rows = rng.multinomial(8, np.full(8, 1 / 8), 5)
    columns = rng.multinomial(12, np.full(12, 1 / 12), 5)
    got = bootstrap_pairs(wins(x, marked), rng=Drawn(rows, columns), n_resamples=5)
    for mean, *times in zip(got, rows, columns, strict=True):
        times = np.concatenate(times)
        y = np.repeat(marked, times)
        assert mean == pytest.approx(roc_auc_score(y, -np.repeat(x, times)))


def test_the_spread_is_the_one_of_slow_draws(rng):
    pairs = rng.normal(size=(15, 1)) + rng.normal(size=40)
    got = bootstrap_pairs(pairs, rng=rng, n_resamples=4000)
    draws = [
        pairs[rng.integers(15, size=15)][:, rng.integers(40, size=40)].mean()
        for _ in range(4000)
    ]
    assert got.mean() == pytest.approx(pairs.mean(), abs=0.02)  # standard error .005
    assert got.std() == pytest.approx(np.std(draws), rel=0.08)  # both within 1.2%


def test_a_constant_has_no_spread_and_a_shift_of_all_lines_no_gain(rng):
    assert_allclose(bootstrap_pairs(np.full((3, 5), 2.5), rng=rng), 2.5)
    marked, x = np.arange(12) < 4, rng.normal(size=12)
    gain = wins(x + 7, marked) - wins(x, marked)
    assert_allclose(bootstrap_pairs(gain, rng=rng, n_resamples=50), 0)


@pytest.mark.parametrize("n_resamples", [0, -1])
def test_a_number_of_draws_below_one_is_refused(rng, n_resamples):
    with pytest.raises(ValueError, match="n_resamples must be at least 1; got"):
        bootstrap_pairs(np.ones((2, 2)), rng=rng, n_resamples=n_resamples)


def test_a_gap_is_refused(rng):
    with pytest.raises(ValueError, match="pairs"):
        bootstrap_pairs([[1.0, np.nan]], rng=rng)
