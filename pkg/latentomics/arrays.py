"""The only conversions between NumPy arrays and torch tensors in the package."""

import numpy as np
import torch

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float64", "float32")
# exponents e for which both 2**e and 2**-e are normal numbers
EXPONENTS = {torch.float64: (-1020, 1020), torch.float32: (-124, 124)}
ROUNDED_AWAY = 1e-4


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

    Always C-ordered, whatever the caller's order, since rounding depends on the order
    of summation.
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


def binary_size(T, dim=None):
    """Return the power of two above the largest absolute value; 1 if all are 0.

    Dividing by it is exact, and keeps squares from overflowing or vanishing. With
    `dim`, the maximum is taken along that dimension, which is kept with length 1.
    """
    largest = T.abs().amax(() if dim is None else dim, keepdim=dim is not None)
    exponent = torch.frexp(largest).exponent.clamp(*EXPONENTS[T.dtype])
    size = torch.ldexp(torch.ones_like(largest), exponent)
    return torch.where(largest > 0, size, 1)


def binary_unit(M, axis=None):
    """Return :func:`binary_size` of a float64 array, ignoring NaN.

    With `axis`, the maximum is taken along that axis, which is kept with length 1.
    """
    sizes = np.abs(np.asarray(M, dtype="float64"))
    largest = np.nanmax(sizes, axis=axis, keepdims=axis is not None, initial=0)
    exponent = np.clip(np.frexp(largest)[1], *EXPONENTS[torch.float64])
    return np.where(largest > 0, np.ldexp(1.0, exponent), 1.0)[()]


def in_dtype(M, dtype):
    """Return a float64 array as `dtype`, or unchanged if that rounds it away."""
    return np.asarray(M, dtype="float64").astype(enough(M, dtype))


def enough(M, dtype):
    """Return `dtype`, or "float64" where that would round a matrix away.

    This happens far from 0: in float32 the neighbours of 1e6 are .06 apart. The
    rounding may be at most 1e-4 of the spread within columns, or of the overall spread
    if columns are constant. NaN is a gap.
    """
    M = np.asarray(M, dtype="float64")
    if dtype == "float64" or not M.size:
        return dtype
    size = binary_unit(M)  # else squares overflow or vanish
    M = M / size
    rounding = np.finfo(dtype).eps * np.nanmax(np.abs(M), initial=0)
    spread = np.nanmean(np.nanvar(M, axis=0)) ** 0.5 or np.nanstd(M)
    return "float64" if rounding > ROUNDED_AWAY * spread > 0 else dtype


def as_numpy(T):
    """Return a detached copy of a tensor as a NumPy array."""
    return T.detach().cpu().numpy().copy()


def randn(*shape, generator, like):
    """Draw N(0, 1) on the CPU in float64, then move: all devices start alike."""
    draw = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return draw.to(like)


def rand(*shape, generator, like):
    """Draw uniformly from [0, 1) on the CPU in float64, then move."""
    draw = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return draw.to(like)


def generator(random_state):
    """Return a CPU torch.Generator for a seed, a non-negative whole number."""
    return torch.Generator().manual_seed(int(random_state))
