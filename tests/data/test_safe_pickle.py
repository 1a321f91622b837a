"""What a file may hold, and that whatever else it holds is refused and never run."""

import io
import os
import pickle
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest
import torch
from numpy.lib import format as npy

from latentomics.data.safe_pickle import (
    MAGIC,
    RecordingUnpickler,
    RefusedPickle,
    read_node_features,
)

ONE_SENTENCE = r"^x\.npy cannot be read as torch_geometric Data \(\w+\); is it complete"
COLUMN = np.float32(1.5).tobytes()  # how the first column of `good` begins


class Says:
    """Pickles as the call of a function, which happens as soon as it is read."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def column(*values):
    return torch.tensor([values], dtype=torch.float32).T


def outermost(trap, data_class):
    return trap


def in_place_of_data(trap, data_class):
    return {"a": trap}


def in_the_state_of_data(trap, data_class):
    return {"a": data_class(x=column(1.0, 2.0), y=trap)}


def inside_the_bytes(trap, data_class):
    parts = (MAGIC, 1001, {"little_endian": True}, trap)
    packed = b"".join(pickle.dumps(part, protocol=2) for part in parts)
    storage = Says(torch.storage._load_from_bytes, packed)
    layout = (0, (1, 1), (1, 1), False, OrderedDict())
    tensor = Says(torch._utils._rebuild_tensor_v2, storage, *layout)
    return {"a": data_class(x=tensor)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.npy"


@pytest.fixture
def good(path, data_class, save_object):
    b = data_class(x=column(1.5, -2.0, 3e-9), edge_index=None)
    a = data_class(x=column(0.1, 0.0, 7.0), y=None)
    return save_object(path, {"b": b, "a": a})


def test_numbers_come_as_they_went(good):
    read = read_node_features(good)
    assert list(read) == ["b", "a"]
    expected = np.array([1.5, -2, 3e-9], dtype="float32").astype("float64")
    np.testing.assert_array_equal(read["b"], expected, strict=True)
    assert read["a"].tolist() == [np.float32(0.1), 0, 7]


@pytest.mark.parametrize("spelling", [b"numpy.core.", b"numpy._core."])
def test_both_spellings_of_numpy_are_known(spelling, path, data_class):
    content = np.array({"a": data_class(x=column(1.0, 2.0))}, dtype=object)
    packed = pickle.dumps(content, protocol=3)  # as the published files
    assert b"cnumpy._core.multiarray\n" in packed
    with path.open("wb") as stream:
        npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(content))
        stream.write(packed.replace(b"numpy._core.", spelling))
    assert read_node_features(path)["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "hide", [outermost, in_place_of_data, in_the_state_of_data, inside_the_bytes]
)
def test_a_trap_is_refused_and_does_not_spring(
    hide, path, tmp_path, data_class, save_object
):
    sprung = tmp_path / "sprung"
    trap = Says(os.system, f'echo sprung > "{sprung}"')
    save_object(path, hide(trap, data_class))
    with pytest.raises(ValueError, match=r"^x\.npy must hold .* '\w+\.system', which"):
        read_node_features(path)
    assert not sprung.exists()
    with suppress(Exception):  # the trap is a real one: NumPy walks into it
        np.load(path, allow_pickle=True)
    assert sprung.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("numpy", "load"),
        ("torch", "load"),
        ("torch_geometric.data.data", "Data.__init__"),
        ("latentomics.data.safe_pickle", "Record"),
    ],
)
def test_no_name_but_those_on_the_list(module, name):
    said = b"\x80\x04" + pickle.dumps(module)[11:-1] + pickle.dumps(name)[11:-1]
    with pytest.raises(RefusedPickle, match=f"it names '{module}.{name}'"):
        RecordingUnpickler(io.BytesIO(said + b"\x93.")).load()


def test_an_allowed_name_is_noted_and_not_called(path):
    packed = pickle.dumps(Says(np.dtype, "no such type"))
    record = RecordingUnpickler(io.BytesIO(packed)).load()
    assert (record.name, record.args) == ("dtype", ("no such type",))


@pytest.mark.parametrize("share", [0, 0.02, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_met_with_one_sentence(share, good):
    whole = good.read_bytes()
    good.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=ONE_SENTENCE):
        read_node_features(good)


@pytest.mark.parametrize(
    "x",
    [
        torch.ones(2, 2),
        torch.ones(2),
        torch.ones(3, 1, dtype=torch.float64),
        torch.arange(4.0)[1:, None],  # a part of its storage
        torch.arange(4.0)[::2, None],
        [1.0, 2.0],
        None,
    ],
)
def test_what_is_no_column_of_float32_is_refused(x, path, data_class, save_object):
    save_object(path, {"a": data_class(x=x)})
    with pytest.raises(ValueError, match=r"^x\.npy (cannot be read|must hold)"):
        read_node_features(path)


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (MAGIC.to_bytes(10, "little"), bytes(10)),
        (b"little_endianq\x02\x88", b"little_endianq\x02\x89"),
        (b"FloatStorage", b"OrderedDict "),
        ((3).to_bytes(8, "little") + COLUMN, (4).to_bytes(8, "little") + COLUMN),
    ],
    ids=["magic", "byte order", "type", "count"],
)
def test_a_storage_that_is_not_as_it_says_is_refused(said, instead, good):
    whole = good.read_bytes()
    assert said in whole
    good.write_bytes(whole.replace(said, instead))
    with pytest.raises(ValueError, match=r"^x\.npy (cannot be read|must hold)"):
        read_node_features(good)


@pytest.mark.parametrize(
    "content", [np.ones(3), np.array([{}, {}]), np.array({"a": 1})]
)
def test_other_arrays_are_refused(content, path):
    with path.open("wb") as stream:
        np.save(stream, content, allow_pickle=True)
    with pytest.raises(ValueError, match=ONE_SENTENCE):
        read_node_features(path)
