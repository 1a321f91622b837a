"""The two doors between NumPy and torch; nothing else in the package crosses."""

import numpy as np
import torch

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float64", "float32")


def resolve_device(device):
    """Return a torch.device; "auto" is the GPU when there is one.

    Raises
    ------
    ValueError
        If `device` is not one of :data:`DEVICES`, or "cuda" is asked for and this
        machine has no GPU that torch can use.
    """
    if device not in DEVICES:
        raise ValueError(f"device must be one of {DEVICES}; got {device!r}")
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ValueError("device='cuda' needs a GPU that torch sees; got none here")
    if device == "auto":
        device = "cuda" if available else "cpu"
    return torch.device(device)


def as_tensor(X, *, device="auto", dtype="float64"):
    """Copy an array onto `device` as `dtype`; the caller's array is never touched.

    Row by row in memory, whatever the caller's order: sums round as they run.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}; got {dtype!r}")
    array = np.array(X, dtype=dtype, order="C", copy=True)
    return torch.from_numpy(array).to(resolve_device(device))


def as_mask(mask, *, device="auto"):
    """Copy a boolean array onto `device`."""
    return torch.from_numpy(np.array(mask, dtype=bool, order="C")).to(
        resolve_device(device)
    )


def as_numpy(T):
    """Bring a tensor home: CPU, detached, own memory."""
    return T.detach().cpu().numpy().copy()


def randn(*shape, generator, like):
    """Draw N(0, 1) on the CPU in float64, then move: devices start at one point."""
    draw = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return draw.to(like)


def rand(*shape, generator, like):
    """Draw uniformly from [0, 1) on the CPU in float64, then move."""
    draw = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return draw.to(like)


def generator(random_state):
    """Return a CPU torch.Generator for a seed, a whole number from 0 up."""
    return torch.Generator().manual_seed(int(random_state))
