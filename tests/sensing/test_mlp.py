import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mlp import (
    MLPDecoder,
    mse_loss,
    noise_root,
    pearson_loss,
    unit_shape,
)

SMALL = {"hidden": (8,), "max_epochs": 60, "batch_size": 16, "learning_rate": 0.01}
LOSSES = pytest.mark.parametrize("loss", ["mse", "pearson"])


def correlation(X, X_hat):
    return np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(X, X_hat, strict=True)])


def test_the_losses_are_what_numpy_says(rng):
    X, X_hat = rng.normal(size=(2, 7, 5))
    T, T_hat = torch.from_numpy(X), torch.from_numpy(X_hat)
    assert_allclose(mse_loss(T_hat, T), np.mean((X - X_hat) ** 2))
    assert_allclose(pearson_loss(T_hat, T), 1 - correlation(X, X_hat))


def test_the_gradient_of_the_correlation_is_centred_and_as_derived(rng):
    # d(1 - r) / do = -(x~ - r o~) / ||o - mean||, with ~ for shapes of unit length
    x, o = torch.from_numpy(rng.normal(size=(2, 1, 9)))
    o.requires_grad_()
    (gradient,) = torch.autograd.grad(pearson_loss(o, x), o)
    a, b = unit_shape(x), unit_shape(o.detach())
    r = (a * b).sum()
    length = (o - o.mean()).norm().detach()
    assert_allclose(gradient, -(a - r * b) / length, atol=1e-14)
    assert abs(gradient.sum()) < 1e-14
    shrunk = (o * 1e-3).detach().requires_grad_()  # what made it unstable
    (larger,) = torch.autograd.grad(pearson_loss(shrunk, x), shrunk)
    assert_allclose(larger, 1e3 * gradient, rtol=1e-9)


def test_a_flat_profile_has_correlation_0_and_no_gradient():
    o = torch.ones(1, 4, dtype=torch.float64, requires_grad=True)
    loss = pearson_loss(o, torch.arange(4.0)[None].double())
    assert loss.item() == 1
    assert torch.autograd.grad(loss, o)[0].isfinite().all()


def test_noise_is_measured_noise(A):
    root = noise_root(A, 0.3)
    assert_allclose(root @ root.T, 0.3 * A @ A.T, atol=1e-12)
    twice = np.vstack([A, A])  # of rank 4, as 8 measurements
    root = noise_root(twice, 0.3)
    assert_allclose(root @ root.T, 0.3 * twice @ twice.T, atol=1e-12)


def test_without_hidden_layers_it_becomes_the_best_linear_rule(
    profiles, A, monkeypatch
):
    monkeypatch.setattr(MLPDecoder, "_check_parameters", lambda self: None)
    model = MLPDecoder(
        (),
        learning_rate=0.05,
        max_epochs=300,
        batch_size=None,
        validation_fraction=0.0,
        weight_decay=0.0,
        dtype="float64",
    ).fit(profiles, A, noise=0.2)
    Y = profiles @ A.T
    best = LinearMMSE().fit(profiles).decode(Y, A, 0.2)
    error, rest = model.decode(Y) - best, best - profiles.mean(0)
    # 5 seeds: .02 to .03, from noise that is drawn anew
    assert np.linalg.norm(error) < 0.06 * np.linalg.norm(rest)


@LOSSES
def test_it_beats_the_mean_profile_on_new_samples(profiles, A, loss):
    model = MLPDecoder(loss=loss, **SMALL).fit(profiles[:40], A, noise=0.01)
    X_hat = model.decode(profiles[40:] @ A.T)
    naive = np.linalg.norm(profiles[40:] - profiles[:40].mean(0))
    assert np.linalg.norm(profiles[40:] - X_hat) < 0.7 * naive  # measured .3 to .5
    assert correlation(profiles[40:], X_hat) > 0.9


@LOSSES
def test_the_history_is_in_the_units_stated(profiles, A, loss):
    given = {**SMALL, "loss": loss, "validation_fraction": 0.2, "dtype": "float64"}
    model = MLPDecoder(**given).fit(profiles, A)
    assert list(model.history_) == ["epoch", "loss", "validation"]
    assert len(model.history_) == 60
    X_hat = model._respond(torch.from_numpy(profiles @ A.T)).numpy()
    each = {
        "mse": ((profiles - X_hat) ** 2).mean(axis=1),
        "pearson": 1
        - np.array(
            [
                correlation(a[None], b[None])
                for a, b in zip(profiles, X_hat, strict=True)
            ]
        ),
    }[loss]
    order = torch.randperm(60, generator=_after_the_start(model, A))
    held = each[order[:12].numpy()]
    assert_allclose(model.history_["validation"].min(), held.mean(), rtol=1e-9)
    assert model.history_["loss"].iloc[-1] < 0.5 * model.history_["loss"].iloc[0]


def _after_the_start(model, A):
    """The generator of a fit when it draws which samples to hold out."""
    draw = torch.Generator().manual_seed(model.random_state)
    torch.randn(60, len(A), generator=draw, dtype=torch.float64)  # noise of those held
    for W in model.layers_[::2]:
        torch.randn(*W.shape, generator=draw, dtype=torch.float64)
    return draw


@LOSSES
@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_pass_through(profiles, A, loss, scale):
    given = {**SMALL, "loss": loss, "dtype": "float64", "max_epochs": 5}
    one = MLPDecoder(**given).fit(profiles, A, noise=0.1)
    other = MLPDecoder(**given).fit(profiles * scale, A, noise=0.1 * scale**2)
    Y = profiles[:5] @ A.T
    assert_allclose(other.decode(Y * scale), one.decode(Y) * scale, rtol=1e-7)


def test_a_correlation_fit_guesses_level_and_spread(profiles, A):
    model = MLPDecoder(loss="pearson", **SMALL).fit(profiles, A, noise=0.01)
    Y = profiles @ A.T
    X_hat = model.decode(Y)
    shape = model._respond(torch.from_numpy(Y))
    sizes = Y @ model.sizes_[0] + model.sizes_[1]
    wanted = sizes[:, :1] + sizes[:, 1:] * unit_shape(shape).numpy()
    assert_allclose(X_hat, wanted, rtol=1e-4)
    # least squares: nothing that is linear in y is left in what it misses
    missed = profiles.mean(1) - sizes[:, 0]
    assert abs(missed.mean()) < 1e-4
    assert missed.std() < profiles.mean(1).std() / 2
    assert MLPDecoder(**SMALL).fit(profiles, A).sizes_ == []


def test_level_allows_for_noise_as_a_linear_rule_does(profiles, A):
    given = {**SMALL, "loss": "pearson", "max_epochs": 1, "dtype": "float64"}
    model = MLPDecoder(**given).fit(profiles, A, noise=3.0)
    Y, level = profiles @ A.T, profiles.mean(axis=1)
    cross = (Y - Y.mean(axis=0)).T @ level / 60
    C = np.cov(Y.T, bias=True) + 3 * A @ A.T
    assert_allclose(model.sizes_[0][:, 0], np.linalg.solve(C, cross), rtol=1e-6)


def test_noise_is_drawn_anew_so_that_it_cannot_be_learned(profiles, A):
    given = {"hidden": (64,), "batch_size": None, "max_epochs": 300}
    model = MLPDecoder(**given, learning_rate=0.01, validation_fraction=0.0)
    loss = model.fit(profiles[:6], A, noise=9.0).history_["loss"]
    assert loss.iloc[-20:].mean() > 0.2 * loss.iloc[0]  # the same noise again: .00


@pytest.mark.parametrize(("loss", "differs"), [("mse", False), ("pearson", True)])
def test_only_the_gradient_of_the_correlation_is_clipped(
    profiles, A, loss, differs, monkeypatch
):
    X = profiles - profiles.mean(axis=0)  # outputs start flat: the gradient is long
    given = {**SMALL, "loss": loss, "max_epochs": 5}
    fits = []
    for clip in (1.0, 1e9):
        monkeypatch.setattr("latentomics.sensing.mlp.CLIP", clip)
        fits.append(MLPDecoder(**given).fit(X, A))
    one, other = (fit.layers_[0] for fit in fits)
    assert np.array_equal(one, other) != differs


@LOSSES
def test_genes_that_do_not_vary_and_measurements_of_nothing(profiles, A, loss):
    X, A = profiles.copy(), A.copy()
    X[:, 3], A[2] = 7.0, 0.0
    model = MLPDecoder(loss=loss, **SMALL).fit(X, A)
    assert np.isfinite(model.decode(X @ A.T)).all()
    flat = MLPDecoder(loss=loss, **SMALL).fit(np.full((5, 12), 2.0), A)
    assert_allclose(flat.decode(np.full((5, 12), 2.0) @ A.T), 2.0)


def test_the_global_generator_is_left_alone(profiles, A):
    before = torch.get_rng_state()
    first = MLPDecoder(**SMALL).fit(profiles, A, 0.1)
    assert torch.equal(torch.get_rng_state(), before)
    again = MLPDecoder(**SMALL).fit(profiles, A, 0.1)
    assert all(map(np.array_equal, first.layers_, again.layers_))


def test_each_sample_is_decoded_by_itself(profiles, A):
    model = MLPDecoder(loss="pearson", **{**SMALL, "dtype": "float64"}).fit(profiles, A)
    Y = profiles @ A.T
    assert_allclose(model.decode(Y)[3:5], model.decode(Y[3:5]), rtol=1e-12)


def test_progress_and_the_number_of_epochs(profiles, A):
    seen = []
    model = MLPDecoder(**{**SMALL, "max_epochs": 4})
    model.fit(profiles, A, progress=lambda it, total: seen.append(total) or it)
    assert seen == [4]
    assert_array_equal(model.history_["epoch"], [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hidden": 8}, r"hidden must be a tuple of widths.*got 8"),
        ({"hidden": (8, 0)}, "hidden must be a whole number of at least 1; got 0"),
        ({"loss": "mae"}, "loss must be one of .*got 'mae'"),
        ({"learning_rate": 0}, "learning_rate must be a positive number; got 0"),
        ({"weight_decay": -1}, "weight_decay must be a non-negative number; got -1"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1; got 0"),
        ({"max_epochs": 0}, "max_epochs must be a whole number of at least 1; got 0"),
        (
            {"validation_fraction": 1.0},
            "validation_fraction must be a number of at least 0, below 1; got 1.0",
        ),
        ({"random_state": -1}, "random_state must be a whole number of at least 0"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_messages(profiles, A, given, message):
    with pytest.raises(ValueError, match=message):
        MLPDecoder(**given).fit(profiles, A)


def test_a_training_that_diverges_says_so(profiles, A):
    model = MLPDecoder((8,), learning_rate=1e30, max_epochs=9)
    with pytest.raises(FloatingPointError, match="smaller learning_rate"):
        model.fit(profiles, A)
