"""Choosing a point of a grid by a rule that rounding cannot change."""

import warnings

import numpy as np
import pandas as pd

MARGIN = 1e-6  # relative; far above rounding, far below any digit shown
ON_EDGE = 1e-9  # relative; ten times what rounding leaves uncertain in an error


def first_near_best(errors):
    r"""Return the first point whose error is within a millionth of the lowest.

    .. math:: \min \{k : E_k \le \min_j E_j + 10^{-6} |\min_j E_j|\}

    Rounding does not decide ties: they go to the first point, and grids list the
    simplest model, or the largest penalty, first.

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
        If an error is NaN, or a column has no finite error; an infinite error is never
        chosen.

    Warns
    -----
    UserWarning
        If an error lies within 1e-9 of the threshold, so that rounding may decide.
    """
    errors = _read(errors)
    edge = _edge(errors)
    _warn_on_edge(errors, edge)
    return (errors <= edge).argmax(axis=0)


def reaches(scores, bound):
    """Return which scores are at least `bound`, to within a millionth of it.

    Warns
    -----
    UserWarning
        If a score lies within 1e-9 of that threshold, so that rounding may decide.
    """
    edge = bound - MARGIN * np.abs(bound)
    _warn_on_edge(scores, edge)
    return scores >= edge


def _warn_on_edge(values, edge):
    if (np.abs(values - edge) < ON_EDGE * np.abs(edge)).any():
        warnings.warn(
            "two scores differ by almost exactly a millionth, up to which they are "
            "ties: another processor may choose another point",
            stacklevel=3,
        )


def edge_distance(errors):
    """Return the distance of the nearest error from the threshold of the rule.

    If this exceeds ten times the relative rounding of the errors, every processor
    chooses the same point.

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
    """Return errors as an array of floats, after checking them."""
    cells = np.asarray(errors, dtype=object)  # may hold pandas' NA
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
