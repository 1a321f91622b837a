"""Choosing a point of an estimator's path by cross-validation, then refitting."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from latentomics.base import check_choice, check_whole
from latentomics.metrics import edge_distance, first_near_best
from latentomics.multitask.regressor import MultitaskRegressor
from latentomics.multitask.splitters import InductiveKFold, TransductiveKFold

SETTINGS = ("transductive", "inductive")


class PathSearch(MultitaskRegressor):
    r"""Fit an estimator with parameters chosen on cells held out of its fits.

    .. math::
        \hat\theta_t = \arg\min_\theta \frac{1}{|V_t|} \sum_{i \in V_t}
        (y_{it} - \hat y_{it}^{(\theta)})^2 / s_t^2

    Each drug has its own :math:`\theta_t` where the estimator is one regression per
    drug; otherwise the mean over all drugs decides (book: ``eq-path-search``). Of
    points within a millionth of the least error the first of the grid is taken.
    Features, and each drug's responses, are standardised to mean 0 and variance 1 on
    what is fitted; predictions and weights come back in the units of `Y`.

    Parameters
    ----------
    estimator : multitask estimator
        With `fit_path`.
    grid : list of dict, optional
        Handed to its `fit_path`; by default the estimator's own, such as
        ``[{"fraction": f}, ...]`` of the trace norm or ``[{"multiple": m}, ...]`` of
        ridge. For an estimator without one, parameters: ``[{"width": w}, ...]``.
    setting : {"transductive", "inductive"}, default="transductive"
        What is held out: cells, other ones for each drug, of lines that are known; or
        whole lines. Take the second if you will predict lines that are not in `X`.
    n_splits : int, default=5
    random_state : int, default=0
        Seed of the splits.
    progress : callable, optional
        Wraps the list of splits, as ``tqdm.auto.tqdm`` does, to show progress.

    Attributes
    ----------
    errors_ : ndarray of shape (n_points, n_tasks)
        Mean squared error on the cells held out, in variances of the drug.
    choice_ : ndarray of shape (n_tasks,)
        The point chosen for each drug.
    margin_ : ndarray of shape (n_tasks,)
        How far the nearest error is from the edge of that millionth, as a share of the
        least. Above ten times the rounding of the errors no other processor chooses
        another point. Infinite if there is one point only.
    points_ : DataFrame
        One row per drug: the parameters chosen, and the error there.
    path_ : object
        The path fitted to everything, in standardised units.
    coef_ : ndarray of shape (n_features, n_tasks)
        Weights at the points chosen, in units of Y per unit of X; only of estimators
        that have weights.
    intercept_ : ndarray of shape (n_tasks,)
        In units of Y.

    Raises
    ------
    ValueError
        In `fit`: as the estimator's own, or a parameter is not what it should be.
    """

    def __init__(
        self,
        estimator,
        grid=None,
        *,
        setting="transductive",
        n_splits=5,
        random_state=0,
        progress=None,
    ):
        self.estimator, self.grid, self.setting = estimator, grid, setting
        self.n_splits, self.random_state = n_splits, random_state
        self.progress = progress

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks what was not measured."""
        check_choice("setting", self.setting, SETTINGS)
        check_whole(at_least=2, n_splits=self.n_splits)
        check_whole(at_least=0, random_state=self.random_state)
        if not isinstance(self.estimator, MultitaskRegressor):
            raise ValueError(
                f"estimator must be a multitask estimator; got {self.estimator!r}"
            )
        X, Y = self._read(X, Y)
        self.path_, self._units = self._scaled_path(X, Y)
        points = self.path_.points
        if len(points) > 1:
            self.errors_ = self._errors(X, Y, len(points))
        else:  # nothing to choose
            self.errors_ = np.full((1, Y.shape[1]), np.nan)
        self._choose(points)
        return self

    def _choose(self, points):
        n_tasks = self.errors_.shape[1]
        if len(points) == 1:
            best, margin = 0, np.inf
        else:
            decides = self.errors_
            if not self.estimator.per_task:
                decides = decides.mean(axis=1)
            best, margin = first_near_best(decides), edge_distance(decides)
        self.choice_ = np.broadcast_to(best, n_tasks).astype(int)
        self.margin_ = np.broadcast_to(margin, n_tasks).astype(float)
        drugs = getattr(self, "task_names_in_", range(n_tasks))
        chosen = pd.DataFrame([points[c] for c in self.choice_], index=drugs)
        chosen["error"] = self.errors_[self.choice_, np.arange(n_tasks)]
        self.points_ = chosen

    def _errors(self, X, Y, n_points):
        """Return the squared error of each point and drug on what was held out."""
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
        estimator = clone(self.estimator)  # which remembers what it has read
        return estimator.fit_path(units.features(X), scaled, self.grid), units

    def predict(self, X):
        """Return the responses expected of lines, each drug's at its own choice."""
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
        """Weights of the features as they came, (n_features, n_tasks)."""
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
        Lines whose features are fitted.
    Y_train : ndarray
        Responses of those lines, NaN also for what is held out.
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
    """Return which lines to ask for: all if all were fitted, else those held out.

    Methods that know a line by its features tell two with the same ones apart only
    by their place among all.
    """
    return rows if isinstance(rows, slice) else held.any(axis=1)


@dataclass
class Units:
    """Means and standard deviations; 1 where there is no spread."""

    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray

    @classmethod
    def of(cls, X, Y):
        """Measure those of the features, and of the measured responses."""
        y_mean, y_scale = np.nanmean(Y, axis=0), np.nanstd(Y, axis=0)
        return cls(
            X.mean(axis=0), _or_one(X.std(axis=0), X), y_mean, _or_one(y_scale, Y)
        )

    def features(self, X):
        """Return standardised features."""
        return (X - self.x_mean) / self.x_scale

    def back(self, Y):
        """Return responses in the units they came in."""
        return Y * self.y_scale + self.y_mean


def _or_one(scale, values):
    """Return `scale`, and 1 where it is rounding only."""
    size = np.nanmax(np.abs(values), axis=0)
    return np.where(scale > 1e-12 * size, scale, 1.0)
