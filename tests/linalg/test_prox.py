import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_numpy, as_tensor
from latentomics.linalg import clip, huber, soft_threshold, trimmed, trimmed_slope

R = np.array([[-3.0, -1.0, -0.4], [0.0, 0.7, 1.0], [1.2, 5.0, -1.1]])


def test_known_values(device):
    T = as_tensor([-3.0, -0.5, 0.0, 1.0, 2.5], device=device)
    assert_array_equal(as_numpy(clip(T, 1.0)), [-1, -0.5, 0, 1, 1])
    assert_array_equal(as_numpy(soft_threshold(T, 1.0)), [-2, 0, 0, 0, 1.5])
    assert_array_equal(as_numpy(huber(T, 1.0)), [2.5, 0.125, 0, 0.5, 2])
    assert_array_equal(as_numpy(trimmed(T, 1.0)), [0.5, 0.125, 0, 0.5, 0.5])
    assert_array_equal(as_numpy(trimmed_slope(T, 1.0)), [0, -0.5, 0, 0, 0])


@pytest.mark.parametrize("bound", [0.5, 1.15, 10.0])
@pytest.mark.parametrize(
    ("loss", "slope"), [(huber, clip), (trimmed, trimmed_slope)], ids=["huber", "trim"]
)
def test_slopes_agree_with_autograd(rng, loss, slope, bound):
    T = torch.tensor(rng.normal(size=(6, 5)) * 2, requires_grad=True)  # none on a kink
    loss(T, bound).sum().backward()
    assert_allclose(as_numpy(slope(T, bound)), as_numpy(T.grad), atol=1e-15)


def test_huber_is_the_least_over_spikes(rng):
    spikes = np.linspace(-6, 6, 24_001)  # steps of 5e-4, so within 5e-4^2 of the least
    grid = (R[..., None] - spikes) ** 2 / 2 + 0.8 * np.abs(spikes)
    ours = as_numpy(huber(as_tensor(R, device="cpu"), 0.8))
    assert_allclose(ours, grid.min(axis=-1), atol=3e-7)
    best = spikes[grid.argmin(axis=-1)]
    shrunk = as_numpy(soft_threshold(as_tensor(R, device="cpu"), 0.8))
    assert_allclose(shrunk, best, atol=3e-4)


def test_trimmed_is_half_the_capped_square():
    by_hand = np.minimum(R**2, 1.44) / 2
    assert_allclose(as_numpy(trimmed(as_tensor(R, device="cpu"), 1.2)), by_hand)


def test_an_entry_at_the_bound_is_trimmed():
    T = torch.tensor([1.0, -1.0, 1.0 - 1e-12])
    assert trimmed_slope(T.double(), 1.0)[:2].tolist() == [0, 0]
