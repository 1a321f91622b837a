"""The device of plain memory refuses, answers and counts as a GPU does."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from strict_device import NAME, plugged_in

from latentomics.arrays import as_mask, as_numpy, as_tensor, generator
from latentomics.denoise import SoftImpute
from latentomics.sensing import WGANDecoder
from latentomics.solvers import pursuit
from latentomics.studies.denoise.downstream_network import pretrained_predictions

M = np.arange(12.0).reshape(3, 4)


@pytest.fixture
def crossings():
    with plugged_in() as found:
        yield found


@pytest.fixture
def there(crossings):
    """A matrix on the device, of 3 rows and 4 columns, and no crossing counted yet."""
    T = as_tensor(M, device=NAME)
    crossings.clear()
    return T


HERE = torch.arange(12.0, dtype=torch.float64).reshape(3, 4)


@pytest.mark.parametrize(
    "act",
    [
        lambda T: T + HERE,
        lambda T: HERE - T,
        lambda T: T @ HERE.T,
        lambda T: torch.cat([T, HERE]),
        lambda T: torch.where(HERE > 3, T, 0),
        lambda T: T.add_(HERE),
        lambda T: HERE.add_(T),
        lambda T: HERE.add_(T.sum()),
        lambda T: T.gather(1, HERE.long() % 4),
        lambda T: T.index_select(0, torch.tensor([1])),
        lambda T: HERE[T > 3],
        lambda T: HERE[T[0].long()],
        lambda T: T.index_put_((torch.tensor([0, 1]),), HERE[:2]),
        lambda T: torch.linalg.solve_triangular(T[:, :3], HERE[:, :3], upper=True),
    ],
)
def test_tensors_on_two_devices_are_refused(there, act):
    with pytest.raises(RuntimeError, match="has tensors on two devices: .* on "):
        act(there)


@pytest.mark.parametrize(
    "act",
    [
        lambda T: torch.randn(3, device=NAME),
        lambda T: torch.randperm(3, device=NAME, generator=generator(0)),
        lambda T: torch.randn_like(T),
        lambda T: T.normal_(),
        lambda T: torch.nn.functional.dropout(T),
    ],
)
def test_draws_on_the_device_are_refused(there, act):
    with pytest.raises(RuntimeError, match="draw on the cpu, then move"):
        act(there)


@pytest.mark.parametrize("act", [lambda T: T.numpy(), np.asarray, np.linalg.norm])
def test_numpy_sees_no_tensor_of_the_device(there, act):
    with pytest.raises(TypeError, match="is no array"):
        act(there)


# What is done, how often it crosses up and down, and what of M it gives
KNOWN = {
    "nothing": (lambda T: (T @ T.T).exp_().add(1) * torch.ones_like(T[:, :3]), 0, 0),
    "number from here": (lambda T: T * torch.tensor(2.0), 0, 0),
    "made there": (lambda T: torch.eye(3, device=T.device), 0, 0),
    "size": (lambda T: len(T) + T.shape[1], 0, 0),
    "to": (lambda T: HERE.to(T.device), 1, 0),
    "to like": (lambda T: HERE.to(T), 1, 0),
    "to where it is": (lambda T: T.to(T.device), 0, 0),
    "another type": (lambda T: T.to(torch.float32).double(), 0, 0),
    "tensor": (lambda T: torch.tensor([1.0], device=T.device), 1, 0),
    "as_tensor": (lambda T: torch.as_tensor([1.0], device=T.device), 1, 0),
    "new_tensor": (lambda T: T.new_tensor([1.0]), 1, 0),
    "copy_": (lambda T: T.copy_(HERE), 1, 0),
    "copy_ to here": (lambda T: torch.zeros(3, 4).copy_(T), 0, 1),
    "a part set": (lambda T: T.__setitem__(0, HERE[0]), 1, 0),
    "a part set to a number": (lambda T: T.__setitem__(0, 7.0), 0, 0),
    "index from here": (lambda T: T[torch.tensor([2, 0])], 1, 0),
    "list": (lambda T: T[[2, 0]], 1, 0),
    "two lists": (lambda T: T[[2, 0], [1, 1]], 2, 0),
    "index from there": (lambda T: T[(T[0] % 3).long()], 0, 0),
    "set by a list": (lambda T: T.__setitem__([2, 0], 7.0), 1, 0),
    "mask": (lambda T: T[T > 3], 0, 1),
    "mask filled": (lambda T: T.__setitem__(T > 3, 7.0), 0, 0),
    "mask set": (lambda T: T.__setitem__(T[:, 0] > 3, 2 * T[1:]), 0, 1),
    "masked_select": (lambda T: T.masked_select(T > 3), 0, 1),
    "nonzero": (lambda T: T.nonzero(), 0, 1),
    "unique": (lambda T: T.unique(), 0, 1),
    "item": (lambda T: T[0, 0].item(), 0, 1),
    "float": (lambda T: float(T.sum()), 0, 1),
    "if": (lambda T: bool((T > 3).all()), 0, 1),
    "equal": (lambda T: torch.equal(T, T), 0, 1),
    "tolist": (lambda T: T.tolist(), 0, 1),
    "cpu": (lambda T: T.cpu(), 0, 1),
    "as_numpy": (as_numpy, 0, 1),
}


@pytest.mark.parametrize("what", KNOWN)
def test_crossings_are_counted_and_values_are_those_of_the_cpu(there, crossings, what):
    act, up, down = KNOWN[what]
    value = act(there)
    assert crossings == Counter(up=up, down=down)
    own = HERE.clone()
    expected = act(own)
    assert_array_equal(as_numpy(there), as_numpy(own))
    if isinstance(expected, torch.Tensor):
        value, expected = as_numpy(value), as_numpy(expected)
    assert_array_equal(value, expected)


def test_a_tensor_tells_its_shape_after_it_changed_in_place(there):
    assert there[0].unsqueeze_(0).shape == (1, 4)
    assert (there[0] @ there.T).shape == (3,)


def test_crossings_begin_at_0(crossings):
    as_tensor(M, device=NAME)
    assert crossings == Counter(up=1)
    with plugged_in() as again:
        assert not again


def test_auto_is_the_device_and_cpu_is_not(crossings):
    assert as_tensor(M).device.type == as_mask(M > 3).device.type == NAME
    assert as_tensor(M, device="cpu").device.type == "cpu"


def test_without_it_the_package_knows_no_such_device():
    with pytest.raises(ValueError, match=r"'auto', 'cpu', 'cuda'\); got 'strict'"):
        as_tensor(M, device=NAME)
    with pytest.raises(ValueError, match=r"'auto', 'cpu', 'cuda'\); got 'strict'"):
        SoftImpute(device=NAME).fit(M)


class ForgetsTheMask(SoftImpute):
    def _read(self, *args, **given):
        X, *masks = super()._read(*args, **given)
        return X, *(as_mask(as_numpy(mask), device="cpu") for mask in masks)


def test_an_estimator_that_mixes_devices_fails(crossings, gappy):
    ForgetsTheMask(device="cpu").fit(gappy[1])
    with pytest.raises(RuntimeError, match="has tensors on two devices"):
        ForgetsTheMask(device=NAME).fit(gappy[1])


def test_what_the_package_does_on_a_gpu_is_done(crossings, monkeypatch, rng):
    sizes, chunk = [], pursuit._chunk

    def spy(gram, a, *room, **given):
        sizes.append(len(a))
        return chunk(gram, a, *room, **given)

    monkeypatch.setattr(pursuit, "_chunk", spy)
    D, Y = rng.normal(size=(1000, 8)), rng.normal(size=(400, 8))
    codes = {d: pursuit.pursuit(D, Y, 4, device=d) for d in ("cpu", NAME)}
    assert sizes == [196, 196, 8, 400]  # 6 MiB of 4 x 1000 x 8 bytes, then 1 GiB
    assert_array_equal(codes["cpu"], codes[NAME])


def test_gradients_are_summed_in_the_order_of_the_cpu(crossings, rng):
    """In float32 a unit of the critic turns with one rounding, and all after it."""
    X = np.abs(rng.normal(size=(40, 3)) @ rng.normal(size=(3, 20)))
    given = {"hidden": (32,), "max_iter": 5, "n_steps": 5, "batch_size": 16}
    one, two = (WGANDecoder(4, device=d, **given).fit(X) for d in ("cpu", NAME))
    for a, b in zip(one.generator_, two.generator_, strict=True):
        assert_array_equal(a, b)


def test_a_pretrained_network_predicts_there_what_it_does_here(crossings, rng):
    F, first, second = (pd.DataFrame(rng.normal(size=(10, p))) for p in (4, 3, 2))
    given = F, first, second, np.arange(10) % 3
    here = pretrained_predictions(*given, device="cpu")
    assert not crossings
    there = pretrained_predictions(*given, device=NAME)
    assert crossings["up"]
    np.testing.assert_allclose(there, here, rtol=1e-9)
