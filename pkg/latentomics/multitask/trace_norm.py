"""Regression of all drugs at once, on a few shared patterns of weights."""

from dataclasses import KW_ONLY, dataclass, field

import numpy as np
import torch

from latentomics.checks import check_positive, check_whole, grid_points
from latentomics.multitask.regressor import LinearRegressor, check_falling
from latentomics.multitask.sample_space import SampleSpacePath, read_problem
from latentomics.multitask.split_admm import split_path
from latentomics.params import (
    InPrecision,
    Iterative,
    OnDevice,
    not_negative,
    positive,
    whole,
)


class TraceNormRegressor(LinearRegressor, Iterative, OnDevice, InPrecision):
    r"""Regress all responses on the features at once, with weights of low rank.

    .. math::
        \min_{W, b} \; \tfrac12 \sum_t \|P_t (y_t - X w_t - b_t 1)\|^2
        + \lambda \|W\|_*

    :math:`P_t` keeps the lines on which drug t was measured; the intercepts :math:`b_t`
    are free. Penalising the sum of the singular values of W makes drugs share patterns:
    the problem of [1], derived in the book at ``eq-trace-norm``. It is solved by an
    ADMM with one factorisation for any pattern of gaps (book: ``eq-split-admm``), to a
    duality gap, which bounds how far the objective is from its minimum.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_tasks)
        W, in units of Y per unit of X; `rank_` of its singular values are non-zero.
    intercept_ : ndarray of shape (n_tasks,)
        b, in units of Y.
    lam_max_ : float
        The smallest lam for which W = 0.
    gap_ : float
        Relative duality gap reached.
    rank_ : int
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or a parameter is out of its range.

    References
    ----------
    [1] Yuan, Paskov, Paskov, Gonzalez & Leslie (2016). Sci Rep 6:31619.
    """

    lam: float = positive(1.0)
    r""":math:`\lambda`, in units of X times Y: for orthonormal features, subtracted
    from every singular value of :math:`X^\top Y`. At or above `lam_max_`, W is 0.
    To choose it, see :class:`PathSearch`."""
    _: KW_ONLY
    tol: float = not_negative(1e-4)
    """Stop at this duality gap, relative to the objective."""
    max_iter: int = whole(5000)
    """For each lam."""

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        path = self._solve(X, Y)
        self.coef_, self.intercept_ = path.coef([0]), path.intercept([0])
        self.lam_max_, self.trace_ = path.lam_max, path.traces[0]
        self.gap_ = self.trace_.gap[-1]
        self.rank_ = int(torch.linalg.matrix_rank(path.coords[0]))
        return self

    def fit_path(self, X, Y, grid=None):
        """Fit at many lam, from the largest down, each warm-started from the last.

        Parameters
        ----------
        X, Y
            As in `fit`.
        grid : list of dict, optional
            Each ``{"fraction": f}``, lam as a fraction of `lam_max_`, decreasing; by
            default :func:`trace_norm_grid`.

        Returns
        -------
        TraceNormPath
        """
        grid = (
            trace_norm_grid()
            if grid is None
            else grid_points(grid, ["fraction"], exactly=True)
        )
        check_falling(grid)
        return self._solve(X, Y, grid).of(self)

    def _solve(self, X, Y, grid=None):
        """Return the path over a grid; without one, the fit at `lam` as a path."""
        X, Y = self._read(X, Y)
        space, problem = self._pose(X, Y)
        lam_max = float(problem.lam_max())
        points = [{"lam": self.lam}]
        if grid is not None:
            points = [p | {"lam": p["fraction"] * lam_max} for p in grid]
        found = self._run(problem, space, [point["lam"] for point in points])
        coords = [A for A, _ in found]
        intercepts = [problem.intercept(A) for A in coords]
        traces = [trace for _, trace in found]
        return TraceNormPath(points, space, coords, intercepts, lam_max, traces)

    def _pose(self, X, Y):
        return read_problem(X, Y, device=self.device, dtype=self.dtype)

    def _run(self, problem, space, lams):
        """Return the coordinates and the trace at each lam."""
        return split_path(
            problem, space.U, space.s, lams, tol=self.tol, max_iter=self.max_iter
        )


def trace_norm_grid(n_lams=50, eps=0.01):
    """Return the default grid of :class:`TraceNormRegressor`.

    Parameters
    ----------
    n_lams : int, default=50
    eps : float, default=0.01
        Smallest fraction of lam_max; evenly spaced on the log scale, from 1 down.

    Returns
    -------
    list of dict
    """
    check_whole(n_lams=n_lams)
    check_positive(eps=eps)
    return [{"fraction": float(f)} for f in np.geomspace(1, eps, n_lams)]


@dataclass
class TraceNormPath(SampleSpacePath):
    """A path that also knows its `lam_max` and the :class:`Trace` of each point."""

    lam_max: float = 0.0
    traces: list = field(default_factory=list)
