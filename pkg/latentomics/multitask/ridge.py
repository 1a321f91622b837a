"""Ridge regression per drug, for all drugs and penalties at once."""

import numpy as np
import torch

from latentomics.checks import check_positive, check_whole, grid_points
from latentomics.multitask.regressor import LinearRegressor
from latentomics.multitask.sample_space import SampleSpacePath, read_problem
from latentomics.params import InPrecision, OnDevice, positive


class RidgePerTask(LinearRegressor, OnDevice, InPrecision):
    r"""Ridge regression of each drug on all features, over its measured lines.

    .. math::
        \min_{w_t, b_t} \; \tfrac12 \|P_t (y_t - X w_t - b_t 1)\|^2
        + \tfrac{\lambda}{2} \|w_t\|^2

    Solved exactly in the sample space (book: ``eq-ridge``), where one
    eigendecomposition [1] for each pattern of measured lines serves every penalty.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features, n_tasks)
        In units of Y per unit of X.
    intercept_ : ndarray of shape (n_tasks,)
        In units of Y.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or `lam` is not positive.

    References
    ----------
    [1] Hoerl & Kennard (1970). Technometrics 12:55-67.
    """

    lam: float = positive(1.0)
    r""":math:`\lambda`, in squared units of X."""

    per_task = True

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        path = self._solve(X, Y)
        self.coef_, self.intercept_ = path.coef([0]), path.intercept([0])
        return self

    def fit_path(self, X, Y, grid=None):
        """Fit with many penalties.

        Parameters
        ----------
        X, Y
            As in `fit`.
        grid : list of dict, optional
            Each ``{"multiple": m}``, lam as a multiple m of the sum of squares of the
            centred `X` over n_lines - 1, the mean squared singular value if features
            outnumber lines; by default :func:`ridge_grid`.

        Returns
        -------
        SampleSpacePath
        """
        grid = (
            ridge_grid()
            if grid is None
            else grid_points(grid, ["multiple"], exactly=True)
        )
        for point in grid:
            check_positive(**point)
        return self._solve(X, Y, grid).of(self)

    def _solve(self, X, Y, grid=None):
        """Return the path over a grid; without one, the fit at `lam` as a path."""
        X, Y = self._read(X, Y)
        space, problem = read_problem(X, Y, device=self.device, dtype=self.dtype)
        typical = float(space.s.square().sum() / max(len(space.U) - 1, 1))
        typical = typical or 1.0  # 0 if all lines have the same features
        points = [{"lam": self.lam}]
        if grid is not None:
            points = [p | {"lam": p["multiple"] * typical} for p in grid]
        ridges = Ridges(problem)
        zero = problem.basis.T @ torch.zeros_like(problem.Y)
        coords = [ridges.solve(zero, point["lam"]) for point in points]
        intercepts = [problem.intercept(A) for A in coords]
        return SampleSpacePath(points, space, coords, intercepts)


def ridge_grid(n_lams=30, largest=100.0, smallest=0.01):
    """Return the default grid of :class:`RidgePerTask`.

    Parameters
    ----------
    n_lams : int, default=30
    largest, smallest : float, default=100.0, 0.01
        Multiples as in :meth:`RidgePerTask.fit_path`; evenly spaced on the log scale.

    Returns
    -------
    list of dict
    """
    check_whole(n_lams=n_lams)
    check_positive(largest=largest, smallest=smallest)
    return [{"multiple": float(m)} for m in np.geomspace(largest, smallest, n_lams)]


class Ridges:
    r"""Ridge problems of all drugs; drugs measured on the same lines share one.

    One eigendecomposition per pattern of measured lines, :math:`n_t \times n_t` or d x
    d, whichever is smaller (book: ``eq-woodbury``), serves every penalty.

    Parameters
    ----------
    problem : TraceNormProblem
    """

    def __init__(self, problem):
        patterns, group = torch.unique(problem.seen.T, dim=0, return_inverse=True)
        self.parts = []
        for number, pattern in enumerate(patterns):
            drugs = (group == number).nonzero()[:, 0]
            B = problem.basis[pattern]
            B = B - B.mean(dim=0)
            dual = B.shape[0] < B.shape[1]  # then n_t x n_t instead of d x d
            squares, V = torch.linalg.eigh(B @ B.T if dual else B.T @ B)
            self.parts.append(
                (drugs, B, B.T @ problem.Y[pattern][:, drugs], squares, V, dual)
            )

    def solve(self, centre, rho):
        """Minimise each drug's loss plus rho / 2 ||w - centre||^2."""
        W = torch.empty_like(centre)
        for drugs, B, BY, squares, V, dual in self.parts:
            right = BY + rho * centre[:, drugs]
            inverse = (squares.clamp(min=0) + rho)[:, None]
            if dual:
                inner = V @ ((V.T @ (B @ right)) / inverse)
                W[:, drugs] = (right - B.T @ inner) / rho
            else:
                W[:, drugs] = V @ ((V.T @ right) / inverse)
        return W
