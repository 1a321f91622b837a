import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from latentomics.arrays import (
    as_mask,
    as_numpy,
    as_tensor,
    generator,
    rand,
    randn,
    resolve_device,
)


def test_there_and_back_keeps_every_bit(rng, device):
    X = rng.normal(size=(4, 3))
    assert_array_equal(as_numpy(as_tensor(X, device=device)), X)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_dtype_is_the_one_asked_for(rng, device, dtype):
    T = as_tensor(rng.integers(0, 9, size=(4, 3)), device=device, dtype=dtype)
    assert T.dtype == getattr(torch, dtype)
    assert T.device.type == device


def test_neither_door_shares_memory(rng):
    X = rng.normal(size=(4, 3))
    T = as_tensor(X, device="cpu")
    T.zero_()
    assert X.all()
    home = as_numpy(T)
    home[:] = 1
    assert not T.any()


def test_a_mask_is_copied(device):
    mask = np.array([[True, False]])
    T = as_mask(mask, device=device)
    assert T.dtype == torch.bool
    assert T.device.type == device
    T[:] = True
    assert_array_equal(mask, [[True, False]])


def test_a_tensor_with_a_gradient_comes_home():
    T = torch.ones(2, requires_grad=True)
    assert_array_equal(as_numpy(T), [1, 1])


@pytest.mark.parametrize("draw", [randn, rand])
def test_every_device_and_dtype_starts_at_one_point(draw, device):
    draws = [
        draw(8, 5, generator=generator(7), like=torch.empty(0, dtype=dtype).to(device))
        for dtype in (torch.float64, torch.float32)
    ]
    expected = draw(8, 5, generator=generator(7), like=torch.empty(0).double())
    assert_array_equal(as_numpy(draws[0]), as_numpy(expected))
    assert_array_equal(as_numpy(draws[1]), as_numpy(expected).astype("float32"))


def test_draws_have_the_distribution_they_say():
    like = torch.empty(0, dtype=torch.float64)
    normal = as_numpy(randn(20_000, generator=generator(0), like=like))
    flat = as_numpy(rand(20_000, generator=generator(0), like=like))
    # standard errors: .007 of a mean, .005 of a standard deviation; 4 of them
    assert abs(normal.mean()) < 0.028
    assert abs(normal.std() - 1) < 0.02
    assert abs(flat.mean() - 0.5) < 0.008
    assert 0 <= flat.min() < 0.001 < 0.999 < flat.max() < 1


def test_seeds_differ():
    like = torch.empty(0)
    a, b = (randn(3, generator=generator(s), like=like) for s in (0, 1))
    assert not torch.equal(a, b)


def test_auto_takes_the_gpu_when_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"


def test_messages(monkeypatch):
    with pytest.raises(ValueError, match=r"device must be one of .*'cpu'.*; got 'tpu'"):
        resolve_device("tpu")
    with pytest.raises(ValueError, match=r"dtype must be one of .*float32.*; got 'f2'"):
        as_tensor([1.0], device="cpu", dtype="f2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"device='cuda' needs a GPU .*; got none"):
        resolve_device("cuda")


@pytest.mark.parametrize("door", [as_tensor, as_mask])
def test_the_order_in_memory_is_always_row_by_row(rng, door):
    turned = rng.normal(size=(3, 4)).T  # column by column
    T = door(turned, device="cpu")
    assert T.is_contiguous()
    assert_array_equal(as_numpy(T), turned.astype(as_numpy(T).dtype))
