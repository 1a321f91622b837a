"""Choosing parameters by the error on measured entries held out of every fit."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from latentomics.base import (
    SCORES,
    GappyMatrixEstimator,
    check_choice,
    check_mask,
    hold_out,
)
from latentomics.metrics import first_near_best


class CellSearch(GappyMatrixEstimator):
    r"""Fit one estimator per point of a grid; keep the best on held-out entries.

    The score is by default the mean absolute error on the held-out entries V (book:
    ``eq-validation-mae``):

    .. math:: \frac{1}{|V|} \sum_V |X - L|

    Squared error would reward a fit that bends towards a few large spikes, which a
    correction must not do. Ties, to within a millionth of the lowest score, go to the
    first point of the grid.

    Parameters
    ----------
    estimator : denoising estimator
        With `fit(X, validation=...)` and `low_rank_`.
    grid : dict of str to list, or a list of such
        As for scikit-learn's ParameterGrid.
    validation_fraction : float, default=0.1
        Share of the measured entries held out if `fit` gets no `validation`.
    scoring : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error on the held-out entries.
    random_state : int, default=0
        Seed of the held-out entries; the estimator keeps its own seed.
    progress : callable, optional
        Wraps the list of grid points, as ``tqdm.auto.tqdm`` does, to show progress.

    Attributes
    ----------
    best_estimator_ : the fitted estimator with the lowest score
    best_params_ : dict
    results_ : DataFrame, one row per grid point
        The parameters, `score` (units of X, or their square) and the `iterations`
        until the fit stopped.
    low_rank_, corrected_ : ndarray of shape (n_samples, n_features)
        Of the best estimator, in the units of `X`.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        Of the best estimator: the entries whose deviation it restores.

    Raises
    ------
    ValueError
        In `fit`, as for the estimator; or `estimator` or `grid` is invalid, or no entry
        is held out.

    Warns
    -----
    UserWarning
        If the best of three or more numbers is the smallest or the largest.
    """

    def __init__(
        self,
        estimator,
        grid,
        *,
        validation_fraction=0.1,
        scoring="mae",
        random_state=0,
        progress=None,
    ):
        self.estimator, self.grid = estimator, grid
        self.validation_fraction, self.scoring = validation_fraction, scoring
        self.random_state, self.progress = random_state, progress

    def fit(self, X, y=None, *, validation=None, **given):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out of every fit; other keywords, `given`, are passed to every fit.
        """
        check_choice("scoring", self.scoring, SCORES)
        points = self._points()
        if self.progress is not None and not callable(self.progress):
            raise ValueError(f"progress must be a callable; got {self.progress!r}")
        values = self._checked(X)
        seen = ~np.isnan(values)
        if validation is None:
            validation = hold_out(seen, self.validation_fraction, self.random_state)
        held = check_mask(validation, X, "validation") & seen
        if not held.any():
            n, p = seen.shape
            raise ValueError(
                "validation must mark a measured entry; got none, with "
                f"n_samples={n} and n_features={p}"
            )
        rows, scores, near = [], [], {}
        for point in self.progress(points) if self.progress else points:
            fit = clone(self.estimator).set_params(**point)
            fit.fit(X, validation=validation, **given)
            score = SCORES[self.scoring]((values - fit.low_rank_)[held])
            rows.append({**point, "score": score, "iterations": fit.trace_.n_iter})
            scores.append(score)
            near[len(scores) - 1] = fit  # keep only fits that may yet be chosen
            best = first_near_best(scores)
            near = {k: f for k, f in near.items() if scores[k] <= scores[best]}
        self.best_estimator_, self.best_params_ = near[best], points[best]
        self.results_ = pd.DataFrame(rows)
        for name in ("low_rank_", "corrected_", "kept_"):
            setattr(self, name, getattr(self.best_estimator_, name))
        self._warn_of_edges()
        return self

    def _points(self):
        """Check estimator and grid; return the points of the grid."""
        known = isinstance(self.estimator, GappyMatrixEstimator)
        if not known or isinstance(self.estimator, CellSearch):
            raise ValueError(
                f"estimator must be a denoising estimator; got {self.estimator!r}"
            )
        try:
            points = list(ParameterGrid(self.grid))
        except (TypeError, ValueError) as error:
            raise ValueError(
                "grid must be a dict of parameter name to list of values, or a list "
                f"of such; got {self.grid!r}"
            ) from error
        if not points:
            raise ValueError("grid must hold a point; got an empty list")
        known = self.estimator.get_params()
        for name in {name for point in points for name in point}:
            check_choice("grid", name, sorted(known))
        return points

    def _warn_of_edges(self):
        """Warn if the best of three or more values is at an end of the grid."""
        for name, best in self.best_params_.items():
            tried = self.results_[name]
            if not pd.api.types.is_numeric_dtype(tried) or tried.nunique() < 3:
                continue
            if best in (tried.min(), tried.max()):
                warnings.warn(
                    f"the best {name}={best:g} is at the end of the grid; "
                    "values beyond it may be better",
                    stacklevel=3,
                )
