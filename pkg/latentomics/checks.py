"""Checks of single values: each names the argument, what is allowed and what came."""

from collections.abc import Mapping
from itertools import product

import numpy as np

SEVERAL = list | tuple | range | np.ndarray


def check_positive(**values):
    """Raise ValueError for the first value that is not a finite number above 0."""
    for name, value in values.items():
        number = isinstance(value, int | float | np.number)
        if not number or isinstance(value, bool) or not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number; got {value!r}")


def check_not_negative(**values):
    """Raise ValueError for the first value that is not finite and non-negative."""
    for name, value in values.items():
        number = isinstance(value, int | float | np.number)
        if not number or isinstance(value, bool) or not 0 <= value < np.inf:
            raise ValueError(f"{name} must be a non-negative number; got {value!r}")


def check_whole(at_least=1, **values):
    """Raise ValueError for the first value that is not a whole number."""
    for name, value in values.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < at_least:
            raise ValueError(
                f"{name} must be a whole number of at least {at_least}; got {value!r}"
            )


def check_choice(name, value, allowed):
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in tuple(allowed):  # a tuple, for unhashable values
        raise ValueError(f"{name} must be one of {tuple(allowed)}; got {value!r}")


def check_share(name, value, above=None, below=None):
    """Raise ValueError unless `value` is from 0 to 1.

    With ``above=0`` or ``below=1`` that end is not allowed itself.
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    inside = number and 0 <= value <= 1 and value != above and value != below
    if not inside:
        ends = {
            (None, None): "a number from 0 to 1",
            (0, None): "a number above 0, at most 1",
            (None, 1): "a number of at least 0, below 1",
            (0, 1): "a number between 0 and 1",
        }
        raise ValueError(f"{name} must be {ends[above, below]}; got {value!r}")


def check_widths(name, value):
    """Raise ValueError unless `value` is a tuple of one or more widths."""
    if not isinstance(value, tuple | list) or not value:
        raise ValueError(
            f"{name} must be a tuple of widths, as in (100,); got {value!r}"
        )
    for width in value:
        check_whole(**{name: width})


def grid_points(grid, allowed=None, *, exactly=False):
    """Return the points of a parameter grid, a list of dicts.

    Parameters
    ----------
    grid : dict or list of dict
        A dict has a value or a list of values for each name and stands for all their
        combinations, of which the last name changes fastest. A list joins grids.
    allowed : sequence of str, optional
        Names a point may have; with `exactly`, all of which it must have.

    Raises
    ------
    ValueError
        If `grid` is of another kind, has no point, or a point has other names.
    """
    parts = [grid] if isinstance(grid, Mapping | str) or not np.iterable(grid) else grid
    points = []
    for part in parts:
        if not isinstance(part, Mapping):
            raise ValueError(
                "grid must be a dict of names to lists of values, or a list of such "
                f"dicts; got {part!r}"
            )
        lists = [v if isinstance(v, SEVERAL) else [v] for v in part.values()]
        points += [dict(zip(part, values, strict=True)) for values in product(*lists)]
    if not points or not all(points):
        raise ValueError(f"grid must have at least one point; got {grid!r}")
    for point in points if allowed else []:
        names, known = set(point), set(allowed)
        if names - known or (exactly and names != known):
            wanted = "exactly" if exactly else "some of"
            raise ValueError(
                f"grid must name {wanted} {', '.join(allowed)}; got {point!r}"
            )
    return points
