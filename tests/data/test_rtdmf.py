from importlib import import_module

import numpy as np
import pytest

from latentomics.data import load

MODULE = import_module("latentomics.data.rtdmf")


def authors_count(parts, flags):
    """Count disagreements the authors' way: sort by blocks, then flat indices."""
    truth = (parts["S"] > 0).copy()
    flags = flags.copy()
    dropped = np.r_[parts["dropped_idx_val"], parts["dropped_idx_test"]]
    truth.ravel()[dropped] = flags.ravel()[dropped] = False
    rows, columns = parts["row_permute_sort_index"], parts["col_permute_sort_index"]
    truth = truth[rows][:, columns].ravel()
    flags = flags[rows][:, columns].ravel()
    block = parts["block_idx_test"].ravel()
    return (truth != flags).sum(), (truth[block] != flags[block]).sum()


def our_count(planted, flags):
    wrong = ((planted.S_true > 0) != flags) & planted.seen
    return wrong.sum(), (wrong & planted.block).sum()


def make_parts(rng, n=12, p=7):
    """Plant a block in the corner, then shuffle: the form the authors publish."""
    S_sorted = np.zeros((n, p))
    S_sorted[:4, :3] = rng.random((4, 3)) > 0.3
    rows, columns = rng.permutation(n), rng.permutation(p)
    S = np.empty_like(S_sorted)
    S[np.ix_(rows, columns)] = S_sorted  # so that S[rows][:, columns] is sorted
    S[rows[-1], columns[-1]] = 1  # a spike outside the block
    dropped = rng.permutation(n * p)
    L = rng.random((n, p))
    return {
        "M": L + S,
        "L": L,
        "S": S,
        "block_idx_test": np.flatnonzero(S_sorted)[None],
        "row_permute_sort_index": rows,
        "col_permute_sort_index": columns,
        "dropped_idx_val": dropped[:13],
        "dropped_idx_test": dropped[13:26],
    }


@pytest.fixture
def parts(monkeypatch, tmp_path):
    made = make_parts(np.random.default_rng(5))
    for part, values in made.items():
        np.save(tmp_path / f"rtdmf_twoblock_b20_{part}.npy", values)
    monkeypatch.setattr(MODULE, "fetch_file", lambda file: tmp_path / f"{file}.npy")
    return made


def test_the_masks_split_the_cells_three_ways(parts):
    planted = load("rtdmf_twoblock")
    total = planted.seen.astype(int) + planted.validation + planted.test
    assert (total == 1).all()
    assert set(np.flatnonzero(planted.validation)) == set(parts["dropped_idx_val"])
    assert set(np.flatnonzero(planted.test)) == set(parts["dropped_idx_test"])


def test_the_parts_keep_their_roles(parts):
    planted = load("rtdmf_twoblock")
    np.testing.assert_array_equal(planted.D, parts["M"])
    np.testing.assert_array_equal(planted.L_true, parts["L"])
    np.testing.assert_array_equal(planted.S_true, parts["S"])
    assert planted.attrs["dataset"] == "rtdmf_twoblock"
    assert len(planted.attrs["files"]) == 8


def test_the_block_lies_on_the_spikes_of_the_shuffled_matrix(parts):
    planted = load("rtdmf_twoblock")
    assert planted.block.sum() == parts["block_idx_test"].size
    assert (planted.S_true[planted.block] > 0).all()
    assert (planted.S_true > 0).sum() == planted.block.sum() + 1


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_errors_in_the_block_count_as_the_authors_count_them(share, parts):
    flags = np.random.default_rng(1).random(parts["S"].shape) < share
    planted = load("rtdmf_twoblock")
    assert our_count(planted, flags) == authors_count(parts, flags)


def test_an_array_of_objects_is_never_unpickled(parts, monkeypatch, tmp_path):
    path = tmp_path / "rtdmf_twoblock_b20_M.npy"
    np.save(path, np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load("rtdmf_twoblock")


@pytest.mark.parametrize("name", MODULE.FOLDERS)
def test_the_published_sets(name, real_data):
    planted = load(f"rtdmf_{name}")
    stem = f"rtdmf_{MODULE.FOLDERS[name]}_"
    parts = {
        part: np.load(MODULE.fetch_file(stem + part))
        for part in make_parts(np.random.default_rng(0))
    }
    flags = planted.D - np.median(planted.D[planted.seen]) >= 0.15
    assert our_count(planted, flags) == authors_count(parts, flags)
    assert (planted.S_true[planted.block] > 0).all()
    noise = planted.D - planted.L_true - planted.S_true
    assert noise.std() == pytest.approx(0.05, abs=0.001)
