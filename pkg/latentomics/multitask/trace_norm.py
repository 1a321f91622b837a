"""Regression of all drugs at once, on a few shared patterns of weights."""

from dataclasses import dataclass, field

import numpy as np
import torch

from latentomics.arrays import DTYPES
from latentomics.base import check_choice, check_positive, check_whole
from latentomics.multitask.accelerated import accelerated_path
from latentomics.multitask.feature_admm import admm_path
from latentomics.multitask.regressor import (
    LinearRegressor,
    check_grid,
    falling_fractions,
)
from latentomics.multitask.sample_space import SampleSpacePath, read_problem
from latentomics.multitask.split_admm import split_path

SOLVERS = ("split", "fista", "sample_space", "paper")


class TraceNormRegressor(LinearRegressor):
    r"""Regress all responses on the features at once, with weights of low rank.

    .. math::
        \min_{W, b} \; \tfrac12 \sum_t \|P_t (y_t - X w_t - b_t 1)\|^2
        + \lambda \|W\|_*

    :math:`P_t` keeps the lines on which drug t was measured; the intercepts :math:`b_t`
    are free. Penalising the sum of the singular values of W makes drugs share patterns:
    the problem of [1], derived in the book at ``eq-trace-norm``. It is solved to a
    duality gap, which bounds how far the objective is from its minimum.

    Parameters
    ----------
    lam : float, default=1.0
        :math:`\lambda > 0`, in units of X times Y: for orthonormal features, subtracted
        from every singular value of :math:`X^\top Y`. At or above `lam_max_`, W is 0.
        To choose it, see :class:`PathSearch`.
    solver : {"split", "fista", "sample_space", "paper"}, default="split"
        All converge to the same W. "split": ADMM with one factorisation for any pattern
        of gaps (book: ``eq-split-admm``). "fista": accelerated gradients. "paper": the
        ADMM of [1], one ridge problem per drug and iteration, on all features;
        "sample_space": the same in as many coordinates as lines.
    tol : float, default=1e-4
        Stop at this duality gap, relative to the objective.
    max_iter : int, default=5000
        For each lam.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

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

    def __init__(
        self,
        lam=1.0,
        *,
        solver="split",
        tol=1e-4,
        max_iter=5000,
        device="auto",
        dtype="float64",
    ):
        self.lam, self.solver, self.tol, self.max_iter = lam, solver, tol, max_iter
        self.device, self.dtype = device, dtype

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        check_positive(lam=self.lam)
        path = self._solve(X, Y, lambda lam_max: [{"lam": self.lam}])
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
        grid = trace_norm_grid() if grid is None else check_grid(grid, "fraction")
        fractions = falling_fractions(grid)
        path = self._solve(
            X, Y, lambda top: [{"fraction": f, "lam": f * top} for f in fractions]
        )
        return path.of(self)

    def _solve(self, X, Y, choose):
        """Return the path over the points that `choose` returns for lam_max."""
        check_choice("solver", self.solver, SOLVERS)
        check_choice("dtype", self.dtype, DTYPES)
        check_whole(max_iter=self.max_iter)
        X, Y = self._read(X, Y)
        space, problem = read_problem(
            X, Y, device=self.device, dtype=self.dtype, features=self.solver == "paper"
        )
        lam_max = float(problem.lam_max())
        points = choose(lam_max)
        found = self._run(problem, space, [point["lam"] for point in points])
        intercepts = [problem.intercept(W) for W, _ in found]
        coords = [W for W, _ in found]
        if self.solver == "paper":
            coords = [space.coordinates(W) for W in coords]
        traces = [trace for _, trace in found]
        return TraceNormPath(points, space, coords, intercepts, lam_max, traces)

    def _run(self, problem, space, lams):
        stop = {"tol": self.tol, "max_iter": self.max_iter}
        if self.solver == "split":
            return split_path(problem, space.U, space.s, lams, **stop)
        solve = accelerated_path if self.solver == "fista" else admm_path
        return solve(problem, lams, **stop)


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
