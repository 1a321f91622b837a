"""Base classes of the multitask regressors: reading data and predicting."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import DTYPES
from latentomics.base import check_choice, check_positive, check_size, read_features
from latentomics.matrices import (
    aligned,
    as_table,
    check_shape,
    first,
    names_of,
    read_matrix,
)


class MultitaskRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base class for regression of many responses per line, some not measured.

    `fit(X, Y)` takes features of every line, shape (n_samples, n_features), and
    responses, shape (n_samples, n_tasks), NaN where a drug was not measured on a line;
    the rows of two tables are matched by name. `fit_path(X, Y, grid)` fits at many
    parameter values at once, for :class:`PathSearch` to choose from; `per_task` says
    whether each drug may have its own.
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
        X, Y = as_table(X), as_table(Y, "Y")
        lines = names_of(X)
        X = self._features(X, ensure_min_samples=2)
        check_size(X, self._dtype)
        self._one_task = getattr(Y, "ndim", 0) == 1
        return X, self._responses(Y, len(X), lines)

    def _features(self, X, **how):
        """Return `X` as a finite matrix; ``reset=False`` compares it with the fit's."""
        return read_features(self, X, **how)

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination R² of `predict`, as scikit-learn's.

        Parameters
        ----------
        X : array or DataFrame of shape (n_samples, n_features)
        y : array or DataFrame of shape (n_samples, n_tasks)
            Responses without gaps, in lower case for scikit-learn. Rows are matched to
            `X`, columns to the fit, by name.
        sample_weight : array or Series of shape (n_samples,), optional
            Matched to `X` by name.
        """
        check_is_fitted(self)
        X = as_table(X)
        check_shape(X)
        Y = self._aligned_rows(as_table(y, "Y"), len(X), names_of(X))
        drugs = getattr(self, "task_names_in_", None)
        if not self._one_task:
            Y = aligned(Y, drugs, name="Y", by="Y of the fit", axis=1)
        Y, Y_hat = read_matrix(Y, "Y"), self.predict(X)
        if Y.shape[1] != _two_columns(Y_hat).shape[1]:
            raise ValueError(
                f"Y must have a column for each of the {_two_columns(Y_hat).shape[1]} "
                f"drugs of the fit; got {Y.shape[1]}"
            )
        if sample_weight is not None:
            sample_weight = aligned(
                as_table(sample_weight, "sample_weight"),
                names_of(X),
                name="sample_weight",
                by="X",
            )
        return r2_score(Y, Y_hat, sample_weight=sample_weight)

    def _aligned_rows(self, Y, n_samples, lines):
        """Return responses as a table with a row for each line, in their order."""
        if Y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None; Y must hold the responses, lines x drugs"
            )
        if getattr(Y, "ndim", 0) == 1:
            Y = Y.to_frame() if isinstance(Y, pd.Series) else Y[:, None]
        check_shape(Y, "Y")
        Y = aligned(Y, lines, name="Y", by="X")
        if len(Y) != n_samples:
            raise ValueError(
                f"Y must have a row for each of the {n_samples} lines of X; "
                f"got {len(Y)}"
            )
        return Y

    def _responses(self, Y, n_samples, lines):
        Y = self._aligned_rows(Y, n_samples, lines)
        if isinstance(Y, pd.DataFrame):
            self.task_names_in_ = np.asarray(Y.columns, dtype=object)
        elif hasattr(self, "task_names_in_"):
            del self.task_names_in_  # of an earlier fit
        Y = read_matrix(Y, "Y", gaps=True)
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
            Parameters to set at each point; by default one point, the current
            parameters.

        Returns
        -------
        ModelPath
            Or another path whose `predict` takes features named as in `fit`.
        """
        points = [{}] if grid is None else check_grid(grid)
        models = [clone(self).set_params(**point).fit(X, Y) for point in points]
        return ModelPath(points, models)

    def _read_new(self, X):
        """Return the features of lines to predict, checked against those of the fit."""
        check_is_fitted(self)
        return self._features(X, reset=False)

    def _shaped(self, Y_hat):
        """Return predictions in the shape of the `Y` of the fit."""
        return Y_hat[:, 0] if self._one_task else Y_hat


def check_grid(grid, *keys):
    """Return `grid` as a list of points, each a dict of exactly `keys`, if given.

    Raises
    ------
    ValueError
        If it is not a list, is empty, or has a point of another kind.
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
    """Return the `fraction` of each point, checked to be positive and never to rise."""
    fractions = [point["fraction"] for point in points]
    for fraction in fractions:
        check_positive(fraction=fraction)
    if sorted(fractions, reverse=True) != fractions:
        raise ValueError(f"grid must hold falling fractions; got {fractions}")
    return fractions


def named(names, places, limit=5):
    """Return a short list of the names at `places`, like `matrices.first`."""
    if names is None:
        return first(places, limit)
    more = f" and {len(places) - limit} more" * (len(places) > limit)
    return f"{np.asarray(names)[places[:limit]].tolist()}{more}"


class LinearRegressor(MultitaskRegressor):
    """Base class for regressors that learn `coef_` and `intercept_`."""

    def predict(self, X):
        """Return the predicted responses of lines with features `X`, in units of Y."""
        X = self._read_new(X)
        return self._shaped(X @ self.coef_ + self.intercept_)


class FeaturePath:
    """Base class for paths that read features; `of` sets those of a fit."""

    _names, _width = None, None

    def of(self, model):
        """Return the path, set to read the columns that `model` was fitted to."""
        self._names, self._width = model._column_names, model.n_features_in_
        return self

    def _features(self, X):
        X = aligned(as_table(X), self._names, name="X", by="X of the fit", axis=1)
        X = read_matrix(X)
        if self._width not in (None, X.shape[1]):
            raise ValueError(
                f"X must have a column for each of the {self._width} features of the "
                f"fit; got {X.shape[1]}"
            )
        return X


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
