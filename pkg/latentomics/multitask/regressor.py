"""Base classes of the multitask regressors: reading data and predicting."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import MultiOutputMixin, RegressorMixin, clone
from sklearn.metrics import r2_score
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
)

from latentomics.base import check_size, read_features
from latentomics.checks import check_positive, grid_points
from latentomics.matrices import (
    aligned,
    aligned_like,
    as_table,
    check_shape,
    first,
    names_of,
    read_matrix,
)
from latentomics.params import Estimator


class MultitaskRegressor(MultiOutputMixin, RegressorMixin, Estimator):
    """Base class for regression of many responses per line, some not measured.

    `fit(X, Y)` takes features of every line, shape (n_samples, n_features), and
    responses, shape (n_samples, n_tasks), NaN where a drug was not measured on a line;
    the rows of two tables are matched by name. `fit_path(X, Y, grid)` fits at many
    parameter values at once, for :class:`PathSearch` to choose from; `per_task` says
    whether each drug may have its own.
    """

    per_task = False

    @property
    def n_iter_(self):
        """Iterations used, for scikit-learn; the rest is in `trace_`."""
        return self.trace_.n_iter

    def _read(self, X, Y):
        """Return checked `X` and `Y`, two float64 matrices, and remember their names.

        Raises
        ------
        ValueError
            If a parameter is out of its range, `X` is not a finite matrix or `Y` not a
            matrix of numbers and gaps, if their lines differ, or a drug was measured on
            no line.
        """
        self._check_parameters()
        dtype = getattr(self, "dtype", "float64")
        X, Y = as_table(X), as_table(Y, "Y")
        lines = names_of(X)
        X = read_features(self, X, min_samples=2)
        check_size(X, dtype)
        self._one_task = getattr(Y, "ndim", 0) == 1
        Y = self._aligned_rows(Y, len(X), lines)
        if isinstance(Y, pd.DataFrame):
            self.task_names_in_ = np.asarray(Y.columns, dtype=object)
        elif hasattr(self, "task_names_in_"):
            del self.task_names_in_  # of an earlier fit
        Y = read_matrix(Y, "Y", gaps=True)
        check_size(np.nan_to_num(Y), dtype, "Y")
        empty = np.flatnonzero(np.isnan(Y).all(axis=0))
        if len(empty):
            raise ValueError(
                "Y must have a measured line for every drug; got none in column "
                f"{self._columns(empty)}"
            )
        return X, Y

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination R² of `predict`, averaged over drugs.

        Scikit-learn's ``r2_score``, and on responses with gaps its value for each drug
        on the measured lines.

        Parameters
        ----------
        X : array or DataFrame of shape (n_samples, n_features)
        y : array or DataFrame of shape (n_samples, n_tasks)
            Responses; named `y` as scikit-learn expects. NaN marks a gap. A drug
            measured on fewer than two lines has no R² and is left out of the average,
            so that a fold of a cross-validation may hold few of its lines. Rows are
            matched to `X`, columns to the fit, by name. In a search by scikit-learn,
            leave `scoring` unset: its own scorers refuse gaps.
        sample_weight : array or Series of shape (n_samples,), optional
            Weights of the lines; one of weight 0 does not count as measured. Matched
            to `X` by name.

        Raises
        ------
        ValueError
            If `y` has gaps, and no drug with two measured lines.
        """
        check_is_fitted(self)
        X = as_table(X)
        check_shape(X)
        Y = self._aligned_rows(as_table(y, "Y"), len(X), names_of(X))
        drugs = getattr(self, "task_names_in_", None)
        if not self._one_task:
            Y = aligned(Y, drugs, name="Y", by="Y of the fit", axis=1)
        Y, Y_hat = read_matrix(Y, "Y", gaps=True), _two_columns(self.predict(X))
        if Y.shape[1] != Y_hat.shape[1]:
            raise ValueError(
                f"Y must have a column for each of the {Y_hat.shape[1]} drugs of the "
                f"fit; got {Y.shape[1]}"
            )
        if sample_weight is not None:
            sample_weight = aligned_like(
                sample_weight, X, name="sample_weight", axes=[0]
            )
        return _mean_r2(Y, Y_hat, sample_weight)

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

    def _columns(self, columns):
        """Return columns of Y for a message, by their names if they have any."""
        return named(getattr(self, "task_names_in_", None), columns)

    def fit_path(self, X, Y, grid=None):
        """Fit at every point of `grid`; see the class.

        Parameters
        ----------
        X, Y
            As in `fit`.
        grid : dict or list of dict, optional
            Parameters to set, see :func:`~latentomics.checks.grid_points`; by default
            one point, the current parameters.

        Returns
        -------
        ModelPath
            Or another path whose `predict` takes features named as in `fit`.
        """
        points = [{}] if grid is None else grid_points(grid)
        models = [clone(self).set_params(**point).fit(X, Y) for point in points]
        return ModelPath(points, models)

    def _read_new(self, X):
        """Return the features of lines to predict, checked against those of the fit."""
        check_is_fitted(self)
        return read_features(self, X, reset=False)

    def _shaped(self, Y_hat):
        """Return predictions in the shape of the `Y` of the fit."""
        return Y_hat[:, 0] if self._one_task else Y_hat


def check_falling(points):
    """Return the `fraction` of each point, once found positive and non-increasing."""
    fractions = [point["fraction"] for point in points]
    for fraction in fractions:
        check_positive(fraction=fraction)
    if sorted(fractions, reverse=True) != fractions:
        raise ValueError(f"grid must have falling fractions; got {fractions}")
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


def _mean_r2(Y, Y_hat, sample_weight):
    """Return R², averaged over the drugs measured on two lines; NaN in `Y` is a gap."""
    seen = ~np.isnan(Y)
    if seen.all():
        return r2_score(Y, Y_hat, sample_weight=sample_weight)
    weight = np.ones(len(Y)) if sample_weight is None else column_or_1d(sample_weight)
    check_consistent_length(Y, weight)
    seen &= weight[:, None] != 0
    scores = [
        r2_score(y[on], y_hat[on], sample_weight=weight[on])
        for y, y_hat, on in zip(Y.T, Y_hat.T, seen.T, strict=True)
        if on.sum() > 1
    ]
    if not scores:
        raise ValueError("Y must have a drug measured on two lines; got none")
    return float(np.mean(scores))
