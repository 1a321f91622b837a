"""Tensors from an untrusted pickle, without running any of its code.

A pickle may name any function and have it called. Here it may name only those in
`ALLOWED` and gets a `Record` for each, which just stores its arguments: no NumPy or
torch code runs while a file is read. The numbers are extracted from the records
afterwards.
"""

import io
import pickle

import numpy as np
from numpy.lib import format as npy

from latentomics.data.grids import damaged

ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),  # its name since NumPy 2
    ("collections", "OrderedDict"),
    ("torch", "FloatStorage"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch.storage", "_load_from_bytes"),
    ("torch_geometric.data.data", "Data"),
}
MAGIC = 0x1950A86A20F9469CFC6C  # start of torch's older storage format


class RefusedPickle(ValueError):
    """A pickle names something that is not on the list."""


class Record:
    """What a pickle says about one object: name, arguments, state. Nothing is run."""

    name = state = None

    def __new__(cls, *args):
        """Store the arguments; both ways of unpickling an object end here."""
        record = super().__new__(cls)
        record.args = args
        return record

    def __setstate__(self, state):
        self.state = state


class RecordingUnpickler(pickle.Unpickler):
    """Build records of the allowed names, refuse every other name."""

    def find_class(self, module, name):
        """Return a record class for `name`; the module is never imported."""
        if (module, name) not in ALLOWED:
            raise RefusedPickle(f"it names {f'{module}.{name}'!r}")
        return type("Record", (Record,), {"name": name})

    def persistent_load(self, pid):
        """Return the description of a storage unchanged."""
        return pid


def read_node_features(path):
    """Return the node features of a saved dict of torch_geometric ``Data`` objects.

    Parameters
    ----------
    path : Path
        A .npy file as ``np.save(path, {name: Data(x=x), ...})`` writes it, each `x` a
        float32 tensor of shape (n, 1).

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Each `x` as float64, in the order of the file.

    Raises
    ------
    ValueError
        If the file is damaged, has another structure, or names anything not in
        `ALLOWED`; nothing that it names is ever run.
    """
    try:
        with path.open("rb") as stream:
            _check_header(stream)
            array = RecordingUnpickler(stream).load()
        [saved] = array.state[-1]
        return {name: _values(data.state["x"]) for name, data in saved.items()}
    except RefusedPickle as error:
        raise ValueError(
            f"{path.name} must hold tensors in torch_geometric Data and nothing else; "
            f"{error}, which is refused"
        ) from error
    except Exception as error:  # a crafted pickle can fail in any way
        raise ValueError(damaged(path, "torch_geometric Data", error)) from error


def _check_header(stream):
    """Read past the header of a .npy file that holds one Python object."""
    npy.read_magic(stream)
    shape, _, dtype = npy.read_array_header_1_0(stream)
    if shape != () or dtype.kind != "O":
        raise ValueError(f"not one object but {dtype} of shape {shape}")


def _values(tensor):
    """Return the numbers of a recorded tensor of shape (n, 1)."""
    storage, offset, shape, stride, *_ = tensor.args
    values = _storage(*storage.args)
    names = (tensor.name, storage.name)
    layout = (offset, tuple(shape), stride[0])
    if names != ("_rebuild_tensor_v2", "_load_from_bytes"):
        raise ValueError(f"not a tensor of a storage but {names}")
    if layout != (0, (len(values), 1), 1):
        raise ValueError(f"not one column but (offset, shape, step) = {layout}")
    return values


def _storage(packed):
    """Return the numbers in torch's older format: five pickles, a count, the bytes."""
    stream = io.BytesIO(packed)
    magic, _, system, said, _ = (RecordingUnpickler(stream).load() for _ in range(5))
    count = int.from_bytes(stream.read(8), "little")
    values = np.frombuffer(stream.read(), dtype="<f4").astype("float64")
    form = (magic, system["little_endian"], said[1].name, count)
    if form != (MAGIC, True, "FloatStorage", len(values)):
        raise ValueError(f"not {len(values)} float32 numbers but {form}")
    return values
