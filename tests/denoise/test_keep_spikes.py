import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from house import same_fit
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from latentomics.denoise import (
    CellSearch,
    DeepMatrixFactorization,
    KeepSpikes,
    SoftImpute,
    StablePCP,
    Trimmed,
)
from latentomics.denoise.enriched import enriched_spikes, group_masks

ETA = 2.5
LAM = 9.0
TISSUES = np.array(["blood", "lung", "skin"])[np.arange(30) // 10]
SCALES = pytest.mark.parametrize(("scale", "eta"), [("mad", 1.5), (None, ETA)])
UNITS = pytest.mark.parametrize(
    ("eta_unit", "scale"),
    [("scaled", "mad"), ("scaled", None), ("noise", "mad"), ("noise", None)],
)
LOSSES = pytest.mark.parametrize("loss", ["trimmed", "squared"])


def deep(n_iter, loss="squared", **given):
    """A factorization that makes `n_iter` steps and looks once, at the end."""
    settings = {
        "hidden": (10,),
        "scale": None,
        "learning_rate": 0.01,
        "validation_fraction": 0,
        "dtype": "float64",
    }
    once = {"max_iter": n_iter, "look_every": n_iter}
    return DeepMatrixFactorization(loss=loss, **{**settings, **given}, **once)


def fixed(n_iter, loss, eta=ETA, *, scale=None, eta_unit="scaled", keep="all", **given):
    """The same, whose spikes are kept."""
    loss = {"trimmed": Trimmed(eta, eta_unit), "squared": "squared"}[loss]
    model = deep(n_iter, loss, scale=scale, **given)
    return KeepSpikes(model, eta, eta_unit=eta_unit, scale=scale, keep=keep)


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


def spread_of(X, scale):
    """By hand: what one scaled unit is in each column, in the units of X."""
    distance = np.abs(X - np.nanmedian(X, axis=0))
    mad = 1.4826 * np.nanmedian(distance, axis=0)
    return {"mad": mad, None: np.ones(X.shape[1])}[scale]


def noise_of(R):
    """1.4826 times torch's median, the lower one of an even number."""
    R = np.sort(np.abs(R[~np.isnan(R)]))
    return 1.4826 * R[(len(R) - 1) // 2]


@UNITS
def test_around_soft_impute_by_hand(spiked, eta_unit, scale):
    X = spiked[2]
    L = SoftImpute(LAM).fit(X).low_rank_
    R = np.abs(X - L) / spread_of(X, scale)
    bound = 1.5 * {"scaled": 1, "noise": noise_of(R)}[eta_unit]
    kept = np.nan_to_num(R) >= bound
    assert 5 < kept.sum() < 200
    model = KeepSpikes(SoftImpute(LAM), 1.5, eta_unit=eta_unit, scale=scale).fit(X)
    assert_array_equal(model.low_rank_, L)
    assert_allclose(model.noise_, noise_of(R), rtol=1e-12)
    assert_array_equal(model.kept_, kept)
    assert_array_equal(model.corrected_, np.where(kept, X, L))


@UNITS
def test_units_are_of_the_fitted_entries_but_any_measured_one_may_be_kept(
    spiked, rng, eta_unit, scale
):
    _, spikes, X = spiked
    held = rng.random(X.shape) < 0.3
    held[0] = held[:, 0] = False
    given = {"eta_unit": eta_unit, "scale": scale}
    model = KeepSpikes(SoftImpute(LAM), 1.5, **given).fit(X, validation=held)
    fitted = np.where(held, np.nan, X)
    L = SoftImpute(LAM).fit(fitted).low_rank_
    spread = spread_of(fitted, scale)
    noise = noise_of((fitted - L) / spread)
    assert_array_equal(model.low_rank_, L)
    assert_allclose(model.noise_, noise, rtol=1e-12)
    bound = 1.5 * {"scaled": 1, "noise": noise}[eta_unit]
    assert_array_equal(model.kept_, np.nan_to_num(abs(X - L) / spread) >= bound)
    assert model.kept_[held & spikes].any()


@pytest.mark.parametrize(
    "model", [SoftImpute(LAM), StablePCP(LAM, 0.5), deep(100)], ids=type
)
def test_the_model_is_fitted_as_it_would_be_alone(spiked, model):
    X = spiked[2]
    ours = fit(KeepSpikes(model), X)
    alone = fit(clone(model), X)
    assert same_fit(ours.model_, alone)
    assert_array_equal(ours.low_rank_, alone.low_rank_)
    assert ours.trace_ is ours.model_.trace_
    assert not hasattr(model, "low_rank_")


@SCALES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@LOSSES
def test_spikes_return_exactly_as_measured(spiked, scale, eta, dtype, loss):
    X = 1000 + spiked[2]  # taking 1000 off and adding it would lose the last digits
    model = fit(fixed(40, loss, eta, scale=scale, dtype=dtype), X)
    kept = model.kept_
    assert 10 < kept.sum() < 240
    # which is `dtype`, unless that rounds the fit away
    assert model.corrected_.dtype == model.low_rank_.dtype
    assert_array_equal(model.corrected_[kept], X[kept].astype(model.low_rank_.dtype))
    assert_array_equal(model.corrected_[~kept], model.low_rank_[~kept])


@SCALES
@LOSSES
def test_spikes_are_the_residuals_of_at_least_eta(spiked, scale, eta, loss):
    X = 100 + spiked[2]
    model = fit(fixed(40, loss, eta, scale=scale), X)
    R = np.nan_to_num(X - model.low_rank_) / spread_of(X, scale)
    assert_array_equal(model.kept_, np.abs(R) >= eta)
    assert (R[model.kept_] < 0).any()
    assert (R[model.kept_] > 0).any()


@SCALES
@LOSSES
def test_in_noise_units_spikes_are_the_residuals_of_eta_noises(
    spiked, scale, eta, loss
):
    X = 100 + spiked[2]
    model = fit(fixed(150, loss, eta, scale=scale, eta_unit="noise"), X)
    R = (X - model.low_rank_) / spread_of(X, scale)
    assert_allclose(model.noise_, noise_of(R), rtol=1e-9)
    assert_array_equal(model.kept_, np.nan_to_num(np.abs(R)) >= eta * model.noise_)
    assert 5 < model.kept_.sum() < 300


@LOSSES
def test_keep_none_returns_the_fit(spiked, loss):
    X = spiked[2]
    model = fit(fixed(300, loss, keep="none"), X)
    assert not model.kept_.any()
    assert_array_equal(model.corrected_, model.low_rank_)
    assert_array_equal(model.low_rank_, fit(fixed(300, loss), X).low_rank_)


@pytest.mark.parametrize("eta", [1.0, 1e-12])
@pytest.mark.parametrize("model", [SoftImpute(LAM), deep(40)], ids=type)
def test_a_gap_is_never_a_spike(spiked, model, eta):
    X = spiked[2]
    model = fit(KeepSpikes(model, eta), X)
    gaps = np.isnan(X)
    assert model.kept_[~gaps].any()
    assert not model.kept_[gaps].any()
    assert_array_equal(model.corrected_[gaps], model.low_rank_[gaps])


def test_held_out_entries_may_be_spikes_but_do_not_move_the_fit(spiked, rng):
    _, spikes, X = spiked
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    model = fit(fixed(300, "trimmed"), X, validation=held)
    gaps = fit(fixed(300, "trimmed"), np.where(held, np.nan, X))
    assert_array_equal(model.low_rank_, gaps.low_rank_)
    both = held & spikes
    assert model.kept_[both].any()
    assert not gaps.kept_[both].any()


@LOSSES
def test_turning_the_matrix_turns_the_correction(spiked, rng, loss):
    X = spiked[2] * np.linspace(0.5, 2, 20)
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    one = fit(fixed(200, loss), X, validation=held)
    turned = fit(fixed(200, loss), X.T, validation=held.T)
    assert_allclose(turned.corrected_.T, one.corrected_, atol=1e-9)
    assert_array_equal(turned.kept_.T, one.kept_)


@pytest.mark.parametrize(("scale", "eta"), [("mad", 1.5), (None, 1.5 * 2**20)])
def test_a_change_of_units_changes_nothing_else(spiked, scale, eta):
    X, size = spiked[2], 2**20
    one = KeepSpikes(SoftImpute(LAM), 1.5, scale=scale).fit(X)
    other = KeepSpikes(SoftImpute(LAM * size), eta, scale=scale).fit(X * size)
    unit = {"mad": 1, None: size}[scale]
    assert_array_equal(other.kept_, one.kept_)
    assert other.trace_.n_iter == one.trace_.n_iter
    # a hundred steps or so, each rounding at 1e-16
    assert_allclose(other.noise_, one.noise_ * unit, rtol=1e-10)
    assert_allclose(other.corrected_, one.corrected_ * size, rtol=1e-10)


def test_a_search_reaches_the_parameters_of_the_model(spiked, rng):
    X = spiked[2]
    held = (rng.random(X.shape) < 0.15) & ~np.isnan(X)
    lams = [0.3, 1.0, 3.0, 9.0]
    estimator = KeepSpikes(SoftImpute(), ETA, scale=None)
    search = CellSearch(estimator, {"model__lam": lams}).fit(X, validation=held)
    plain = CellSearch(SoftImpute(), {"lam": lams}).fit(X, validation=held)
    assert search.results_["model__lam"].tolist() == lams
    for column in ("score", "iterations"):
        assert_array_equal(search.results_[column], plain.results_[column])
    lam = plain.best_params_["lam"]
    assert search.best_params_ == {"model__lam": lam}
    alone = KeepSpikes(SoftImpute(lam), ETA, scale=None).fit(X, validation=held)
    assert same_fit(search.best_estimator_, alone)
    assert_array_equal(search.kept_, alone.kept_)
    assert estimator.model.lam == 1.0


def test_a_clone_has_a_model_of_its_own_and_a_pickle_all_of_the_fit(spiked):
    X = spiked[2]
    model = KeepSpikes(SoftImpute(LAM), ETA).fit(X)
    other = clone(model).set_params(model__lam=LAM / 2)
    assert (model.model.lam, other.model.lam) == (LAM, LAM / 2)
    assert not hasattr(other, "trace_")
    assert (other.fit(X).low_rank_ != model.low_rank_).any()
    back = pickle.loads(pickle.dumps(model))
    assert same_fit(back, model)
    assert back.trace_.objective == model.trace_.objective


def test_enriched_spikes_by_hand(spiked):
    X = spiked[2].copy()
    X[20:28, 4] -= 12  # one drug strikes skin
    given = {"keep": "enriched", "fdr": 0.05}
    model = KeepSpikes(SoftImpute(LAM), 1.5, **given).fit(X, groups=TISSUES)
    every = KeepSpikes(SoftImpute(LAM), 1.5).fit(X)
    signs = np.where(every.kept_, np.sign(X - every.low_rank_), 0)
    masks = group_masks(TISSUES, 30)
    kept, tests = enriched_spikes(signs.T, ~np.isnan(X).T, masks, fdr=0.05)
    assert_array_equal(model.kept_, kept.T)
    pd.testing.assert_frame_equal(model.enrichment_, tests)
    assert 0 < kept.sum() < every.kept_.sum()
    assert_array_equal(model.corrected_, np.where(kept.T, X, every.low_rank_))
    assert not hasattr(every, "enrichment_")


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        (None, r'groups must be given to fit with keep="enriched"; got None'),
        (TISSUES[:20], r"groups must have one label for each of 30 lines; got 20"),
    ],
)
def test_groups_are_asked_for_before_the_fit(spiked, groups, says):
    model = KeepSpikes(deep(10**9), keep="enriched")
    with pytest.raises(ValueError, match=says):
        model.fit(spiked[2], groups=groups)


@pytest.mark.parametrize(
    "model",
    [
        *(None, "SoftImpute", SoftImpute, Ridge()),
        CellSearch(SoftImpute(), {"lam": [1.0]}),
        KeepSpikes(SoftImpute()),
    ],
    ids=str,
)
def test_what_is_no_denoising_estimator_is_refused(spiked, model):
    with pytest.raises(ValueError, match=r"^model must be a denoising estimator; got "):
        KeepSpikes(model).fit(spiked[2])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"eta": 0.6, "eta_unit": "noise"}, r"eta must be between 0\.674 and 1e\+15"),
        ({"eta": 1e16}, r"eta must be between 0 and 1e\+15 .*'scaled'; got 1e\+16"),
        ({"keep": "some"}, r"keep must be one of .*'all'.*; got 'some'"),
        ({"scale": "raw"}, r"scale must be one of \('mad', None\); got 'raw'"),
        ({"fdr": 1.0}, r"fdr must be .* 1.*; got 1\.0"),
    ],
)
def test_messages(spiked, given, says):
    with pytest.raises(ValueError, match=says):
        KeepSpikes(deep(10**9), **given).fit(spiked[2])


@pytest.mark.parametrize("keep", ["all", "none"])
def test_groups_that_would_be_ignored_are_refused(gappy, keep):
    says = 'groups must be None unless keep="enriched"; got groups with keep='
    with pytest.raises(ValueError, match=says):
        KeepSpikes(SoftImpute(), keep=keep).fit(gappy[1], groups=["skin"] * 30)
