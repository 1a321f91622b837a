import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import generator
from latentomics.sensing.networks import (
    check_loss,
    fold_entry,
    fold_leave,
    learnable,
    one_pass,
    respond,
    restored,
    split_rows,
    start_layers,
    stored,
    train,
    watched,
)

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


def trained(X, Y, held=0, seed=0, **given):
    draw = generator(seed)
    weights = learnable(start_layers([3, 1], draw), X)

    def loss(rows, training):
        return (respond(weights, X[rows]) - Y[rows]).square().mean()

    rows = torch.arange(len(X))
    plan = {**PLAN, **given}
    return train(weights, loss, rows[held:], rows[:held], draw=draw, **plan)


def test_answers_by_hand():
    layers = [
        torch.tensor([[1.0, -1.0]]),
        torch.tensor([0.0, 1.0]),
        torch.tensor([[2.0], [10.0]]),
        torch.tensor([5.0]),
    ]
    X = torch.tensor([[3.0]])  # inner values 3 and -2
    assert respond(layers, X).item() == 2 * 3 + 5
    assert respond(layers, X, slope=0.5).item() == 2 * 3 + 10 * -1 + 5


def test_weights_start_with_variance_2_over_inputs_and_offsets_at_0():
    layers = start_layers([200, 300, 400], generator(1), last=1.0)
    assert [tuple(M.shape) for M in layers] == [(200, 300), (300,), (300, 400), (400,)]
    assert all((M == 0).all() for M in layers[1::2])
    for W, inputs in zip(layers[::2], (200, 300), strict=True):
        # a variance of 60,000 draws has a relative spread of .6 %
        assert_allclose(W.var().item(), 2 / inputs, rtol=0.03)


def test_a_network_may_start_at_0_and_draws_from_its_own_generator():
    before = torch.get_rng_state()
    layers = start_layers([4, 5, 2], generator(1))
    assert_array_equal(respond(layers, torch.ones(3, 4).double()), np.zeros((3, 2)))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, layers, start_layers([4, 5, 2], generator(1))))


def test_weights_come_back_as_they_were_and_are_copies():
    layers = start_layers([4, 5, 2], generator(1), last=1.0)
    arrays = stored(layers)
    back = restored(arrays, device="cpu", dtype="float64")
    assert all(map(torch.equal, layers, back))
    copies = learnable(layers, layers[0])
    with torch.no_grad():
        copies[0] += 1
    assert_array_equal(arrays[0], layers[0].numpy())


def test_training_finds_the_least_squares_line(line):
    X, Y = line
    weights, history = trained(X, Y, max_epochs=100, learning_rate=0.1)
    assert_allclose(respond(weights, X).detach(), Y, atol=1e-3)
    assert_array_equal(history["epoch"], np.arange(1, 101))
    assert history["loss"].iloc[-1] < 1e-4 * history["loss"].iloc[0]
    assert history["validation"].isna().all()


def test_the_state_that_serves_those_held_out_best_is_kept(line, rng):
    X, Y = line
    Y = Y.clone()
    Y[:10] = 0.3 * Y[:10]  # best before the others are learned
    weights, history = trained(X, Y, held=10, max_epochs=100, learning_rate=0.05)
    score = (respond(weights, X[:10]) - Y[:10]).square().mean().item()
    assert_allclose(score, history["validation"].min())
    assert history["validation"].idxmin() < 90


def test_decay_shrinks_weights_apart_from_the_gradient(line):
    # a loss without a gradient: only decay moves, by rate x decay of each step
    weights = [torch.ones(2, dtype=torch.float64, requires_grad=True)]
    found, _ = train(
        weights,
        lambda rows, training: 0 * weights[0].sum(),
        torch.arange(4),
        torch.arange(0),
        draw=generator(0),
        **{**PLAN, "weight_decay": 2.0, "max_epochs": 2, "batch_size": None},
    )
    rates = 0.01, 0.005  # half of a cosine, in two steps
    assert_allclose(found[0], np.prod([1 - 2 * r for r in rates]))


def test_a_pass_shows_every_row_once_in_batches():
    weights, seen = [torch.zeros(1, requires_grad=True)], []

    def loss(rows):
        seen.append(rows)
        return weights[0].sum() + rows.double().mean()

    move = torch.optim.SGD(weights, 1.0)
    rows = torch.arange(10, 17)
    how = {"batch_size": 3, "draw": generator(0), "clip": 0.25}
    mean = one_pass(move, weights, loss, rows, **how)
    assert [len(batch) for batch in seen] == [3, 3, 1]
    assert_array_equal(torch.cat(seen).sort().values, rows)
    assert not torch.equal(torch.cat(seen), rows)
    # the gradient is 1, clipped to 1/4 a step
    assert_allclose(weights[0].item(), -0.75, rtol=1e-5)
    assert_allclose(mean, 13 - (0.25 * 3 + 0.5) / 7, rtol=1e-5)


def test_rows_are_split_in_two_and_one_is_always_trained_on():
    rows, held = split_rows(20, 0.25, generator(0))
    assert len(held) == 5
    assert_array_equal(torch.cat([rows, held]).sort().values, np.arange(20))
    assert [len(part) for part in split_rows(2, 0.01, generator(0))] == [1, 1]
    assert [len(part) for part in split_rows(3, 0.99, generator(0))] == [1, 2]
    assert [len(part) for part in split_rows(3, 0.0, generator(0))] == [3, 0]


def test_units_fold_into_the_outer_layers(rng):
    layers = start_layers([3, 4, 2], generator(0), last=1.0)
    X = torch.from_numpy(rng.normal(size=(5, 3)))
    centre, scale = X.mean(0), X.std(0)
    out = torch.tensor([1.0, -2.0]).double(), torch.tensor([3.0, 0.5]).double()
    wanted = respond(layers, (X - centre) / scale) * out[1] + out[0]
    folded = fold_leave(fold_entry(layers, centre, scale), *out)
    assert_allclose(respond(folded, X), wanted)


def test_progress_is_shown(line):
    totals = []

    def progress(epochs, total):
        totals.append(total)
        return epochs

    trained(*line, max_epochs=3, progress=progress)
    assert totals == [3]
    assert list(watched(3, None)) == [1, 2, 3]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_no_number_stops_the_training(line, value):
    with pytest.raises(FloatingPointError, match=f"became {value} in epoch 7; check"):
        check_loss(value, 7)
    X, Y = line
    with pytest.raises(FloatingPointError, match="in epoch 1"):
        trained(X, Y * value)
