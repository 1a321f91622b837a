"""Choosing parameters by the error on measured entries held out of every fit."""

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from latentomics.base import (
    GappyMatrixEstimator,
    check_choice,
    check_mask,
    hold_out,
)

# name -> what is averaged over the entries held out
SCORES = {"mae": lambda R: np.abs(R).mean(), "mse": lambda R: np.square(R).mean()}


class CellSearch(GappyMatrixEstimator):
    r"""Fit one estimator per point of a grid; keep the best on held-out entries.

    The score is by default the mean absolute error on the held-out entries V (book:
    ``eq-validation-mae``):

    .. math:: \frac{1}{|V|} \sum_V |X - L|

    A squared error would reward the fit that bends towards a few large spikes, which
    is just what a correction must not do.

    Parameters
    ----------
    estimator : denoising estimator
        With `fit(X, validation=...)` and `low_rank_`.
    grid : dict of str to list, or a list of such
        As for scikit-learn's ParameterGrid.
    validation_fraction : float, default=0.1
        Share of the measured entries held out where `fit` is not told which.
    scoring : {"mae", "mse"}, default="mae"
        Mean absolute or mean squared error on the entries held out.
    random_state : int, default=0
        Seed of those entries; the estimator's own seed is left alone.
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
        Of the best estimator: the entries whose deviation it gives back.

    Raises
    ------
    ValueError
        In `fit`, as the estimator's own; or no entry is held out.
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

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, says which measured entries
        are held out of every fit.
        """
        check_choice("scoring", self.scoring, SCORES)
        values = self._checked(X)
        seen = ~np.isnan(values)
        if validation is None:
            validation = hold_out(seen, self.validation_fraction, self.random_state)
        held = check_mask(validation, seen.shape, "validation") & seen
        if not held.any():
            n, p = seen.shape
            raise ValueError(
                "validation must mark a measured entry; got none, with "
                f"n_samples={n} and n_features={p}"
            )
        points = list(ParameterGrid(self.grid))
        rows, best = [], None
        for point in self.progress(points) if self.progress else points:
            fit = clone(self.estimator).set_params(**point)
            fit.fit(X, validation=validation)
            score = SCORES[self.scoring]((values - fit.low_rank_)[held])
            rows.append({**point, "score": score, "iterations": fit.trace_.n_iter})
            if best is None or score < best:
                best, self.best_estimator_, self.best_params_ = score, fit, point
        self.results_ = pd.DataFrame(rows)
        for name in ("low_rank_", "corrected_", "kept_"):
            setattr(self, name, getattr(self.best_estimator_, name))
        return self
