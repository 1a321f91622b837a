import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import generator
from latentomics.solvers.networks import (
    Layer,
    Network,
    check_loss,
    descend,
    one_pass,
    split_rows,
    watched,
)


def test_answers_by_hand():
    layers = [
        Layer(torch.tensor([[1.0, -1.0]]), torch.tensor([0.0, 1.0])),
        Layer(torch.tensor([[2.0], [10.0]]), torch.tensor([5.0])),
    ]
    X = torch.tensor([[3.0]])  # inner values 3 and -2
    assert Network(layers)(X).item() == 2 * 3 + 5
    assert Network(layers, slope=0.5)(X).item() == 2 * 3 + 10 * -1 + 5


def test_weights_start_with_variance_2_over_inputs_and_offsets_at_0():
    network = Network.start([200, 300, 400], generator(1), last=1.0)
    shapes = [tuple(M.shape) for M in network.weights]
    assert shapes == [(200, 300), (300,), (300, 400), (400,)]
    for (W, b), inputs in zip(network.layers, (200, 300), strict=True):
        assert (b == 0).all()
        # a variance of 60,000 draws has a relative spread of .6 %
        assert_allclose(W.var().item(), 2 / inputs, rtol=0.03)


def test_a_network_may_start_at_0_and_draws_from_its_own_generator():
    before = torch.get_rng_state()
    network = Network.start([4, 5, 2], generator(1))
    assert_array_equal(network(torch.ones(3, 4).double()), np.zeros((3, 2)))
    assert torch.equal(torch.get_rng_state(), before)
    again = Network.start([4, 5, 2], generator(1))
    assert all(map(torch.equal, network.weights, again.weights))


def test_weights_come_back_as_they_were_and_are_copies():
    network = Network.start([4, 5, 2], generator(1), slope=0.3, last=1.0)
    arrays = network.arrays
    back = Network.restored(arrays, device="cpu", slope=0.3)
    assert all(map(torch.equal, network.weights, back.weights))
    assert back.slope == network.slope == network.learnable(back.weights[0]).slope
    short = Network.restored(arrays, device="cpu", dtype="float32")
    assert {M.dtype for M in short.weights} == {torch.float32}
    copy = network.learnable(network.weights[0])
    with torch.no_grad():
        copy.weights[0].add_(1)
    assert_array_equal(arrays[0], network.weights[0].numpy())


def test_a_pass_shows_every_row_once_in_batches():
    weights, seen = [torch.zeros(1, requires_grad=True)], []

    def loss(rows):
        seen.append(rows)
        return weights[0].sum() + rows.double().mean()

    move = torch.optim.SGD(weights, 1.0)
    rows = torch.arange(10, 17)
    how = {"batch_size": 3, "draw": generator(0), "clip": 0.25}
    mean = one_pass(move, loss, rows, **how)
    assert [len(batch) for batch in seen] == [3, 3, 1]
    assert_array_equal(torch.cat(seen).sort().values, rows)
    assert not torch.equal(torch.cat(seen), rows)
    # the gradient is 1, clipped to 1/4 a step
    assert_allclose(weights[0].item(), -0.75, rtol=1e-5)
    assert_allclose(mean, 13 - (0.25 * 3 + 0.5) / 7, rtol=1e-5)


def test_a_step_reaches_the_weights_of_its_own_optimizer_only():
    one, other = (torch.ones(1, requires_grad=True) for _ in range(2))
    descend(torch.optim.SGD([one], 0.5), (3 * one * other).sum())
    assert one.item() == 1 - 0.5 * 3
    assert other.item() == 1
    assert other.grad is None


def test_rows_are_split_in_two_and_one_is_always_trained_on():
    rows, held = split_rows(20, 0.25, generator(0))
    assert len(held) == 5
    assert_array_equal(torch.cat([rows, held]).sort().values, np.arange(20))
    assert [len(part) for part in split_rows(2, 0.01, generator(0))] == [1, 1]
    assert [len(part) for part in split_rows(3, 0.99, generator(0))] == [1, 2]
    assert [len(part) for part in split_rows(3, 0.0, generator(0))] == [3, 0]


def test_units_fold_into_the_outer_layers(rng):
    network = Network.start([3, 4, 2], generator(0), slope=0.2, last=1.0)
    X = torch.from_numpy(rng.normal(size=(5, 3)))
    centre, scale = X.mean(0), X.std(0)
    out = torch.tensor([1.0, -2.0]).double(), torch.tensor([3.0, 0.5]).double()
    wanted = network((X - centre) / scale) * out[1] + out[0]
    assert_allclose(network.fold_entry(centre, scale).fold_leave(*out)(X), wanted)


def test_progress_is_shown():
    totals = []

    def progress(epochs, total):
        totals.append(total)
        return epochs

    assert list(watched(3, progress)) == list(watched(3, None)) == [1, 2, 3]
    assert totals == [3]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_a_number_is_refused(value):
    with pytest.raises(FloatingPointError, match=f"became {value} in epoch 7; check"):
        check_loss(value, 7)
    check_loss(0.5, 7)
