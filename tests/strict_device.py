"""An accelerator made of plain memory, for machines that have none.

Its tensors hold ordinary ones and compute with them, so that an answer has to equal
that of the CPU. But it refuses what a GPU refuses, tensors here and there in one
operation, and what a GPU answers otherwise, draws of its own; and it counts each time
that data cross. What an operation does inside, as the checks of a decomposition, is not
counted.
"""

from collections import Counter
from contextlib import ExitStack, contextmanager
from functools import cache
from unittest.mock import patch

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from latentomics import arrays
from latentomics.solvers import pursuit

NAME = "strict"
_setup_privateuseone_for_python_backend(NAME)
HERE, THERE = torch.device("cpu"), torch.device(NAME, 0)
# "up": data go to the device; "down": the CPU waits for a value or a size from it
crossings = Counter()
# Of these the CPU needs the outcome: to return it, or to know the shape of what follows
WAITS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
FROM_DATA = {torch.tensor, torch.as_tensor, torch.asarray, torch.Tensor.new_tensor}
ITEMS = {torch.Tensor.__getitem__, torch.Tensor.__setitem__}


class StrictTensor(torch.Tensor):
    """A tensor on the device; what it holds is reached by nothing but :func:`run`."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        facts = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        facts |= {"dtype": held.dtype, "layout": held.layout, "device": THERE}
        tensor = cls._make_wrapper_subclass(cls, held.size(), **facts)
        tensor.held = held
        return tensor

    def __repr__(self):
        return f"StrictTensor({tuple(self.shape)}, {self.dtype})"

    def numpy(self, **how):
        raise TypeError(f"a tensor on {NAME} is no array; copy it to the cpu first")

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


def held(x):
    """Return what the tensors of an argument hold, in lists too."""
    if isinstance(x, list | tuple):
        return [held(each) for each in x]
    return x.held if isinstance(x, StrictTensor) else x


def tensors_of(arguments):
    """Return the tensors among arguments, those in lists too."""
    found = []
    for x in arguments:
        if isinstance(x, torch.Tensor):
            found.append(x)
        elif isinstance(x, list | tuple):
            found += tensors_of(x)
    return found


def is_there(device):
    return device is not None and torch.device(device).type == NAME


def run(func, args, kwargs):
    """Do what an operation of torch does, on the device if its tensors are there."""
    name, target = func._schema.name.removeprefix("aten::"), kwargs.get("device")
    tensors = tensors_of((*args, *kwargs.values()))
    there = [t for t in tensors if isinstance(t, StrictTensor)]
    if name == "copy_":
        return copy_into(*args[:2])
    if name == "_to_copy" and target is not None:
        return copy(func, args, kwargs)
    if not there and not is_there(target):
        return func(*args, **kwargs)
    if torch.Tag.nondeterministic_seeded in func.tags:
        raise RuntimeError(f"{name} draws on {NAME}: draw on the cpu, then move")
    refuse_mixed(name, args, tensors)
    count_waits(func, name, args)
    if is_there(target):
        kwargs = {**kwargs, "device": HERE}
    out = func(*held(args), **{key: held(value) for key, value in kwargs.items()})
    # what was changed in place stays the same
    out = wrapped(out, {id(t.held): t for t in there})
    if torch.Tag.inplace_view in func.tags:  # the shape that the wrapper tells, too
        return return_and_correct_aliasing(func, args, kwargs, out)
    return out


def wrapped(x, known):
    """Return tensors of memory as those on the device; `known` ones stay the same."""
    if isinstance(x, list | tuple):
        return type(x)(wrapped(each, known) for each in x)
    if not isinstance(x, torch.Tensor):
        return x
    return known[id(x)] if id(x) in known else StrictTensor(x)


def copy_into(old, new):
    """``old[:] = new``, from anywhere to anywhere."""
    count_copy(new, isinstance(old, StrictTensor))
    held(old).copy_(held(new))
    return old


def copy(func, args, kwargs):
    """``tensor.to(device)``."""
    up = is_there(kwargs["device"])
    count_copy(args[0], up)
    out = func(held(args[0]), *args[1:], **{**kwargs, "device": HERE})
    return StrictTensor(out) if up else out


def count_copy(tensor, up):
    if isinstance(tensor, StrictTensor) != up:
        crossings["up" if up else "down"] += 1


def refuse_mixed(name, args, tensors):
    """Raise RuntimeError for tensors here and there, but for single numbers from here.

    An index may come from here; it goes up.
    """
    here = [t for t in tensors if not isinstance(t, StrictTensor)]
    if name.startswith("index") and isinstance(args[1], list | tuple):
        if isinstance(args[0], StrictTensor):
            indices = [t for t in args[1] if any(t is other for other in here)]
            crossings["up"] += len(indices)
            here = [t for t in here if not any(t is other for other in indices)]
    if any(t.dim() for t in here):
        shapes = ", ".join(f"{tuple(t.shape)} on {t.device.type}" for t in tensors)
        raise RuntimeError(f"{name} has tensors on two devices: {shapes}")


@cache
def waits(func):
    return bool(WAITS & set(func.tags))


def count_waits(func, name, args):
    """Count an operation whose outcome or size the CPU has to know, a mask's too."""
    if name in {"index", "index_put", "index_put_"}:
        masks = any(t is not None and t.dtype == torch.bool for t in args[1])
        fill = name != "index" and args[2].numel() == 1  # no entry has to be found
        crossings["down"] += masks and not fill
    else:
        crossings["down"] += waits(func)


class Operations(TorchDispatchMode):
    """Sends each operation to :func:`run`."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


class Doors(TorchFunctionMode):
    """What makes a tensor of Python's own data, or such data of a tensor."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in FROM_DATA:
            return self._read(func, args, kwargs)
        mine = bool(args) and isinstance(args[0], StrictTensor)
        if mine and func is torch.Tensor.tolist:
            return args[0].cpu().tolist()
        if mine and func in ITEMS:
            where = args[1] if isinstance(args[1], tuple) else (args[1],)
            where = tuple(torch.tensor(w) if isinstance(w, list) else w for w in where)
            args = (args[0], where, *args[2:])
        return func(*args, **kwargs)

    def _read(self, func, args, kwargs):
        new = func is torch.Tensor.new_tensor
        target = kwargs.pop("device", args[0].device if new else None)
        if new:
            kwargs = {"dtype": args[0].dtype, **kwargs}
            func, args = torch.tensor, args[1:]
        made = func(*args, **kwargs)
        return made if target is None else made.to(target)


@contextmanager
def plugged_in():
    """Lend the package the device "strict", and let "auto" find it, as it does a GPU.

    Yields the crossings, from 0.
    """
    resolve = arrays.resolve_device

    def found(device):
        return resolve(NAME if device == "auto" else device)

    with ExitStack() as stack:
        for each in (
            patch.object(arrays, "DEVICES", (*arrays.DEVICES, NAME)),
            patch.object(arrays, "resolve_device", found),
            patch.dict(pursuit.CHUNK_BYTES, {NAME: pursuit.CHUNK_BYTES["cuda"]}),
            # Threads that go backward on a device would sum in another order
            torch.autograd.set_multithreading_enabled(False),
            Doors(),
            Operations(),
        ):
            stack.enter_context(each)
        crossings.clear()
        yield crossings
