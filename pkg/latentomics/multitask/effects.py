"""Two baselines without features: additive effects, and low-rank responses."""

from dataclasses import KW_ONLY, dataclass

import numpy as np
import torch

from latentomics.arrays import as_mask, as_numpy, as_tensor
from latentomics.checks import grid_points
from latentomics.multitask.problem import TraceNormProblem
from latentomics.multitask.regressor import FeaturePath, check_falling
from latentomics.multitask.split_admm import split_path
from latentomics.multitask.trace_norm import trace_norm_grid
from latentomics.multitask.transductive import TransductiveRegressor, known_lines
from latentomics.params import InPrecision, Iterative, OnDevice, not_negative, positive


class DrugAndLineEffects(TransductiveRegressor):
    r"""Predict each response as a drug effect plus a line effect.

    .. math:: \min_{a, b} \sum_{(i,t) \in \Omega} (y_{it} - a_i - b_t)^2
        + \kappa \sum_i a_i^2

    Solved exactly (book: ``eq-effects``). A line without measurements has a = 0.

    Attributes
    ----------
    line_effect_ : ndarray of shape (n_samples,)
        a, in units of Y.
    drug_effect_ : ndarray of shape (n_tasks,)
        b, in units of Y.
    fitted_ : ndarray of shape (n_samples, n_tasks)
        :math:`a_i + b_t`.
    X_ : ndarray of shape (n_samples, n_features)
        Features by which `predict` recognises a line.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or `penalty` is negative. In
        `predict`: a line was not in the fit.
    """

    penalty: float = not_negative(1.0)
    r""":math:`\kappa`, in measured cells: equivalent to that many extra cells per
    line without a line effect."""

    def fit(self, X, Y):
        """Fit to responses; features only serve to identify the lines."""
        X, Y = self._read(X, Y)
        mask = (~np.isnan(Y)).astype(float)
        share = mask / mask.sum(axis=0)  # b is the mean of Y - a: only a is unknown
        centred = np.where(mask > 0, Y - np.nanmean(Y, axis=0), 0.0)
        normal = np.diag(mask.sum(axis=1) + self.penalty) - mask @ share.T
        a = np.linalg.lstsq(normal, centred.sum(axis=1), rcond=None)[0]
        self.line_effect_ = a
        self.drug_effect_ = np.nanmean(Y, axis=0) - share.T @ a
        return self._remember(X, a[:, None] + self.drug_effect_)


class ResponseSoftImpute(
    TransductiveRegressor, Iterative, OnDevice, InPrecision, max_iter=5000
):
    r"""Complete the responses by their best trace-norm fit, with free drug means.

    .. math:: \min_{L, b} \; \tfrac12 \|P_\Omega(Y - L - 1 b^\top)\|_F^2
        + \lambda \|L\|_*

    Equivalent to :class:`TraceNormRegressor` with one indicator feature per line (book:
    ``eq-response-soft-impute``) and solved by the same loop; its predictions use no
    molecular features.

    Attributes
    ----------
    fitted_ : ndarray of shape (n_samples, n_tasks)
        :math:`L + 1 b^\top`, in units of Y.
    X_ : ndarray of shape (n_samples, n_features)
        Features by which `predict` recognises a line.
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or a parameter is out of its range.
        In `predict`: a line was not in the fit.
    """

    lam: float = positive(1.0)
    r""":math:`\lambda`, in units of Y."""
    _: KW_ONLY
    tol: float = not_negative(1e-4)
    """Stop at this duality gap, relative to the objective."""

    def fit(self, X, Y):
        """Fit to responses; features only serve to identify the lines."""
        X, (fitted,), (self.trace_,) = self._solve(X, Y)
        return self._remember(X, fitted)

    def fit_path(self, X, Y, grid=None):
        """Fit at falling lam, each ``{"fraction": f}`` of the smallest with L = 0."""
        grid = (
            trace_norm_grid()
            if grid is None
            else grid_points(grid, ["fraction"], exactly=True)
        )
        check_falling(grid)
        X, fitted, _ = self._solve(X, Y, grid)
        return FittedPath(grid, X, np.stack(fitted)).of(self)

    def _solve(self, X, Y, grid=None):
        """Return the checked X, and the fit and trace at each point, or at `lam`."""
        X, Y = self._read(X, Y)
        R = as_tensor(np.nan_to_num(Y), device=self.device)
        eye = torch.eye(len(Y)).to(R).to(getattr(torch, self.dtype))
        problem = TraceNormProblem(eye, R, as_mask(~np.isnan(Y), device=self.device))
        lams = [self.lam]
        if grid is not None:
            lam_max = float(problem.lam_max())
            lams = [point["fraction"] * lam_max for point in grid]
        found = split_path(
            problem, eye, eye.diagonal(), lams, tol=self.tol, max_iter=self.max_iter
        )
        fitted = [as_numpy(L + problem.intercept(L)) for L, _ in found]
        return X, fitted, [trace for _, trace in found]


@dataclass
class FittedPath(FeaturePath):
    """Fits of known lines at every point of a grid."""

    points: list  # of dict
    X: np.ndarray
    fitted: np.ndarray  # (n_points, n, T)

    def predict(self, X):
        """Return predictions, shape (n_points, n_lines, n_tasks)."""
        return self.fitted[:, known_lines(self.X, self._features(X))]
