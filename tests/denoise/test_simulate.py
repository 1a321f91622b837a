import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.csgraph import connected_components

from latentomics.denoise.simulate import planted_blocks


@pytest.fixture(scope="module")
def made():
    return planted_blocks(200, 60, rank=4, block=15, random_state=3)


def test_low_rank_has_the_rank_and_the_level_of_the_published_sets(made):
    s = np.linalg.svd(made.L_true, compute_uv=False)
    assert s[3] > 1e-6 * s[0]
    assert s[4] < 1e-10 * s[0]
    assert made.L_true.min() >= 0
    assert 0.09 < made.L_true.mean() < 0.14  # published: .10 to .11


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
