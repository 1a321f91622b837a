"""Choosing a point of an estimator's path by cross-validation, then refitting."""

from dataclasses import KW_ONLY, dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from latentomics.metrics import edge_distance, first_near_best
from latentomics.multitask.folds import InductiveKFold, TransductiveKFold
from latentomics.multitask.regressor import MultitaskRegressor
from latentomics.params import Seeded, one_of, parameter, progress, whole

SETTINGS = ("transductive", "inductive")


def _check_estimator(name, value):
    if not isinstance(value, MultitaskRegressor):
        raise ValueError(f"{name} must be a multitask estimator; got {value!r}")


class PathSearch(MultitaskRegressor, Seeded):
    r"""Fit an estimator with hyperparameters chosen by cross-validation.

    .. math::
        \hat\theta_t = \arg\min_\theta \frac{1}{|V_t|} \sum_{i \in V_t}
        (y_{it} - \hat y_{it}^{(\theta)})^2 / s_t^2

    Each drug has its own :math:`\theta_t` if the estimator is one regression per drug;
    otherwise the mean error over all drugs decides (book: ``eq-path-search``). Errors
    within a relative tolerance of one millionth of the least count as ties, which go to
    the first point of the grid. Features, and each drug's responses, are standardised
    to mean 0 and variance 1 on the training data; predictions and weights are returned
    in the units of `Y`.

    Attributes
    ----------
    errors_ : ndarray of shape (n_points, n_tasks)
        Mean squared error on held-out cells, relative to the variance of the drug; NaN
        if the grid has one point, which needs no choice.
    choice_ : ndarray of shape (n_tasks,)
        Index of the point chosen for each drug.
    margin_ : ndarray of shape (n_tasks,)
        Distance of the nearest error from the largest that still counts as a tie,
        relative to the least error. If it exceeds ten times the rounding of the errors,
        every processor chooses the same point. Infinite if there is only one point.
    points_ : DataFrame
        One row per drug: the chosen parameters and their error.
    path_ : object
        The path fitted to all data, in standardised units.
    coef_ : ndarray of shape (n_features, n_tasks)
        Weights at the chosen points, in units of Y per unit of X; only for estimators
        with weights.
    intercept_ : ndarray of shape (n_tasks,)
        In units of Y.

    Raises
    ------
    ValueError
        In `fit`: as the estimator's own `fit`, or a parameter is invalid.
    """

    estimator: object = parameter(kind="multitask estimator", check=_check_estimator)
    """One with `fit_path`."""
    grid: object = parameter(None, kind="dict or list of dict, optional")
    """Passed to `fit_path`; by default the estimator's own grid. For the trace norm
    ``{"fraction": [0.5, 0.1, 0.02]}``, falling shares of the lam at which all weights
    are 0; for ridge ``{"multiple": [...]}``. For an estimator without a path, parameter
    values: ``{"width": [...]}``."""
    _: KW_ONLY
    setting: str = one_of(SETTINGS, "transductive")
    """What is held out: single cells of known lines, drawn separately for each drug,
    or whole lines. Use "inductive" to predict lines that are not in `X`."""
    n_splits: int = whole(5, at_least=2)
    """Number of folds."""
    random_state: int = whole(0, at_least=0)
    """Seed of the splits."""
    progress: object = progress()
    """Wraps the list of splits, as ``tqdm.auto.tqdm`` does, to show progress."""

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        X, Y = self._read(X, Y)
        self.path_, self._units = self._scaled_path(X, Y)
        points, n_tasks = self.path_.points, Y.shape[1]
        if len(points) == 1:  # nothing to choose
            self.errors_, best, margin = np.full((1, n_tasks), np.nan), 0, np.inf
        else:
            self.errors_ = errors = self._errors(X, Y, len(points))
            decides = errors if self.estimator.per_task else errors.mean(axis=1)
            best, margin = first_near_best(decides), edge_distance(decides)
        self.choice_ = np.broadcast_to(best, n_tasks).astype(int)
        self.margin_ = np.broadcast_to(margin, n_tasks).astype(float)
        drugs = getattr(self, "task_names_in_", range(n_tasks))
        chosen = pd.DataFrame([points[c] for c in self.choice_], index=drugs)
        chosen["error"] = self.errors_[self.choice_, np.arange(n_tasks)]
        self.points_ = chosen
        return self

    def _errors(self, X, Y, n_points):
        """Return the relative held-out squared error of each point and drug."""
        squares = np.zeros((n_points, Y.shape[1]))
        splits = list(held_out(X, Y, self.setting, self.n_splits, self.random_state))
        for rows, Y_train, held in self.progress(splits) if self.progress else splits:
            path, units = self._scaled_path(X[rows], Y_train)
            if not held.any():  # a fold of lines on which nothing was measured
                continue
            lines = to_predict(rows, held)
            predicted = units.back(path.predict(units.features(X[lines])))
            misses = np.where(held[lines], predicted - Y[lines], 0.0)
            squares += np.square(misses).sum(axis=1)
        return squares / (~np.isnan(Y)).sum(axis=0) / self._units.y_scale**2

    def _scaled_path(self, X, Y):
        empty = np.flatnonzero(np.isnan(Y).all(axis=0))
        if len(empty):
            raise ValueError(
                "Y must leave every drug a measured line outside each fold; got none "
                f"in column {self._columns(empty)}, with n_splits={self.n_splits}"
            )
        units = Units.of(X, Y)
        scaled = (Y - units.y_mean) / units.y_scale
        estimator = clone(self.estimator)  # since it stores the names it reads
        return estimator.fit_path(units.features(X), scaled, self.grid), units

    def predict(self, X):
        """Return the predicted responses of lines, each drug at its chosen point."""
        X = self._read_new(X)
        predicted = self.path_.predict(self._units.features(X))
        chosen = predicted[self.choice_, :, np.arange(predicted.shape[2])].T
        return self._shaped(self._units.back(chosen))

    def _weights(self):
        """Return the path, if it has weights."""
        check_is_fitted(self)
        if not hasattr(self.path_, "coef"):
            raise AttributeError(
                f"{type(self.estimator).__name__} has no weights of features: a "
                "search of it has no coef_ and no intercept_"
            )
        return self.path_

    @property
    def coef_(self):
        """Weights of the unstandardised features, (n_features, n_tasks)."""
        W = self._weights().coef(self.choice_)
        return W * self._units.y_scale / self._units.x_scale[:, None]

    @property
    def intercept_(self):
        """Intercepts in units of Y, (n_tasks,)."""
        b = self._units.back(self._weights().intercept(self.choice_))
        return b - self._units.x_mean @ self.coef_


def held_out(X, Y, setting, n_splits, random_state):
    """Yield each split: the rows to fit, their responses, and which cells to predict.

    Yields
    ------
    rows : slice or ndarray of int
        Lines to fit.
    Y_train : ndarray
        Responses of those lines, NaN also where held out.
    held : bool ndarray of the shape of `Y`
    """
    seen = ~np.isnan(Y)
    if setting == "inductive":
        folds = InductiveKFold(n_splits, random_state=random_state)
        for train, test in folds.split(X):
            held = np.zeros(Y.shape, bool)
            held[test] = seen[test]
            yield train, Y[train], held
        return
    for _, test in TransductiveKFold(n_splits, random_state=random_state).split(Y):
        held = np.zeros(Y.shape, bool)
        held.flat[test] = True
        yield slice(None), np.where(held, np.nan, Y), held


def to_predict(rows, held):
    """Return which lines to predict: all if all were fitted, else those held out.

    Methods that identify lines by their features can tell two identical ones apart only
    by their position among all lines.
    """
    return rows if isinstance(rows, slice) else held.any(axis=1)


@dataclass
class Units:
    """Means and standard deviations; the latter are 1 for constant columns."""

    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray

    @classmethod
    def of(cls, X, Y):
        """Compute them for the features and the measured responses."""
        y_mean, y_scale = np.nanmean(Y, axis=0), np.nanstd(Y, axis=0)
        return cls(
            X.mean(axis=0), _or_one(X.std(axis=0), X), y_mean, _or_one(y_scale, Y)
        )

    def features(self, X):
        """Return standardised features."""
        return (X - self.x_mean) / self.x_scale

    def back(self, Y):
        """Return responses in their original units."""
        return Y * self.y_scale + self.y_mean


def _or_one(scale, values):
    """Return `scale`, or 1 where it is only rounding error."""
    size = np.nanmax(np.abs(values), axis=0)
    return np.where(scale > 1e-12 * size, scale, 1.0)
