from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.studies.sensing.simulate import planted_modules


@pytest.fixture(scope="module")
def made():
    return planted_modules(random_state=1)


def test_tables_are_named_and_fit_together(made):
    assert made.X.shape == made.expected.shape == (2000, 500)
    assert made.loadings.shape == (40, 500)
    assert made.activities.shape == (2000, 40)
    assert made.X.index.equals(made.activities.index)
    assert made.X.index.equals(made.types.index)
    assert made.X.index.equals(made.expected.index)
    assert made.loadings.index.equals(made.activities.columns)
    for genes in (made.X.columns, made.expected.columns, made.abundance.index):
        assert genes.equals(made.loadings.columns)
    names = made.X.index[0], made.X.columns[0], made.loadings.index[0], made.types.min()
    assert names == ("sample-0001", "gene-001", "module-01", "type-01")
    assert made.types.nunique() == 20
    assert set(map(str, made.X.dtypes)) == {"int64"}
    assert made.X.min(axis=None) == 0


def test_the_mean_is_that_of_the_equation(made):
    rates = made.abundance * (0.15 + made.activities @ made.loadings)
    shares = rates.div(rates.sum(axis=1), axis=0)
    depths = made.expected.sum(axis=1)
    assert_allclose(made.expected, shares.mul(depths, axis=0), rtol=1e-12)
    # 2000 log-normal depths: median 2e5 within 1.3%, spread .4 within .006
    assert np.exp(np.log(depths).mean()) == pytest.approx(2e5, rel=0.04)
    assert np.log(depths).std() == pytest.approx(0.4, abs=0.02)


def test_counts_have_the_mean_and_the_variance_of_the_law(made):
    mean = made.expected.to_numpy()
    z = (made.X.to_numpy() - mean) / np.sqrt(mean + 0.1 * mean**2)
    assert abs(z.mean()) < 0.004  # .001 expected, of 10^6 counts
    for some in (mean < 5, (mean > 5) & (mean < 100), mean > 100):
        assert z[some].std() == pytest.approx(1, abs=0.02)


def test_modules(made):
    sizes = (made.loadings > 0).sum(axis=1)
    assert sizes.min() >= 5
    assert sizes.mean() == pytest.approx(24.5, abs=6)  # sd of the mean of 40: 2
    inside = made.loadings.to_numpy()[made.loadings > 0]
    assert inside.mean() == pytest.approx(1, abs=0.13)  # sd .03
    assert inside.std() == pytest.approx(1, abs=0.15)
    assert np.log(made.abundance).std() == pytest.approx(1.5, abs=0.2)  # sd .05


def test_a_sample_has_the_modules_of_its_type_and_one_more(made):
    on = made.activities > 0
    always = on.groupby(made.types).all()
    assert_array_equal(always.sum(axis=1), 8)
    extra = on.to_numpy() & ~always.loc[made.types].to_numpy()
    assert extra.sum(axis=1).max() == 1
    # one of 40 modules, of which 8 are on anyway: .8; sd .009
    assert extra.sum(axis=1).mean() == pytest.approx(0.8, abs=0.04)
    assert made.activities.to_numpy()[extra].mean() == pytest.approx(0.7, abs=0.08)


def test_samples_of_a_type_differ_by_the_spread():
    made = planted_modules(600, 20, n_extra=0, n_types=3, random_state=3)
    logs = np.log(made.activities.where(made.activities > 0))
    spreads = logs.groupby(made.types).std().stack().dropna()
    assert len(spreads) == 24
    assert_allclose(spreads, 0.5, atol=0.09)  # sd .025
    alike = planted_modules(600, 20, n_extra=0, n_types=3, spread=0, random_state=3)
    assert alike.activities.groupby(alike.types).nunique().max(axis=None) == 1


def test_activities_of_types_are_gamma():
    made = planted_modules(
        4000, 5, n_types=2000, n_modules=8, n_extra=0, spread=0, random_state=0
    )
    values = made.activities.to_numpy()[~made.types.duplicated()]
    assert values.mean() == pytest.approx(2, abs=0.05)  # sd .013
    assert values.var() == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(
    "changed",
    [
        {"n_modules": 12},
        {"n_types": 3},
        {"n_active": 2},
        {"n_extra": 3},
        {"spread": 1.0},
        {"dispersion": 1.0},
        {"depth": 100.0},
        {"random_state": 1},
    ],
)
def test_each_dial_turns_something(changed):
    given = {"n_samples": 30, "n_genes": 20, "n_modules": 10}
    X = planted_modules(**given).X
    assert_array_equal(X, planted_modules(**given).X)
    assert not np.array_equal(X, planted_modules(**given | changed).X)


def test_a_smaller_dispersion_leaves_less_noise():
    def noise(dispersion):
        made = planted_modules(50, 40, dispersion=dispersion, depth=1e6)
        return (made.X / made.expected).to_numpy().std()

    assert noise(0.001) < noise(0.1) / 3


def test_no_module_at_all_leaves_the_floor():
    made = planted_modules(20, 10, n_active=0, n_extra=0)
    assert not made.activities.any(axis=None)
    shares = made.expected.div(made.expected.sum(axis=1), axis=0)
    assert_allclose(shares, np.tile(made.abundance / made.abundance.sum(), (20, 1)))


def test_the_truth_cannot_be_exchanged(made):
    with pytest.raises(FrozenInstanceError):
        made.X = made.expected


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n_samples": 0}, "n_samples must be a whole number of at least 1; got 0"),
        ({"n_genes": 4}, "n_genes must be a whole number of at least 5; got 4"),
        ({"n_modules": 0}, "n_modules must be a whole number of at least 1; got 0"),
        ({"n_types": 0}, "n_types must be a whole number of at least 1; got 0"),
        ({"n_active": 41}, "n_active must be at most 40; got 41"),
        ({"n_extra": 41}, "n_extra must be at most 40; got 41"),
        ({"n_active": -1}, "n_active must be a whole number of at least 0; got -1"),
        ({"spread": -0.1}, "spread must be a non-negative number; got -0.1"),
        ({"dispersion": 0}, "dispersion must be a positive number; got 0"),
        ({"depth": np.inf}, "depth must be a positive number; got inf"),
        ({"random_state": None}, "random_state must be a whole number of at least 0"),
    ],
)
def test_what_cannot_be_made(options, says):
    with pytest.raises(ValueError, match=says):
        planted_modules(**options)


@pytest.mark.parametrize("depth", [2.0**63, 1e30, 1e300])
def test_counts_that_int64_may_not_hold_are_refused(depth):
    small = {"n_samples": 5, "n_genes": 50}
    assert planted_modules(**small, depth=1e15).X.min(axis=None) >= 0
    with pytest.raises(ValueError, match=r"depth must leave fewer than 2\*\*62 counts"):
        planted_modules(**small, depth=depth)
