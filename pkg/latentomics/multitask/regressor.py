"""What every multitask regressor shares: how it reads, and how it predicts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted, validate_data

from latentomics.arrays import DTYPES
from latentomics.base import (
    check_choice,
    check_finite,
    check_positive,
    check_size,
    check_table,
    first,
    unmasked,
)


class MultitaskRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base for estimators of many responses of the same lines, some not measured.

    `fit(X, Y)` takes features of every line, shape (n_samples, n_features), and
    responses, shape (n_samples, n_tasks), NaN where a drug was not measured on a
    line. `fit_path(X, Y, grid)` fits at many values of its parameters at once, for
    :class:`PathSearch` to choose from; `per_task` says whether each drug may choose
    its own.
    """

    per_task = False

    @property
    def _dtype(self):
        return getattr(self, "dtype", "float64")

    @property
    def n_iter_(self):
        """Iterations used, for scikit-learn; the rest is in `trace_`."""
        return self.trace_.n_iter

    def _read(self, X, Y):
        """Return checked `X` and `Y`, two float64 matrices, and remember their names.

        Raises
        ------
        ValueError
            If `X` is not a finite matrix or `Y` not a matrix of numbers and gaps, if
            their lines differ, or a drug was measured on no line.
        """
        check_choice("dtype", self._dtype, DTYPES)
        X, Y = unmasked(X), _as_table(Y)
        lines = X.index if isinstance(X, pd.DataFrame) else None
        X = self._features(X, ensure_min_samples=2)
        check_size(X, self._dtype)
        self._one_task = getattr(Y, "ndim", 0) == 1
        return X, self._responses(Y, len(X), lines)

    def _features(self, X, **how):
        """Return `X` as a finite matrix, row by row in memory: sums round as they run.

        It is checked against that of the fit if `how` says ``reset=False``.
        """
        X = X if hasattr(X, "shape") else _as_table(X)
        if getattr(X, "ndim", 2) == 1:  # as scikit-learn says it
            raise ValueError(
                f"X must be a matrix, rows = samples; got shape ({len(X)},). Reshape "
                "your data: X[None] is one sample"
            )
        check_table(X)
        given = {"dtype": "float64", "order": "C", "ensure_all_finite": False}
        X = validate_data(self, X, **given, **how)
        wrong = np.argwhere(~np.isfinite(X))
        if len(wrong):
            row, column = (int(i) for i in wrong[0])
            raise ValueError(
                f"X must be finite, without NaN; got {X[row, column]} "
                f"in row {row}, column {column}"
            )
        return X

    def _responses(self, Y, n_samples, lines):
        if Y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None; Y must hold the responses, lines x drugs"
            )
        if self._one_task:
            Y = Y.to_frame() if isinstance(Y, pd.Series) else Y[:, None]
        check_table(Y, "Y")
        if len(Y) != n_samples:
            raise ValueError(
                f"Y must have a row for each of the {n_samples} lines of X; "
                f"got {len(Y)}"
            )
        if isinstance(Y, pd.DataFrame):
            check_same_lines(lines, Y.index)
            self.task_names_in_ = np.asarray(Y.columns, dtype=object)
        elif hasattr(self, "task_names_in_"):
            del self.task_names_in_  # of an earlier fit
        Y = np.asarray(Y, dtype="float64", order="C")
        check_finite(Y, "Y")
        check_size(np.nan_to_num(Y), self._dtype, "Y")
        empty = np.flatnonzero(np.isnan(Y).all(axis=0))
        if len(empty):
            raise ValueError(
                "Y must have a measured line for every drug; got none in column "
                f"{self._columns(empty)}"
            )
        return Y

    def _columns(self, columns):
        """Return columns of Y for a message, by their names if they have any."""
        return named(getattr(self, "task_names_in_", None), columns)

    def fit_path(self, X, Y, grid=None):
        """Fit at every point of `grid`; see the class.

        Parameters
        ----------
        X, Y
            As in `fit`.
        grid : list of dict, optional
            What to set of the parameters at each point; by default one point, the
            parameters as they are.

        Returns
        -------
        ModelPath
        """
        points = [{}] if grid is None else check_grid(grid)
        models = [clone(self).set_params(**point).fit(X, Y) for point in points]
        return ModelPath(points, models)

    def _read_new(self, X):
        """Return the features of lines to predict, checked against those of the fit."""
        check_is_fitted(self)
        return self._features(unmasked(X), reset=False)

    def _shaped(self, Y_hat):
        """Return predictions in the shape of the `Y` of the fit."""
        return Y_hat[:, 0] if self._one_task else Y_hat


def check_grid(grid, *keys):
    """Return `grid` as a list of points, each a dict of exactly `keys`, if given.

    Raises
    ------
    ValueError
        If it is no list, empty, or a point is something else.
    """
    kind = f"dict of {' and '.join(keys)}" if keys else "dict of parameters"
    wanted = f"grid must be a list of points, each a {kind}"
    if isinstance(grid, dict | str) or not np.iterable(grid):
        raise ValueError(f"{wanted}; got {grid!r}")
    points = list(grid)
    if not points:
        raise ValueError(f"{wanted}; got no point")
    for point in points:
        if not isinstance(point, dict) or (keys and point.keys() != set(keys)):
            raise ValueError(f"{wanted}; got {point!r}")
    return points


def falling_fractions(points):
    """Return the `fraction` of each point, if they are above 0 and fall."""
    fractions = [point["fraction"] for point in points]
    for fraction in fractions:
        check_positive(fraction=fraction)
    if sorted(fractions, reverse=True) != fractions:
        raise ValueError(f"grid must hold falling fractions; got {fractions}")
    return fractions


def _as_table(Y):
    """Return a table as it is, anything else as an array, if its rows let it."""
    if Y is None or isinstance(Y, pd.DataFrame | pd.Series):
        return Y
    try:
        array = np.asarray(unmasked(Y))
        return array if array.ndim else Y
    except ValueError:  # rows of unequal lengths, which check_table refuses well
        return Y


def named(names, places, limit=5):
    """Return a short list of what stands at `places`, as `base.first` does places."""
    if names is None:
        return first(places, limit)
    more = f" and {len(places) - limit} more" * (len(places) > limit)
    return f"{np.asarray(names)[places[:limit]].tolist()}{more}"


def check_same_lines(of_x, of_y):
    """Raise ValueError if two tables name different lines; arrays name none."""
    if of_x is None or of_x.equals(of_y):
        return
    where = np.flatnonzero(np.asarray(of_x) != np.asarray(of_y))
    if len(where):
        raise ValueError(
            "X and Y must have the same lines in the same order; got "
            f"{of_x[where[0]]!r} and {of_y[where[0]]!r} in row {where[0]}"
        )


class LinearRegressor(MultitaskRegressor):
    """Base for those that learn `coef_` and `intercept_`."""

    def predict(self, X):
        """Return the responses expected of lines with features `X`, in units of Y."""
        X = self._read_new(X)
        return self._shaped(X @ self.coef_ + self.intercept_)


@dataclass
class ModelPath:
    """One fitted model at each point of a grid."""

    points: list
    models: list

    def predict(self, X):
        """Return predictions, shape (n_points, n_lines, n_tasks)."""
        return np.stack([_two_columns(m.predict(X)) for m in self.models])


def _two_columns(Y_hat):
    return Y_hat[:, None] if Y_hat.ndim == 1 else Y_hat
