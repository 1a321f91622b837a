import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import generator
from latentomics.sensing.trained_network import TrainedNetwork
from latentomics.solvers.networks import Layer, Network

PLAN = {
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "batch_size": 4,
    "max_epochs": 30,
}


@pytest.fixture
def line(rng):
    """Inputs 40 x 3 and what a linear map makes of them."""
    X = torch.from_numpy(rng.normal(size=(40, 3)))
    return X, X @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64) + 1


def trained(X, Y, held=0, seed=0, progress=None, **given):
    draw = generator(seed)
    network = Network.start([3, 1], draw).learnable(X)

    def loss(rows, training):
        return (network(X[rows]) - Y[rows]).square().mean()

    rows = torch.arange(len(X))
    model = TrainedNetwork(**{**PLAN, **given})
    parts = rows[held:], rows[:held]
    best = model._train(network, loss, *parts, draw, progress=progress)
    return best, model.history_


def test_training_finds_the_least_squares_line(line):
    X, Y = line
    network, history = trained(X, Y, max_epochs=100, learning_rate=0.1)
    assert_allclose(network(X), Y, atol=1e-3)
    assert_array_equal(history["epoch"], np.arange(1, 101))
    assert history["loss"].iloc[-1] < 1e-4 * history["loss"].iloc[0]
    assert history["validation"].isna().all()


def test_the_state_that_serves_those_held_out_best_is_kept(line, rng):
    X, Y = line
    Y = Y.clone()
    Y[:10] = 0.3 * Y[:10]  # best before the others are learned
    network, history = trained(X, Y, held=10, max_epochs=100, learning_rate=0.05)
    score = (network(X[:10]) - Y[:10]).square().mean().item()
    assert_allclose(score, history["validation"].min())
    assert history["validation"].idxmin() < 90


def test_decay_shrinks_weights_apart_from_the_gradient(line):
    # a loss without a gradient: only decay moves, by rate x decay of each step
    ones = torch.ones(2, 2).double()
    network = Network([Layer(ones, ones[0])]).learnable(ones)
    changed = {"weight_decay": 2.0, "max_epochs": 2, "batch_size": None}
    found = TrainedNetwork(**{**PLAN, **changed})._train(
        network,
        lambda rows, training: 0 * network(ones).sum(),
        torch.arange(4),
        torch.arange(0),
        generator(0),
    )
    rates = 0.01, 0.005  # half of a cosine, in two steps
    for M in found.weights:
        assert_allclose(M, np.prod([1 - 2 * r for r in rates]))


def test_progress_is_shown(line):
    totals = []

    def progress(epochs, total):
        totals.append(total)
        return epochs

    trained(*line, max_epochs=3, progress=progress)
    assert totals == [3]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_no_number_stops_the_training(line, value):
    X, Y = line
    with pytest.raises(FloatingPointError, match="became .* in epoch 1"):
        trained(X, Y * value)
