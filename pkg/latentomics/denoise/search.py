"""Choosing parameters by the error on measured entries held out of every fit."""

import warnings
from dataclasses import KW_ONLY

import numpy as np
import pandas as pd
from sklearn.base import clone

from latentomics.base import SCORES, GappyMatrixEstimator, check_mask, hold_out
from latentomics.checks import grid_points
from latentomics.metrics import first_near_best
from latentomics.params import Seeded, one_of, parameter, progress, share, whole


def _searchable(name, value):
    known = isinstance(value, GappyMatrixEstimator)
    if not known or isinstance(value, CellSearch):
        raise ValueError(f"{name} must be a denoising estimator; got {value!r}")


class CellSearch(GappyMatrixEstimator, Seeded):
    r"""Fit one estimator per point of a grid; keep the best on held-out entries.

    The score is by default the mean absolute error on the held-out entries V (book:
    ``eq-validation-mae``):

    .. math:: \frac{1}{|V|} \sum_V |X - L|

    Squared error would reward a fit that bends towards a few large spikes, which a
    correction must not do. Ties, to within a millionth of the lowest score, go to the
    first point of the grid.

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

    estimator: object = parameter(kind="denoising estimator", check=_searchable)
    """With `fit(X, validation=...)` and `low_rank_`."""
    grid: object = parameter(kind="dict of str to list, or a list of such dicts")
    """All combinations are tried; the last name changes fastest."""
    _: KW_ONLY
    validation_fraction: float = share(0.1, below=1)
    """Share of the measured entries held out if `fit` gets no `validation`."""
    scoring: str = one_of(SCORES, "mae")
    """Mean absolute or mean squared error on the held-out entries."""
    random_state: int = whole(0, at_least=0)
    """Seed of the held-out entries; the estimator keeps its own seed."""
    progress: object = progress()
    """Wraps the list of grid points, as ``tqdm.auto.tqdm`` does, to show progress."""

    def fit(self, X, y=None, *, validation=None, **given):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out of every fit; other keywords, `given`, are passed to every fit.
        """
        self._check_parameters()
        points = self._points()
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
            own = {k: clone(v, safe=False) for k, v in point.items()}  # not the grid's
            fit = clone(self.estimator).set_params(**own)
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
        """Return the points of the grid; `{}` is one, the estimator as it is."""
        if self.grid == {}:
            return [{}]
        return grid_points(self.grid, sorted(self.estimator.get_params()))

    def _warn_of_edges(self):
        """Warn if the best of three or more values is at an end of the grid."""
        if self.results_["score"].nunique() == 1:
            return  # what was searched does not matter to the fit
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
