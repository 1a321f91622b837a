import warnings

import numpy as np
import pytest
import torch
from house import same_fit
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import generator
from latentomics.denoise import (
    DeepMatrixFactorization,
    KeepSpikes,
    ResidualThresholdedDMF,
    Trimmed,
)
from latentomics.denoise.chain import balanced_start
from latentomics.denoise.descent import measured_bound, moving_bound
from latentomics.studies.denoise.variants import VariantDMF

ETA = 2.5
NOISY = {"eta_unit": "noise"}
TISSUES = np.array(["blood", "lung", "skin"])[np.arange(30) // 10]
SETTINGS = {
    "hidden": (10,),
    "scale": None,
    "learning_rate": 0.01,
    "validation_fraction": 0,
    "dtype": "float64",
}


def factors(n_iter, **given):
    """A factorization that makes `n_iter` steps and looks once, at the end."""
    return VariantDMF(**{**SETTINGS, **given}, max_iter=n_iter, look_every=n_iter)


def fixed(n_iter, eta=ETA, *, eta_unit="scaled", scale=None, **given):
    """RT-DMF that makes `n_iter` steps and looks once, at the end."""
    given["loss"] = Trimmed(eta, eta_unit)
    around = {"eta_unit": eta_unit, "scale": scale if scale == "mad" else None}
    return KeepSpikes(factors(n_iter, scale=scale, **given), eta, **around)


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


def noise_of(R):
    """1.4826 times torch's median, the lower one of an even number."""
    R = np.sort(np.abs(R[~np.isnan(R)]))
    return 1.4826 * R[(len(R) - 1) // 2]


@pytest.mark.parametrize("around", [{}, {"keep": "enriched", "fdr": 0.3}], ids=str)
@pytest.mark.parametrize("eta_unit", ["scaled", "noise"])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"scale": None, "dtype": "float64", "hidden": (5, 6), "random_state": 3},
        {"scale": "raw", "init_scale": 0.1, "n_starts": 2, "tol": 0.01},
    ],
    ids=["defaults", "None", "raw"],
)
def test_equals_spikes_kept_around_its_factorization(spiked, own, around, eta_unit):
    X = spiked[2]
    own = {"hidden": (8,), "learning_rate": 0.01, "max_iter": 60, "device": "cpu"} | own
    around = {**around, "eta_unit": eta_unit}
    ours = ResidualThresholdedDMF(ETA, **around, **own)
    loss = Trimmed(ETA, eta_unit)
    model = DeepMatrixFactorization(loss=loss, **own)
    scale = {"mad": "mad"}.get(own.get("scale", "mad"))
    theirs = KeepSpikes(model, ETA, scale=scale, **around)
    given = {"groups": TISSUES} if around.get("keep") else {}
    one, two = (fit(M, X, **given) for M in (ours, theirs))
    assert same_fit(one, two)
    for name in ("trace_", "factors_", "validation_error_"):
        assert getattr(one, name) is getattr(one.model_, name)


@pytest.mark.parametrize("n_iter", [1, 50, 400])
def test_a_trimmed_entry_is_as_good_as_a_gap_and_the_others_go_on(gappy, n_iter):
    # The authors' code cuts the whole gradient once an entry is thresholded, and
    # stands still. Here one spike, thresholded throughout, must leave the same path
    # as a gap in its place: the mean over one entry fewer is a larger step.
    truth, X = gappy
    X = np.nan_to_num(X)
    spike, gap = X.copy(), X.copy()
    spike[4, 7], gap[4, 7] = 1e6, np.nan
    given = {"optimizer": "sgd", "scale": "raw", "eta": 20.0, "init_scale": 0.3}
    with_spike = fit(fixed(n_iter, learning_rate=0.2 * 600 / 599, **given), spike)
    with_gap = fit(fixed(n_iter, learning_rate=0.2, **given), gap)
    assert_allclose(with_spike.low_rank_, with_gap.low_rank_, atol=1e-10)
    assert with_spike.kept_.sum() == 1
    start = fit(fixed(1, learning_rate=1e-12, **given), gap).low_rank_
    left = np.linalg.norm(X - with_gap.low_rank_) / np.linalg.norm(X - start)
    assert left < {1: 1, 50: 0.9, 400: 0.2}[n_iter]


def test_finds_planted_spikes_and_leaves_them_out_of_the_fit(spiked):
    truth, spikes, X = spiked
    given = {"hidden": (20,), "scale": None, "learning_rate": 3e-3}
    model = ResidualThresholdedDMF(4.0, **given).fit(X)
    post = DeepMatrixFactorization(**given).fit(X)
    kept = model.kept_
    # 20 seeds: recall and precision at worst .96; the error at worst .42 of that of
    # the rival, whose squared loss chases the spikes
    assert kept[spikes].mean() > 0.95
    assert spikes[kept].mean() > 0.95
    error, rival = (np.linalg.norm(m.low_rank_ - truth) for m in (model, post))
    assert error < 0.5 * rival


def test_a_change_of_a_drugs_unit_changes_its_unit_only(spiked):
    X = spiked[2]
    unit, zero = np.ones(20), np.zeros(20)
    unit[3], zero[3] = 1000, 5
    one, other = (fit(fixed(200, scale="mad"), M) for M in (X, X * unit + zero))
    assert_array_equal(other.kept_, one.kept_)
    # 200 steps carry rounding of 1e-16 relative, times 1000
    assert_allclose(other.corrected_, one.corrected_ * unit + zero, rtol=1e-8)


def test_an_eta_that_trims_over_half_is_refused(spiked):
    X = spiked[2]
    with pytest.raises(
        ValueError, match=r"eta must leave at least half .*; got 0\.2, .*trims 9\d%"
    ):
        ResidualThresholdedDMF(0.2, scale=None).fit(X)
    # squared loss trims nothing, so it may be any
    fit(KeepSpikes(factors(1), 0.2, scale=None), X)


@pytest.mark.parametrize(
    ("eta", "unit", "says"),
    [
        (0.6, "noise", r"eta must be between 0\.674 and 1e\+15 .*'noise'; got 0\.6"),
        (1e16, "scaled", r"eta must be between 0 and 1e\+15 .*'scaled'; got 1e\+16"),
    ],
)
def test_an_eta_that_makes_no_sense_is_refused(spiked, eta, unit, says):
    with pytest.raises(ValueError, match=says):
        ResidualThresholdedDMF(eta, eta_unit=unit).fit(spiked[2])


def test_a_constant_matrix_stays_what_it_is():
    X = np.full((12, 9), 0.1)
    model = fit(fixed(50, scale="mad", init_scale=1e-9, **NOISY), X)
    assert_allclose(model.corrected_, X, atol=1e-8)  # the size of the start


def test_half_is_still_allowed():
    X = np.array([[3.0, 3], [-3, -3], [0, 0], [0, 0]])
    fit(fixed(1, eta=2.0, scale="raw"), X)
    X[2, 0] = 3
    with pytest.raises(ValueError, match=r"trims 62% at the start"):
        fixed(1, eta=2.0, scale="raw").fit(X)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keep": "some"}, r"keep must be one of .*'all'.*; got 'some'"),
        ({"keep": "abrupt"}, r"keep must be one of .*'all'.*; got 'abrupt'"),
        ({"scale": "sd"}, r"scale must be one of .*'mad'.*; got 'sd'"),
        ({"hidden": ()}, r"hidden must be a tuple of widths.*; got \(\)"),
        ({"hidden": 100}, r"hidden must be a tuple of widths.*; got 100"),
        ({"hidden": (0,)}, r"hidden must be a whole number of at least 1; got 0"),
    ],
)
def test_messages(spiked, given, message):
    with pytest.raises(ValueError, match=message):
        ResidualThresholdedDMF(**given).fit(spiked[2])


@pytest.mark.parametrize(("eta", "says"), [(2.5, "most"), (60.0, "first fit")])
def test_the_bound_in_noise_units_is_that_of_two_fits_by_hand(spiked, eta, says):
    # with one look, at the end, each fit takes its bound from its start
    X = spiked[2]
    start = balanced_start([30, 10, 20], 1e-3, generator(0))
    R = X - np.nanmedian(X) - torch.linalg.multi_dot(start).numpy()
    first = fit(factors(150, loss=Trimmed(eta * noise_of(R))), X)
    size = np.sort(np.abs(R[~np.isnan(R)]))
    most = size[int(np.ceil(0.8 * len(size))) - 1] * (1 + 4 * np.finfo(float).eps)
    bounds = {"first fit": eta * first.noise_, "most": most}
    assert max(bounds, key=bounds.get) == says
    second = fit(factors(150, loss=Trimmed(bounds[says])), X)
    ours = fit(fixed(150, eta=eta, **NOISY), X)
    assert_allclose(ours.low_rank_, second.low_rank_, atol=1e-9)
    assert_allclose(ours.noise_, second.noise_, rtol=1e-9)


def test_the_bound_moves_with_the_residuals_of_the_first_fit():
    R, fitted = torch.tensor([0.0, -1.0, 2.0, -7.0, 90.0, 0.0]), torch.arange(6) < 5
    assert_allclose(moving_bound(3.0)(R, fitted), 3 * 1.4826 * 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "R", [[1.0, -1.0, 1.0, -1.0], [1.0, 2.0, 3.0, 4.0], [-3.0, 1.0, 0.3]]
)
def test_four_fifths_are_left_to_fit(R, dtype):
    R = torch.tensor([*R, 99.0], dtype=dtype)
    fitted = R < 99
    bound = measured_bound(1e-9)(R, fitted)
    assert ((R[fitted].abs() < bound).double().mean()) >= 0.8
    assert measured_bound(50.0)(R, fitted) == 50


def test_structured_data_are_not_refused_in_noise_units(gappy):
    # the structure is 20 times the noise: where 2.5 noises trim nearly all at the
    # start, the bound begins above most entries and falls as the fit learns
    X = gappy[1]
    held = (np.random.default_rng(0).random(X.shape) < 0.1) & (np.arange(20) > 0)
    given = {"scale": None, "hidden": (20,), "learning_rate": 3e-3}
    model = ResidualThresholdedDMF(ETA, **given, **NOISY).fit(X, validation=held)
    with pytest.raises(ValueError, match=r"eta must leave at least half .* trims 9.%"):
        ResidualThresholdedDMF(ETA * model.noise_, **given).fit(X, validation=held)
    fitted = ~np.isnan(X) & ~held
    assert model.kept_[fitted].mean() <= 0.4


def test_eta_in_noise_units_has_no_units(spiked):
    X = spiked[2]
    one = fit(fixed(150, scale="mad", **NOISY), X)
    other = fit(fixed(150, scale="mad", **NOISY), X * 2**10)
    assert_array_equal(other.low_rank_, one.low_rank_ * 2**10)
    assert_array_equal(other.kept_, one.kept_)
    # with scale=None the start and the steps have units: X of 2^10, factors of 2^5,
    # slopes of 2^15; only eta stays. SGD, since Adam adds a constant to its slopes
    given = {"scale": None, "optimizer": "sgd", **NOISY}
    one = fit(fixed(150, **given, init_scale=2**-10, learning_rate=0.1), X)
    large = {"init_scale": 1.0, "learning_rate": 0.1 / 2**10}
    other = fit(fixed(150, **given, **large), X * 2**10)
    assert_array_equal(other.low_rank_, one.low_rank_ * 2**10)
    assert_array_equal(other.kept_, one.kept_)


def test_a_fit_without_noise_gives_back_no_gap():
    # more than half of it fits exactly: the noise is what rounding leaves
    X = np.zeros((12, 9))
    X[0, 0], X[3, 4] = 5, np.nan
    given = {"scale": "raw", "init": "identity", "hidden": (5,)}
    model = fit(fixed(50, **given, **NOISY), X)
    assert_allclose(model.noise_, 8 * np.finfo(float).eps * 5)
    assert not model.kept_[3, 4]
    assert np.isfinite(model.corrected_).all()
