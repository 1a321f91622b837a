"""Which point of a grid to take: a rule that the last bit of an error cannot turn."""

import numpy as np
import pandas as pd

MARGIN = 1e-6  # of the least error; far above rounding, far below any digit shown


def first_near_best(errors):
    r"""Return the first point whose error is all but the least.

    .. math:: \min \{k : E_k \le \min_j E_j + 10^{-6} |\min_j E_j|\}

    Rounding decides nothing among points that are equally good: a grid lists the
    simplest model, or the largest penalty, first, and that one is taken.

    Parameters
    ----------
    errors : array of shape (n_points,) or (n_points, ...)
        Lower is better.

    Returns
    -------
    int or ndarray of int
        Position along the first axis.

    Raises
    ------
    ValueError
        If an error is NaN, or none of a column is finite; an infinite one is never
        chosen.
    """
    errors = _read(errors)
    return (errors <= _edge(errors)).argmax(axis=0)


def reaches(scores, bound):
    """Say which scores are at least `bound`, a millionth of it short at most."""
    return scores >= bound - MARGIN * np.abs(bound)


def edge_distance(errors):
    """Return how far the nearest error is from the edge of the rule.

    Where this is above ten times the rounding of the errors, relative to them, no
    other processor chooses another point.

    Parameters
    ----------
    errors : array of shape (n_points,) or (n_points, ...)

    Returns
    -------
    float or ndarray
        Relative to the least error.

    Raises
    ------
    ValueError
        As in :func:`first_near_best`.
    """
    errors = _read(errors)
    gaps = np.abs(errors - _edge(errors)).min(axis=0)
    return gaps / np.maximum(np.abs(errors.min(axis=0)), np.finfo(float).tiny)


def _read(errors):
    """Return errors as an array of floats, once all of them can be compared."""
    cells = np.asarray(errors, dtype=object)  # where NA of pandas may be among them
    errors = np.where(pd.isna(cells), np.nan, cells).astype("float64")
    if errors.ndim == 0 or not len(errors):
        raise ValueError(f"errors must be of one point or more; got {errors!r}")
    wrong = np.argwhere(np.isnan(errors))
    if len(wrong):
        raise ValueError(
            f"errors must be numbers, of every point; got NaN at {wrong[0].tolist()}"
        )
    if not np.isfinite(errors).any(axis=0).all() or (errors == -np.inf).any():
        raise ValueError("errors must have a least that is finite; got none")
    return errors


def _edge(errors):
    least = errors.min(axis=0)
    return least + MARGIN * np.abs(least)
