"""A parameter grid: checked, and split into batches that are fitted side by side."""

from collections.abc import Mapping
from itertools import product

import numpy as np

SHARED = ("n_components", "lam_c", "lam_2")  # runs of one batch may differ in these
TOGETHER = 12  # settings in one batch of runs


def read_grid(estimator, grid):
    """Return the points of a grid, a list of dicts, in order.

    Parameters
    ----------
    estimator : labelled NMF
    grid : dict of str to sequence
        Values of ``SHARED`` and of parameters in the estimator's `later`.

    Raises
    ------
    ValueError
        If `grid` is not such a dict, or a sequence is empty.
    """
    allowed = (*SHARED, *estimator.later)
    if not isinstance(grid, Mapping) or not grid:
        raise ValueError(
            f"grid must be a dict with values of some of {allowed}; got {grid!r}"
        )
    for name, values in grid.items():
        if name not in allowed:
            raise ValueError(f"grid must name some of {allowed}; got {name!r}")
        if not isinstance(values, list | tuple | range | np.ndarray) or not len(values):
            raise ValueError(
                f"grid must have a list of values for {name}, not empty; got {values!r}"
            )
    return [dict(zip(grid, v, strict=True)) for v in product(*grid.values())]


def together(points):
    """Return points in batches that are fitted side by side, at most 12 settings each.

    Points that differ only in `later` parameters share their runs and stay together.
    """
    alike = {}
    for point in points:
        shared = tuple(point.get(name) for name in SHARED)
        alike.setdefault(shared, []).append(point)
    settings = list(alike.values())
    batches = [settings[at : at + TOGETHER] for at in range(0, len(settings), TOGETHER)]
    return [[point for some in batch for point in some] for batch in batches]
