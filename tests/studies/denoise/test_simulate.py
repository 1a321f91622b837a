import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.csgraph import connected_components

from latentomics.studies.denoise.simulate import (
    planted_blocks,
    planted_factors,
    planted_overlap,
    planted_residuals,
)


@pytest.fixture(scope="module")
def made():
    return planted_blocks(200, 60, rank=4, block=15, random_state=3)


def test_low_rank_has_the_rank_and_the_level_of_the_published_sets(made):
    s = np.linalg.svd(made.L_true, compute_uv=False)
    assert s[3] > 1e-6 * s[0]
    assert s[4] < 1e-10 * s[0]
    assert made.L_true.min() >= 0
    whole = planted_blocks(random_state=3).L_true
    assert_allclose(whole.mean(), 0.107, atol=0.012)  # published: .113 and .100
    assert_allclose(whole.std() / whole.mean(), 0.298, atol=0.02)  # .297 and .298


def test_noise_is_what_remains(made):
    E = made.D - made.L_true - made.S_true
    # 12,000 draws of sd .05: the sample sd is within 2 % of it but once in 1,000
    assert_allclose(E.std(), 0.05, rtol=0.02)
    assert abs(E.mean()) < 0.002


def test_spikes_have_their_height_and_their_chances(made):
    spikes = made.S_true[made.S_true > 0]
    assert 0.2 <= spikes.min()
    assert spikes.max() <= 0.3
    # 2 blocks of 15 x 15, six of ten: 270 with an sd of 10
    assert 225 < made.block.sum() < 315
    scattered = (made.S_true > 0) & ~made.block
    assert_allclose(scattered.mean(), 0.05, atol=0.01)


def test_blocks_are_two_squares_once_sorted(made):
    # drugs and lines are joined where a block entry stands: two blocks, two islands
    assert made.block.any(axis=1).sum() == 30
    assert made.block.any(axis=0).sum() == 30
    corner = made.block[made.block.any(axis=1)][:, made.block.any(axis=0)]
    graph = np.block([[np.zeros((30, 30)), corner], [corner.T, np.zeros((30, 30))]])
    n_islands, island = connected_components(graph)
    assert n_islands == 2
    assert np.bincount(island[:30]).tolist() == [15, 15]


def test_masks_are_a_partition(made):
    parts = made.seen.astype(int) + made.validation + made.test
    assert_array_equal(parts, 1)
    assert_allclose(made.validation.mean(), 0.15, atol=0.02)
    assert_allclose(made.test.mean(), 0.15, atol=0.02)


def test_same_seed_same_set_other_seed_other_set(made):
    again = planted_blocks(200, 60, rank=4, block=15, random_state=3)
    assert_array_equal(again.D, made.D)
    other = planted_blocks(200, 60, rank=4, block=15, random_state=4)
    assert not np.array_equal(other.D, made.D)


def test_messages():
    with pytest.raises(ValueError, match=r"at most 60; got 4 \* 20"):
        planted_blocks(200, 60, n_blocks=4)
    with pytest.raises(ValueError, match="between 0 and 0.5; got 0.5"):
        planted_blocks(200, 60, held=0.5)
    with pytest.raises(ValueError, match="rank must be a whole number"):
        planted_blocks(200, 60, rank=0)
    with pytest.raises(ValueError, match="rank .*must be at most 60; got 61"):
        planted_blocks(200, 60, rank=61)
    with pytest.raises(ValueError, match="noise must be a non-negative number; got -1"):
        planted_blocks(200, 60, noise=-1)
    with pytest.raises(ValueError, match="random_state must be a whole number"):
        planted_blocks(200, 60, random_state=None)
    with pytest.raises(ValueError, match=r"n_factors must be one of \(2, 4\); got 3"):
        planted_factors(n_factors=3)


@pytest.mark.parametrize(("n_drugs", "n_lines"), [(800, 100), (800, 400)])
def test_published_sizes_can_be_made(n_drugs, n_lines):
    made = planted_blocks(n_drugs, n_lines, random_state=0)
    assert made.D.shape == (n_drugs, n_lines)


def share_of_first(L):
    s = np.linalg.svd(L - L.mean(), compute_uv=False)
    return s[0] ** 2 / np.sum(s**2)


def test_four_factors_have_the_rank_and_level_of_two_but_fewer_strong_patterns():
    two, four = (
        planted_factors(200, 60, rank=5, n_factors=k, random_state=1) for k in (2, 4)
    )
    for made in (two, four):
        s = np.linalg.svd(made.L_true, compute_uv=False)
        assert s[4] > 1e-6 * s[0] > s[5]
        assert not made.block.any()
        assert_allclose((made.S_true > 0).mean(), 0.05, atol=0.01)
    assert_allclose(four.L_true.mean(), two.L_true.mean(), rtol=1e-6)
    assert share_of_first(four.L_true) > 1.5 * share_of_first(two.L_true)


def test_overlap_has_the_blocks_of_the_published_set():
    made = planted_overlap(400, 100, block=20, random_state=2)
    by_drug, by_line = (np.sort(made.block.sum(axis=k))[::-1] for k in (1, 0))
    # the published file: 1,020 block spikes, 61 drugs, most of them in the stripe
    assert 930 < made.block.sum() < 1110
    assert (by_drug > 0).sum() == 61
    assert 45 < by_drug[0] < 75  # the stripe, 100 lines at 0.6
    assert by_drug[1] < 30
    # lines of two rectangles: 10 of 40 drugs and 20 more; then 10 + 20 of one
    assert by_line[:10].mean() > 30
    assert_allclose(by_line[10:20].mean(), 24, atol=4)
    assert_allclose(by_line[20:50].mean(), 12, atol=2.5)


def test_overlap_must_fit():
    with pytest.raises(ValueError, match="81 drugs and 70 lines .*80 x 100; got 20"):
        planted_overlap(80, 100)
    with pytest.raises(ValueError, match="an even number .*; got 15"):
        planted_overlap(block=15)


@pytest.fixture
def real():
    """Rank 2, three islands of spikes and a gap, in place of a real screen."""
    rng = np.random.default_rng(0)
    X = 0.1 + 0.1 * rng.random((40, 2)) @ rng.random((2, 30))
    for k in range(3):
        X[10 * k : 10 * k + 8, 10 * k : 10 * k + 7] += 0.5 * rng.random((8, 7))
    X[5, 20] = np.nan
    return X


def test_residuals_of_a_real_matrix_become_spikes(real):
    made = planted_residuals(real, rank=2, n_blocks=3, noise=0.0, random_state=0)
    assert np.linalg.matrix_rank(made.L_true) == 2
    spikes = made.S_true[made.S_true > 0]
    assert spikes.min() >= 0.2
    assert_allclose(made.D, made.L_true + made.S_true)
    filled = np.where(np.isnan(real), np.nanmedian(real, axis=0), real)
    U, s, Vh = np.linalg.svd(filled)
    R = filled - U[:, :2] * s[:2] @ Vh[:2]
    assert_allclose(np.sort(spikes), np.sort(R[R >= 0.2]))
    # most of the spikes are in the islands, hence in a co-cluster
    assert made.block.sum() > 0.8 * len(spikes)


def test_residuals_need_a_matrix_with_residuals(real):
    with pytest.raises(ValueError, match="keep must be at most .*; got 9"):
        planted_residuals(real, keep=9)
    with pytest.raises(ValueError, match=r"must have a measured entry in every column"):
        planted_residuals(np.where(np.arange(30) == 3, np.nan, real))
    with pytest.raises(
        ValueError, match="n_blocks must be a whole number of at least 2"
    ):
        planted_residuals(real, n_blocks=1)
    with pytest.raises(ValueError, match="n_blocks must be at most 30; got 31"):
        planted_residuals(real, n_blocks=31)


def test_what_is_masked_was_not_measured(real):
    hidden = np.ma.masked_invalid(np.where(np.isnan(real), np.nan, real))
    wild = np.ma.array(np.where(np.isnan(real), 1e3, real), mask=hidden.mask)
    one, two = (planted_residuals(M, rank=2, n_blocks=3) for M in (real, wild))
    assert_array_equal(one.D, two.D)
