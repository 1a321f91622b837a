import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from latentomics.denoise import DualBranchNMF

RANK, HIDDEN, RATE = 3, 8, 0.01


def model(**given):
    settings = {"hidden": HIDDEN, "learning_rate": RATE, "dtype": "float64"}
    return DualBranchNMF(RANK, **{**settings, **given})


def fixed(n_iter, **given):
    """A model that makes `n_iter` steps and looks once, at the end."""
    settings = {"validation_fraction": 0, **given}
    return model(**settings, max_iter=n_iter, look_every=n_iter)


def fit(model, X, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, **given)


def rebuilt(n, p, seed=0):
    """W, H and the network as torch.nn has them, started as the docstring says."""
    draw = {
        "generator": torch.Generator().manual_seed(seed),
        "dtype": torch.float64,
    }
    W, H = 0.01 * torch.randn(n, RANK, **draw), 0.01 * torch.randn(RANK, p, **draw)
    layers = [nn.Linear(a, b) for a, b in ((RANK, HIDDEN), (HIDDEN,) * 2, (HIDDEN, p))]
    for layer in layers:
        a, b = layer.in_features, layer.out_features
        weight, bias = (
            (2 * torch.rand(*s, **draw) - 1) / a**0.5 for s in ((a, b), (b,))
        )
        layer.weight = nn.Parameter(weight.T.contiguous())
        layer.bias = nn.Parameter(bias)
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    return nn.Parameter(W), nn.Parameter(H), net


def trained(X, n_iter, alpha, seed=0):
    """The fit after `n_iter` steps, and how far each parameter went."""
    W, H, net = rebuilt(*X.shape, seed)
    weights = [W, H, *net.parameters()]
    start = [w.detach().clone() for w in weights]
    adam = torch.optim.Adam(weights, lr=RATE)
    X = torch.tensor(X)
    for _ in range(n_iter):
        adam.zero_grad()
        L = alpha * W @ H + (1 - alpha) * net(W)
        nn.functional.mse_loss(L[~X.isnan()], X[~X.isnan()]).backward()
        adam.step()
    L = (alpha * W @ H + (1 - alpha) * net(W)).detach().numpy()
    return L, [
        float((w - s).detach().norm()) for w, s in zip(weights, start, strict=True)
    ]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_iter", [1, 3, 60])
def test_agrees_with_torchs_own_layers_and_optimizer(gappy, alpha, n_iter):
    X = gappy[1]
    L, _ = trained(X, n_iter, alpha)
    # rounding of 1e-16, which 60 steps through ReLUs may enlarge
    assert_allclose(fit(fixed(n_iter, alpha=alpha), X).low_rank_, L, atol=1e-9)


def test_both_branches_are_trained(gappy):
    # in the authors' code W and H stand still; the fit that agrees moves all eight
    assert min(trained(gappy[1], 20, 0.5)[1]) > RATE
    still = trained(gappy[1], 20, 0.0)[1]
    assert still[1] == 0  # H has no part in the network
    assert still[0] > RATE  # W has
    _, of_H, *network = trained(gappy[1], 20, 1.0)[1]
    assert of_H > RATE
    assert not any(network)


def test_alpha_1_is_the_product_of_two_factors(gappy):
    X = gappy[1]
    one, other = (fit(fixed(50, alpha=1.0, hidden=h), X) for h in (4, 9))
    assert_array_equal(one.low_rank_, other.low_rank_)
    assert np.linalg.matrix_rank(one.low_rank_, tol=1e-9) == RANK
    mixed = fit(fixed(50), X)
    assert np.linalg.matrix_rank(mixed.low_rank_, tol=1e-9) > RANK


def test_trace_reports_the_objective_of_the_docstring(gappy, device):
    X = gappy[1]
    one = fit(fixed(50, device=device), X)
    by_hand = np.nanmean((X - one.low_rank_) ** 2)
    assert_allclose(one.trace_.objective, [by_hand], rtol=1e-12)
    assert one.validation_error_.shape == (0,)


def test_validation_error_by_hand(gappy, rng):
    X = gappy[1]
    held = (rng.random(X.shape) < 0.15) & (np.arange(20) > 0)
    one = fit(fixed(50), X, validation=held)
    by_hand = np.nanmean(((X - one.low_rank_) ** 2)[held])
    assert_allclose(one.validation_error_, [by_hand], rtol=1e-12)


def test_held_out_entries_do_not_move_the_fit(gappy, rng):
    X = gappy[1]
    held = (rng.random(X.shape) < 0.15) & (np.arange(20) > 0)
    other = np.where(held, 3 * X + 1, X)
    one, two = (fit(fixed(100), M, validation=held) for M in (X, other))
    gaps = fit(fixed(100), np.where(held, np.nan, X))
    assert_array_equal(one.low_rank_, two.low_rank_)
    assert_array_equal(one.low_rank_, gaps.low_rank_)
    assert one.validation_error_ != two.validation_error_


def test_held_out_entries_choose_the_iteration(gappy):
    X = gappy[1] + np.random.default_rng(0).normal(size=gappy[1].shape)
    given = {"validation_fraction": 0.2}
    one = model(**given, look_every=5, patience=20).fit(X)
    best = int(one.validation_error_.argmin())
    assert 5 < best < len(one.validation_error_) - 5  # it did overfit, and stopped
    assert one.trace_.status == "converged"
    n_iter = 5 * (best + 1)
    again = model(**given, look_every=n_iter, max_iter=n_iter)
    assert_array_equal(fit(again, X).low_rank_, one.low_rank_)


def test_the_seed_chooses_the_start(gappy):
    X = gappy[1]
    one, other = (fit(fixed(1, random_state=seed), X).low_rank_ for seed in (0, 1))
    assert (one != other).any()
    assert_allclose(other, trained(X, 1, 0.5, seed=1)[0], atol=1e-12)


def test_fits_better_than_the_means_of_the_drugs(gappy):
    truth, X = gappy
    one = model(dtype="float32").fit(X)
    gaps = np.isnan(X)
    means = np.broadcast_to(np.nanmean(X, axis=0), X.shape)
    error, of_means = (
        np.linalg.norm((L - truth)[gaps]) for L in (one.low_rank_, means)
    )
    assert error < 0.8 * of_means


def test_nothing_returns_as_measured_and_nothing_is_warned_of(gappy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        one = fixed(20).fit(gappy[1])
    assert_array_equal(one.corrected_, one.low_rank_)
    assert not one.kept_.any()
