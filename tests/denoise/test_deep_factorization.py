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
    Huber,
    StablePCP,
    Trimmed,
)
from latentomics.denoise.losses import Bounded
from latentomics.studies.denoise.variants import VariantDMF

ETA = 1.5
LOSSES = {
    "squared": "squared",
    "absolute": "absolute",
    "huber": Huber(ETA),
    "trimmed": Trimmed(ETA),
}
# Written again, for autograd to differentiate
SLOW_LOSSES = {
    "squared": lambda R: R**2 / 2,
    "absolute": torch.abs,
    "huber": lambda R: torch.nn.functional.huber_loss(
        R, torch.zeros_like(R), reduction="none", delta=ETA
    ),
    "trimmed": lambda R: torch.clamp(R**2, max=ETA**2) / 2,
}
SLOW_OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "sgd": lambda *args, **given: torch.optim.SGD(*args, momentum=0.9, **given),
}


def fixed(n_iter, **given):
    """A model that makes `n_iter` steps and looks once, at the end."""
    settings = {
        "hidden": (6,),
        "scale": "raw",
        "init_scale": 0.3,
        "learning_rate": 0.02,
        "validation_fraction": 0,
        "dtype": "float64",
    }
    return VariantDMF(**{**settings, **given}, max_iter=n_iter, look_every=n_iter)


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


def slow_loop(X, model, n_iter, *, loss="squared", optimizer="adam"):
    """The factors after `n_iter` steps of torch's optimizer on autograd's gradient."""
    sizes = [X.shape[0], *model.hidden, X.shape[1]]
    order = 1 if X.shape[0] >= X.shape[1] else -1  # the start is drawn long side first
    start = model._start_factors(
        sizes[::order], model.init_scale, generator(model.random_state)
    )
    factors = [(M if order == 1 else M.T).clone() for M in start[::order]]
    factors = [M.requires_grad_() for M in factors]
    X = torch.tensor(X)
    seen = ~X.isnan()
    optimizer = SLOW_OPTIMIZERS[optimizer](
        factors, lr=model.learning_rate, weight_decay=model.weight_decay
    )
    for _ in range(n_iter):
        optimizer.zero_grad()
        R = (X - torch.linalg.multi_dot(factors))[seen]
        SLOW_LOSSES[loss](R).mean().backward()
        optimizer.step()
    return [M.detach() for M in factors]


@pytest.fixture
def small(gappy):
    """Rank 3 with gaps, 12 x 9, entries of size 1."""
    return gappy[1][:12, :9]


@pytest.mark.parametrize("loss", list(SLOW_LOSSES))
@pytest.mark.parametrize("hidden", [(6,), (6, 4), (11, 4, 7)])
@pytest.mark.parametrize("turned", [False, True])
def test_steps_agree_with_autograd(small, loss, hidden, turned):
    X = (small, small.T)[turned]
    model = fit(fixed(3, hidden=hidden, loss=LOSSES[loss], optimizer="sgd"), X)
    by_autograd = slow_loop(X, model, 3, loss=loss, optimizer="sgd")
    for ours, slow in zip(model.factors_, by_autograd, strict=True):
        assert_allclose(ours, slow, atol=1e-12)


@pytest.mark.parametrize("optimizer", list(SLOW_OPTIMIZERS))
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("init", ["balanced", "gaussian", "identity"])
@pytest.mark.parametrize("n_iter", [1, 20])
def test_optimizers_agree_with_torch(small, optimizer, weight_decay, init, n_iter):
    model = fixed(n_iter, optimizer=optimizer, weight_decay=weight_decay, init=init)
    model = fit(model, small)
    by_torch = slow_loop(small, model, n_iter, optimizer=optimizer)
    for ours, slow in zip(model.factors_, by_torch, strict=True):
        assert_allclose(ours, slow, atol=1e-12)


@pytest.mark.parametrize("loss", list(SLOW_LOSSES))
def test_trace_reports_the_objective_of_the_docstring(small, device, loss):
    given = {"weight_decay": 0.3, "hidden": (6, 5), "device": device}
    model = fixed(50, loss=LOSSES[loss], **given)
    model = fit(model, small)
    R = torch.tensor((small - model.low_rank_)[~np.isnan(small)])
    by_hand = float(SLOW_LOSSES[loss](R).mean())
    by_hand += 0.3 / 2 * sum((M**2).sum() for M in model.factors_)
    assert_allclose(model.trace_.objective, [by_hand], rtol=1e-12)


@pytest.mark.parametrize("scale", ["mad", None, "raw"])
def test_the_fit_is_the_product_of_the_factors_in_the_units_of_x(small, scale):
    X = 10 * small + 100
    model = fit(fixed(50, scale=scale, hidden=(6, 5)), X)
    product = np.linalg.multi_dot(model.factors_)
    center = np.nanmedian(X, axis=0)
    spread = 1.4826 * np.nanmedian(np.abs(X - center), axis=0)
    by_hand = {
        "mad": center + spread * product,
        None: np.nanmedian(X) + product,
        "raw": product,
    }
    assert_allclose(model.low_rank_, by_hand[scale], rtol=1e-10)


@pytest.mark.parametrize("shape", [(12, 9), (9, 12)])
def test_hidden_sizes_run_from_samples_to_features(rng, shape):
    model = fit(fixed(2, hidden=(5, 3)), rng.normal(size=shape))
    sizes = [M.shape for M in model.factors_]
    assert sizes == [(shape[0], 5), (5, 3), (3, shape[1])]


def test_turning_the_matrix_turns_the_fit(small, rng):
    held = rng.random(small.shape) < 0.1
    held[0] = held[:, 0] = False
    given = {"hidden": (6, 5), "scale": None}
    one = fit(fixed(200, **given), small, validation=held)
    given["hidden"] = (5, 6)
    turned = fit(fixed(200, **given), small.T, validation=held.T)
    assert_allclose(turned.low_rank_.T, one.low_rank_, atol=1e-10)
    assert_allclose(turned.validation_error_, one.validation_error_, atol=1e-10)


def test_held_out_entries_do_not_move_the_fit(small, rng):
    held = rng.random(small.shape) < 0.15
    held[0] = held[:, 0] = False
    other = np.where(held, small * 3 + 1, small)
    one, two = (fit(fixed(100), X, validation=held) for X in (small, other))
    assert_array_equal(one.low_rank_, two.low_rank_)
    assert one.validation_error_ != two.validation_error_
    gaps = fit(fixed(100), np.where(held, np.nan, small))
    assert_array_equal(gaps.low_rank_, one.low_rank_)


def test_held_out_entries_choose_the_iteration(gappy):
    X = gappy[1] + np.random.default_rng(0).normal(size=gappy[1].shape)
    given = {
        "hidden": (30,),
        "learning_rate": 0.01,
        "scale": None,
        "validation_fraction": 0.2,
        "dtype": "float64",
    }
    model = DeepMatrixFactorization(**given, look_every=5, patience=20).fit(X)
    best = int(model.validation_error_.argmin())
    assert 10 < best < len(model.validation_error_) - 5  # it did overfit, and stopped
    assert model.trace_.status == "converged"
    # the factors are those of that look, not the last
    n_iter = 5 * (best + 1)
    again = DeepMatrixFactorization(**given, look_every=n_iter, max_iter=n_iter)
    assert_array_equal(fit(again, X).low_rank_, model.low_rank_)


@pytest.mark.parametrize(
    ("score", "power"), [("mae", 1), ("mse", 2)], ids=["mae", "mse"]
)
def test_validation_error_by_hand(small, rng, score, power):
    held = rng.random(small.shape) < 0.15
    held[0] = held[:, 0] = False
    model = fit(fixed(50, scoring=score), small, validation=held)
    R = (small - model.low_rank_)[held]
    by_hand = np.nanmean(np.abs(R) ** power)
    assert_allclose(model.validation_error_, [by_hand], rtol=1e-12)


@pytest.mark.parametrize("scale", ["mad", None])
def test_the_objective_is_in_scaled_units(small, scale):
    X = 10 * small + 100
    model = fit(fixed(50, scale=scale, hidden=(6, 5), weight_decay=0.3), X)
    middle = np.nanmedian(X, axis=0)
    mad = 1.4826 * np.nanmedian(abs(X - middle), axis=0)
    Z = {"mad": (X - middle) / mad, None: X - np.nanmedian(X)}[scale]
    R = Z - np.linalg.multi_dot(model.factors_)
    by_hand = np.nanmean(R**2) / 2
    by_hand += 0.3 / 2 * sum((M**2).sum() for M in model.factors_)
    assert_allclose(model.trace_.objective, [by_hand], rtol=1e-10)


def test_patience_counts_looks_from_the_first_that_left_the_start(small):
    patience, tol = 4, 1e-3
    model = DeepMatrixFactorization(
        (6,),
        scale="raw",
        validation_fraction=0,
        patience=patience,
        tol=tol,
        learning_rate=0.02,
        init_scale=1e-4,
        dtype="float64",
    ).fit(small)
    objective = np.array(model.trace_.objective)
    start = np.nanmean(small**2) / 2  # the product starts at 1e-4
    moved = np.argmax(objective < 0.9 * start)
    looks = np.arange(moved + patience, len(objective))
    gaps = [
        1 - objective[: k + 1].min() / objective[: k + 1 - patience].min()
        for k in looks
    ]
    assert np.argmax(np.array(gaps) <= tol) == len(looks) - 1
    assert gaps[-1] <= tol


def test_without_held_out_entries_the_objective_says_when_to_stop(small):
    model = DeepMatrixFactorization(
        (6,),
        validation_fraction=0,
        weight_decay=0.01,
        learning_rate=0.02,
        init_scale=0.1,
        dtype="float64",
    ).fit(small)
    assert model.validation_error_.shape == (0,)
    assert model.trace_.status == "converged"
    last = model.trace_.objective[-11:]  # patience looks without a better one
    assert min(last) >= (1 - 1e-4) * last[0]


def test_the_plateau_of_a_small_random_start_does_not_stop_the_fit(gappy):
    # entries of N(0, 1e-4): the product starts at 1e-7, near the saddle at 0, where
    # the validation error stands still for more looks than patience allows
    X = gappy[1]
    model = VariantDMF(
        (8,),
        init="gaussian",
        init_scale=1e-4,
        scale="raw",
        optimizer="sgd",
        learning_rate=0.1,
        look_every=5,
        patience=3,
        dtype="float64",
        max_iter=3000,
    ).fit(X)
    start = model.validation_error_[0]
    plateau = int((model.validation_error_ < 0.9 * start).argmax())
    assert plateau > 10
    assert model.validation_error_.min() < 0.7 * start


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_two_factors_huber_and_decay_reach_the_optimum_of_stable_pcp(small, optimizer):
    # ||L||_* is the least of (||M1||^2 + ||M2||^2) / 2 over M1 M2 = L; so decay of
    # lam / |Omega| makes the two objectives one, with |Omega| between them
    seen, lam = ~np.isnan(small), 1.0
    convex = StablePCP(lam, ETA, tol=1e-10, max_iter=5000).fit(small)
    deep = VariantDMF(
        (9,),
        loss=Huber(ETA),
        scale="raw",
        optimizer=optimizer,
        learning_rate={"sgd": 0.2, "adam": 0.003}[optimizer],
        weight_decay=lam / seen.sum(),
        validation_fraction=0,
        tol=1e-7,
        init_scale=0.1,
        dtype="float64",
    ).fit(small)
    best = convex.trace_.objective[-1] / seen.sum()
    assert_allclose(min(deep.trace_.objective), best, rtol=1e-4)
    assert min(deep.trace_.objective) >= best * (1 - 1e-9)
    assert_allclose(deep.low_rank_, convex.low_rank_, atol=0.05)


def test_recovers_a_low_rank_matrix(gappy):
    truth, X = gappy
    model = DeepMatrixFactorization((20,), learning_rate=3e-3).fit(X)
    gaps = np.isnan(X)
    error = np.linalg.norm((model.low_rank_ - truth)[gaps])
    # 20 seeds: median .20, worst .39
    assert error / np.linalg.norm(truth[gaps]) < 0.4


def test_spikes_pull_the_squared_fit_more_than_the_robust_ones(gappy, rng):
    truth, X = gappy
    X = X + np.where(rng.random(X.shape) < 0.05, 8.0, 0)
    errors = {
        name: np.linalg.norm(
            DeepMatrixFactorization((20,), loss=loss, learning_rate=3e-3)
            .fit(X)
            .low_rank_
            - truth
        )
        for name, loss in LOSSES.items()
    }
    # 15 seeds: the worst of the three at .47 to .82 of the squared one
    worst = max(errors[loss] for loss in ("absolute", "huber", "trimmed"))
    assert worst < 0.9 * errors["squared"]


def test_nothing_returns_as_measured(small):
    model = fit(fixed(20), small)
    assert_array_equal(model.corrected_, model.low_rank_)
    assert not model.kept_.any()


def test_float32_is_the_default_and_changes_little(small):
    one = fit(fixed(50), small)
    two = fit(fixed(50, dtype="float32"), small)
    assert DeepMatrixFactorization().dtype == "float32"
    assert two.low_rank_.dtype == np.float32
    # 50 steps of float32, each rounding at 6e-8 of values of order 1
    assert_allclose(two.low_rank_, one.low_rank_, atol=1e-4)


def test_too_few_steps_are_said(small):
    with pytest.warns(ConvergenceWarning, match=r"max_iter=30: gap inf > tol 1\.0e-04"):
        DeepMatrixFactorization((6,), max_iter=30).fit(small)


def test_steps_too_large_are_said(small):
    model = VariantDMF(
        (6,), optimizer="sgd", learning_rate=1e6, look_every=1, init_scale=1.0
    )
    with pytest.raises(FloatingPointError, match="take smaller steps"):
        model.fit(small)


def test_of_several_starts_the_mean_is_taken(small, rng):
    held = (rng.random(small.shape) < 0.15) & (np.arange(9) > 0)
    given = {"scale": "mad", "random_state": 4}
    model = fit(fixed(150, n_starts=3, **given), small, validation=held)
    ones = [
        fit(fixed(150, **{**given, "random_state": k}), small, validation=held)
        for k in (4, 5, 6)
    ]
    assert_allclose(model.low_rank_, np.mean([m.low_rank_ for m in ones], axis=0))
    assert (ones[0].low_rank_ != ones[1].low_rank_).any()
    # all else is of the start that the entries held out like best
    best = min(ones, key=lambda m: m.validation_error_.min())
    assert_array_equal(model.validation_error_, best.validation_error_)
    assert model.trace_.objective == best.trace_.objective
    for ours, theirs in zip(model.factors_, best.factors_, strict=True):
        assert_array_equal(ours, theirs)


def test_a_mean_of_starts_is_nearer_to_the_truth_than_one(gappy):
    truth, X = gappy
    given = {"hidden": (20,), "learning_rate": 3e-3}
    held = (np.random.default_rng(0).random(X.shape) < 0.1) & (np.arange(20) > 0)
    ones = [
        DeepMatrixFactorization(**given, random_state=k).fit(X, validation=held)
        for k in range(3)
    ]
    mean = DeepMatrixFactorization(**given, n_starts=3).fit(X, validation=held)
    error = np.linalg.norm(mean.low_rank_ - truth)
    # by convexity at most the mean of theirs
    assert error < np.mean([np.linalg.norm(m.low_rank_ - truth) for m in ones])


@pytest.mark.parametrize("scale", ["mad", None])
@pytest.mark.parametrize("n_starts", [1, 2])
def test_the_noise_is_the_robust_deviation_of_the_fitted_residuals(
    small, rng, scale, n_starts
):
    held = (rng.random(small.shape) < 0.15) & (np.arange(9) > 0)
    model = fit(fixed(100, scale=scale, n_starts=n_starts), 10 * small, validation=held)
    left = np.where(held, np.nan, 10 * small)
    middle = np.nanmedian(left, axis=0)
    mad = 1.4826 * np.nanmedian(np.abs(left - middle), axis=0)
    R = np.abs(left - model.low_rank_) / {"mad": mad, None: 1.0}[scale]
    R = np.sort(R[~np.isnan(R)])
    assert_allclose(model.noise_, 1.4826 * R[(len(R) - 1) // 2], rtol=1e-9)


@pytest.mark.parametrize("loss", [Huber, Trimmed])
def test_eta_may_count_noises(small, loss):
    # as many as there are make the bound that eta alone would have been
    model = fit(fixed(100, loss=loss(3.0, "noise")), small)
    assert np.isfinite(model.low_rank_).all()
    far = fit(fixed(100, loss=loss(1e4, "noise")), small)
    squared = fit(fixed(100), small)
    assert_allclose(far.low_rank_, squared.low_rank_, atol=1e-12)
    assert (model.low_rank_ != far.low_rank_).any()


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (Huber(0.6, "noise"), r"eta must be between 0\.674 and 1e\+15 .*'noise'; got"),
        (Trimmed(1e16), r"eta must be between 0 and 1e\+15 .*'scaled'; got 1e\+16"),
        (Trimmed(0.0), r"eta must be a positive number; got 0\.0"),
        (Huber(2.0, "sd"), r"unit must be one of \('scaled', 'noise'\); got 'sd'"),
        (Bounded(2.0), r"loss must be one of .*, Huber\(eta\) or Trimmed\(eta\); got"),
        (Huber, r"loss must be one of .*, Huber\(eta\) or Trimmed\(eta\); got"),
    ],
)
def test_a_loss_that_makes_no_sense_is_refused(small, loss, says):
    with pytest.raises(ValueError, match=f"^{says}"):
        fixed(1, loss=loss).fit(small)


def test_the_bound_of_a_loss_is_a_parameter_of_the_model(small):
    model = fixed(1, loss=Huber(2.0)).set_params(loss__eta=0.1)
    assert same_fit(model.fit(small), fixed(1, loss=Huber(0.1)).fit(small))
    assert model.loss.eta == 0.1


def test_a_loss_says_what_it_is():
    assert repr(Trimmed(2.5, "noise")) == "Trimmed(eta=2.5, unit='noise')"
