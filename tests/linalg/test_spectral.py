import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.linalg import nuclear_norm, randomized_svd, svt

SHAPES = [(9, 4), (4, 9), (6, 6), (40, 3), (1, 5), (5, 1)]


def shrunk(M, lam):
    U, s, Vh = np.linalg.svd(M, full_matrices=False)
    return (U * np.maximum(s - lam, 0)) @ Vh


def with_values(rng, n, p, s):
    """A matrix with the singular values `s`."""
    k = len(s)
    U = np.linalg.qr(rng.normal(size=(n, k))).Q
    V = np.linalg.qr(rng.normal(size=(p, k))).Q
    return (U * s) @ V.T


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lam", [0.0, 1e-9, 0.3, 1.5])
def test_svt_shrinks_singular_values(rng, device, shape, lam):
    M = rng.normal(size=shape)
    ours = as_numpy(svt(as_tensor(M, device=device), lam))
    # 1e-12: the squares of the Gram matrix cost up to 4 digits of the 16
    assert_allclose(ours, shrunk(M, lam), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("share", [1e-8, 1e-6, 1.1e-4, 1.3e-4, 1e-3, 0.018, 0.02, 0.1])
def test_svt_is_accurate_on_both_sides_of_its_floor(rng, dtype, share):
    # values down to 1e-10 of the largest, of which a Gram matrix keeps nothing
    # and one just above the threshold, where an error shows in full
    s = np.append(10.0 ** -np.linspace(0, 10, 12), 1.5 * share)
    M = with_values(rng, 30, 14, s)
    ours = as_numpy(svt(as_tensor(M, device="cpu", dtype=dtype), share))
    # at the floor, eps^(1/4), a root of the squares is off by eps^(3/4) / 2
    atol = np.finfo(dtype).eps ** 0.75
    assert_allclose(ours, shrunk(M, share), atol=atol)


@pytest.mark.parametrize("shape", SHAPES)
def test_svt_above_the_largest_value_is_exactly_zero(rng, shape):
    M = rng.normal(size=shape)
    top = np.linalg.norm(M, 2)
    assert not svt(as_tensor(M, device="cpu"), top * (1 + 1e-9)).any()
    assert svt(as_tensor(M, device="cpu"), top * (1 - 1e-9)).any()


def test_svt_of_tied_values_is_unique(rng):
    Q = np.linalg.qr(rng.normal(size=(7, 3))).Q  # singular values 1, 1, 1
    assert_allclose(as_numpy(svt(as_tensor(Q, device="cpu"), 0.25)), 0.75 * Q)


def test_svt_of_nothing_is_nothing():
    assert not svt(torch.zeros(4, 3, dtype=torch.float64), 0.0).any()


@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_svt_satisfies_the_optimality_condition(rng, shape):
    # (M - Z) / lam must be a subgradient of the nuclear norm at Z
    M, lam = rng.normal(size=shape), 1.1
    Z = as_numpy(svt(as_tensor(M, device="cpu"), lam))
    G = M - Z
    assert np.linalg.norm(G, 2) <= lam * (1 + 1e-12)
    assert_allclose(np.sum(G * Z), lam * np.linalg.norm(Z, "nuc"), rtol=1e-12)


def test_svt_turns_and_scales_with_its_matrix(rng):
    M = as_tensor(rng.normal(size=(8, 5)), device="cpu")
    assert_allclose(as_numpy(svt(M.T, 0.5)), as_numpy(svt(M, 0.5).T), atol=1e-13)
    scaled = svt(M * 2**20, 0.5 * 2**20)  # a power of two changes no digit
    assert torch.equal(scaled, svt(M, 0.5) * 2**20)


@pytest.mark.parametrize("shape", SHAPES)
def test_nuclear_norm_sums_singular_values(rng, device, shape):
    M = rng.normal(size=shape)
    ours = float(nuclear_norm(as_tensor(M, device=device)))
    assert_allclose(ours, np.linalg.norm(M, "nuc"), rtol=1e-13)


@pytest.mark.parametrize("shape", [(80, 50), (50, 80)])
def test_randomized_svd_finds_a_decaying_spectrum(rng, device, shape):
    M = with_values(rng, *shape, 10.0 * 0.7 ** np.arange(50))
    T = as_tensor(M, device=device)
    U, s, Vh = map(as_numpy, randomized_svd(T, 5, generator=generator(0)))
    exact = np.linalg.svd(M)
    assert U.shape == (shape[0], 5)
    assert Vh.shape == (5, shape[1])
    # the error falls as (s_16 / s_5)^9 = 5e-16: 10 extra directions, 4 power passes
    assert_allclose(s, exact.S[:5], rtol=1e-12)
    best = (exact.U[:, :5] * exact.S[:5]) @ exact.Vh[:5]
    assert_allclose((U * s) @ Vh, best, atol=1e-6)
    assert_allclose(U.T @ U, np.eye(5), atol=1e-12)
    assert_allclose(Vh @ Vh.T, np.eye(5), atol=1e-12)


def test_power_passes_sharpen_a_slowly_decaying_spectrum(rng):
    M = with_values(rng, 80, 60, 1 / np.sqrt(1 + np.arange(60)))
    T, exact = as_tensor(M, device="cpu"), np.linalg.svd(M).S[:8]
    errors = [
        np.abs(
            as_numpy(randomized_svd(T, 8, generator=generator(0), n_power=k)[1]) - exact
        ).max()
        for k in (0, 4)
    ]
    # 20 seeds: without passes .08 to .12 (the last value off by a third), with 4
    # of them below .005
    assert errors[0] > 0.05
    assert errors[1] < 0.01


def test_oversampling_sharpens_too(rng):
    M = with_values(rng, 80, 60, 1 / np.sqrt(1 + np.arange(60)))
    T, exact = as_tensor(M, device="cpu"), np.linalg.svd(M).S[:8]
    errors = [
        np.abs(
            as_numpy(
                randomized_svd(
                    T, 8, generator=generator(0), n_power=1, oversample=extra
                )[1]
            )
            - exact
        ).max()
        for extra in (0, 30)
    ]
    assert errors[1] < errors[0] / 5


def test_randomized_svd_of_full_rank_is_the_svd(rng):
    M = rng.normal(size=(6, 4))
    U, s, Vh = map(
        as_numpy, randomized_svd(as_tensor(M, device="cpu"), 4, generator=generator(1))
    )
    assert_allclose((U * s) @ Vh, M, atol=1e-12)


@pytest.mark.parametrize("rank", [0, -1, 5])
def test_randomized_svd_refuses_a_rank_outside_the_shape(rank):
    M = torch.eye(6, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match=rf"rank .* between 1 and 4; got {rank}"):
        randomized_svd(M, rank, generator=generator(0))
