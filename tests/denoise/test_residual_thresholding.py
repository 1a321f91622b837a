import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import generator
from latentomics.denoise import DeepMatrixFactorization, ResidualThresholdedDMF
from latentomics.denoise.chain import start_factors
from latentomics.denoise.descent import measured_bound, moving_bound

ETA = 2.5
NOISY = {"eta_unit": "noise"}
SCALES = pytest.mark.parametrize(("scale", "eta"), [("mad", 1.5), (None, ETA)])


def fixed(n_iter, cls=ResidualThresholdedDMF, **given):
    """A model that makes `n_iter` steps and looks once, at the end."""
    settings = {
        "hidden": (10,),
        "eta": ETA,
        "scale": None,
        "learning_rate": 0.01,
        "validation_fraction": 0,
        "dtype": "float64",
    }
    return cls(**{**settings, **given}, max_iter=n_iter, look_every=n_iter)


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


@pytest.fixture
def spiked(gappy, rng):
    """The gappy matrix of rank 3 with spikes of 8 or -8 in 5 % of its entries."""
    truth, X = gappy
    spikes = (rng.random(X.shape) < 0.05) * rng.choice([-8.0, 8.0], X.shape)
    return truth, (spikes != 0) & ~np.isnan(X), X + spikes


def spread_of(X, scale):
    """By hand: what one scaled unit is in each column, in the units of X."""
    distance = np.abs(X - np.nanmedian(X, axis=0))
    mad = 1.4826 * np.nanmedian(distance, axis=0)
    return {"mad": mad, None: np.ones(X.shape[1])}[scale]


def test_in_loop_is_the_trimmed_loss(spiked):
    X = spiked[2]
    ours = fit(fixed(300), X)
    trimmed = fit(fixed(300, DeepMatrixFactorization, loss="trimmed"), X)
    assert_array_equal(ours.low_rank_, trimmed.low_rank_)
    assert ours.trace_.objective == trimmed.trace_.objective


@pytest.mark.parametrize("mode", ["post", "clamp"])
def test_the_other_modes_train_on_squared_loss(spiked, mode):
    X = spiked[2]
    ours = fit(fixed(300, mode=mode), X)
    squared = fit(fixed(300, DeepMatrixFactorization), X)
    assert_array_equal(ours.low_rank_, squared.low_rank_)


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


@SCALES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["in_loop", "post"])
def test_spikes_return_exactly_as_measured(spiked, scale, eta, dtype, mode):
    X = 1000 + spiked[2]  # taking 1000 off and adding it would lose the last digits
    model = fit(fixed(40, scale=scale, dtype=dtype, mode=mode, eta=eta), X)
    kept = model.kept_
    assert 10 < kept.sum() < 240
    assert_array_equal(model.corrected_[kept], X[kept].astype(dtype))
    assert_array_equal(model.corrected_[~kept], model.low_rank_[~kept])


@SCALES
@pytest.mark.parametrize("mode", ["in_loop", "post", "clamp"])
def test_spikes_are_the_residuals_of_at_least_eta(spiked, scale, eta, mode):
    X = 100 + spiked[2]
    model = fit(fixed(40, scale=scale, mode=mode, eta=eta), X)
    R = np.nan_to_num(X - model.low_rank_) / spread_of(X, scale)
    assert_array_equal(model.kept_, np.abs(R) >= eta)
    assert (R[model.kept_] < 0).any()
    assert (R[model.kept_] > 0).any()


@SCALES
def test_clamp_moves_the_fit_to_within_eta_of_a_spike(spiked, scale, eta):
    X = 100 + spiked[2]
    model = fit(fixed(40, scale=scale, mode="clamp", eta=eta), X)
    L, reach = model.low_rank_, eta * spread_of(X, scale)
    by_hand = np.where(np.isnan(X), L, np.clip(L, X - reach, X + reach))
    assert_allclose(model.corrected_, by_hand, rtol=1e-12)
    assert np.abs(model.corrected_ - L).max() > 0.1


@pytest.mark.parametrize("mode", ["in_loop", "post", "clamp"])
def test_keep_none_returns_the_fit(spiked, mode):
    X = spiked[2]
    model = fit(fixed(300, mode=mode, keep="none"), X)
    assert not model.kept_.any()
    assert_array_equal(model.corrected_, model.low_rank_)
    assert_array_equal(model.low_rank_, fit(fixed(300, mode=mode), X).low_rank_)


def test_a_gap_is_never_a_spike(spiked):
    X = spiked[2]
    model = fit(fixed(40, eta=1.0, mode="post"), X)
    gaps = np.isnan(X)
    assert not model.kept_[gaps].any()
    assert_array_equal(model.corrected_[gaps], model.low_rank_[gaps])


def test_held_out_entries_may_be_spikes_but_do_not_move_the_fit(spiked, rng):
    _, spikes, X = spiked
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    model = fit(fixed(300), X, validation=held)
    gaps = fit(fixed(300), np.where(held, np.nan, X))
    assert_array_equal(model.low_rank_, gaps.low_rank_)
    both = held & spikes
    assert model.kept_[both].any()
    assert not gaps.kept_[both].any()


def test_finds_planted_spikes_and_leaves_them_out_of_the_fit(spiked):
    truth, spikes, X = spiked
    model = ResidualThresholdedDMF(
        4.0, hidden=(20,), scale=None, learning_rate=3e-3
    ).fit(X)
    post = ResidualThresholdedDMF(
        4.0, hidden=(20,), scale=None, learning_rate=3e-3, mode="post"
    ).fit(X)
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


@SCALES
@pytest.mark.parametrize("mode", ["in_loop", "post", "clamp"])
def test_turning_the_matrix_turns_the_correction(spiked, rng, mode, scale, eta):
    X = spiked[2] * np.linspace(0.5, 2, 20)  # drugs of different spread
    held = rng.random(X.shape) < 0.1
    held[0] = held[:, 0] = False
    settings = {"mode": mode, "scale": scale, "eta": eta}
    one = fit(fixed(200, **settings), X, validation=held)
    turned = fit(fixed(200, **settings, line_axis=1), X.T, validation=held.T)
    assert_allclose(turned.corrected_.T, one.corrected_, atol=1e-9)
    assert_array_equal(turned.kept_.T, one.kept_)


def test_an_eta_that_trims_over_half_is_refused(spiked):
    X = spiked[2]
    with pytest.raises(
        ValueError, match=r"eta must leave at least half .*; got 0\.2, .*trims 9\d%"
    ):
        ResidualThresholdedDMF(0.2, scale=None).fit(X)
    fit(fixed(1, eta=0.2, mode="post"), X)  # trims nothing, so may be any


@pytest.mark.parametrize(
    ("eta", "unit", "says"),
    [
        (0.6, "noise", r"eta must be between 0\.674 and 1e\+15 .*'noise'; got 0\.6"),
        (1e16, "scaled", r"eta must be between 0 and 1e\+15 .*'scaled'; got 1e\+16"),
    ],
)
@pytest.mark.parametrize("mode", ["in_loop", "post"])
def test_an_eta_that_makes_no_sense_is_refused(spiked, eta, unit, says, mode):
    with pytest.raises(ValueError, match=says):
        fixed(1, eta=eta, eta_unit=unit, mode=mode).fit(spiked[2])


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
        ({"mode": "loop"}, r"mode must be one of .*'in_loop'.*; got 'loop'"),
        ({"keep": "some"}, r"keep must be one of .*'all'.*; got 'some'"),
        ({"scale": "sd"}, r"scale must be one of .*'mad'.*; got 'sd'"),
        ({"hidden": ()}, r"hidden must be a tuple of widths.*; got \(\)"),
        ({"hidden": 100}, r"hidden must be a tuple of widths.*; got 100"),
        ({"hidden": (0,)}, r"hidden must be a whole number from 1 up; got 0"),
    ],
)
def test_messages(spiked, given, message):
    with pytest.raises(ValueError, match=message):
        fixed(1, **given).fit(spiked[2])


def noise_of(R):
    """1.4826 times torch's median, the lower one of an even number."""
    R = np.sort(np.abs(R[~np.isnan(R)]))
    return 1.4826 * R[(len(R) - 1) // 2]


@SCALES
@pytest.mark.parametrize("mode", ["in_loop", "post", "clamp"])
def test_in_noise_units_spikes_are_the_residuals_of_eta_noises(
    spiked, scale, eta, mode
):
    X = 100 + spiked[2]
    model = fit(fixed(150, scale=scale, mode=mode, eta=eta, **NOISY), X)
    R = (X - model.low_rank_) / spread_of(X, scale)
    assert_allclose(model.noise_, noise_of(R), rtol=1e-9)
    assert_array_equal(model.kept_, np.nan_to_num(np.abs(R)) >= eta * model.noise_)
    assert 5 < model.kept_.sum() < 300


@pytest.mark.parametrize(("eta", "says"), [(2.5, "most"), (60.0, "first fit")])
def test_the_bound_in_noise_units_is_that_of_two_fits_by_hand(spiked, eta, says):
    # with one look, at the end, each fit takes its bound from its start
    X = spiked[2]
    start = start_factors([30, 10, 20], "balanced", 1e-3, generator(0))
    R = X - np.nanmedian(X) - torch.linalg.multi_dot(start).numpy()
    trimmed = {"cls": DeepMatrixFactorization, "loss": "trimmed"}
    first = fit(fixed(150, **trimmed, eta=eta * noise_of(R)), X)
    size = np.sort(np.abs(R[~np.isnan(R)]))
    most = size[int(np.ceil(0.8 * len(size))) - 1] * (1 + 4 * np.finfo(float).eps)
    bounds = {"first fit": eta * first.noise_, "most": most}
    assert max(bounds, key=bounds.get) == says
    second = fit(fixed(150, **trimmed, eta=bounds[says]), X)
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


@pytest.mark.parametrize("keep", ["all", "abrupt"])
def test_eta_in_noise_units_has_no_units(spiked, keep):
    X = spiked[2]
    one = fit(fixed(150, scale="mad", keep=keep, **NOISY), X)
    other = fit(fixed(150, scale="mad", keep=keep, **NOISY), X * 2**10)
    assert_array_equal(other.low_rank_, one.low_rank_ * 2**10)
    assert_array_equal(other.kept_, one.kept_)
    # with scale=None the start and the steps have units: X of 2^10, factors of 2^5,
    # slopes of 2^15; only eta stays. SGD, since Adam adds a constant to its slopes
    given = {"scale": None, "keep": keep, "optimizer": "sgd", **NOISY}
    one = fit(fixed(150, **given, init_scale=2**-10, learning_rate=0.1), X)
    large = {"init_scale": 1.0, "learning_rate": 0.1 / 2**10}
    other = fit(fixed(150, **given, **large), X * 2**10)
    assert_array_equal(other.low_rank_, one.low_rank_ * 2**10)
    assert_array_equal(other.kept_, one.kept_)


def slow_changes(X, n_iter, eta):
    """Largest change of each entry over plain steps on the trimmed loss, autograd's."""
    Z = torch.tensor(X - np.nanmedian(X))
    seen = ~Z.isnan()
    start = start_factors(
        [*X.shape[:1], 10, X.shape[1]], "balanced", 1e-3, generator(0)
    )
    factors = [M.clone().requires_grad_() for M in start]
    adam = torch.optim.Adam(factors, lr=0.01)
    largest = torch.zeros_like(Z)
    for _ in range(n_iter):
        before = (factors[0] @ factors[1]).detach()
        adam.zero_grad()
        R = Z - factors[0] @ factors[1]
        (R[seen].square().clamp(max=eta**2).mean() / 2).backward()
        adam.step()
        after = (factors[0] @ factors[1]).detach()
        largest = torch.maximum(largest, (after - before).abs())
    return largest.numpy()


@pytest.mark.parametrize("n_iter", [1, 2, 60])
def test_abrupt_changes_are_those_of_a_plain_loop(spiked, n_iter):
    X = spiked[2]
    model = fit(fixed(n_iter, keep="abrupt"), X)
    change = slow_changes(X, n_iter, ETA)
    assert_allclose(model.change_, change, atol=1e-10)
    seen = ~np.isnan(X)
    middle = np.sort(change[seen])[(seen.sum() - 1) // 2]
    usual = middle + 3 * noise_of(change[seen] - middle)
    R = np.nan_to_num(np.abs(X - model.low_rank_))
    assert_array_equal(model.kept_, (R >= ETA) & (change > usual))
    turned = fit(fixed(n_iter, keep="abrupt"), X.T)
    assert_allclose(turned.change_.T, model.change_, atol=1e-9)
    assert_array_equal(turned.kept_.T, model.kept_)


def test_abrupt_keeps_some_of_the_spikes_and_moves_nothing_else(spiked):
    X = spiked[2]
    model, every = (
        fit(fixed(60, keep=keep, mode="post"), X) for keep in ("abrupt", "all")
    )
    assert_array_equal(model.low_rank_, every.low_rank_)
    assert not (model.kept_ & ~every.kept_).any()
    assert 0 < model.kept_.sum() < every.kept_.sum()


def test_changes_are_in_the_units_of_x(spiked):
    X = spiked[2]
    one, other = (
        fit(fixed(60, keep="abrupt", scale="mad", eta=1.5), M) for M in (X, X * 2**10)
    )
    assert_array_equal(other.change_, one.change_ * 2**10)


def test_a_fit_without_noise_gives_back_no_gap():
    # more than half of it fits exactly: the noise is what rounding leaves
    X = np.zeros((12, 9))
    X[0, 0], X[3, 4] = 5, np.nan
    given = {"scale": "raw", "init": "identity", "hidden": (5,)}
    model = fit(fixed(50, **given, **NOISY), X)
    assert_allclose(model.noise_, 8 * np.finfo(float).eps * 5)
    assert not model.kept_[3, 4]
    assert np.isfinite(model.corrected_).all()
