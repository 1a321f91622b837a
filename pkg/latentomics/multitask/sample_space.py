"""Features in at most as many coordinates as there are lines, without loss."""

from dataclasses import dataclass

import numpy as np
import torch

from latentomics.arrays import as_mask, as_numpy, as_tensor
from latentomics.multitask.problem import TraceNormProblem
from latentomics.multitask.regressor import FeaturePath

# Squares of singular values come from a Gram matrix with an error of eps times the
# largest; a direction below this many eps is rounding, not data.
ROUNDING = 100


@dataclass
class SampleSpace:
    r"""The singular vectors of centred features, :math:`X_c = U \Sigma Q^\top`.

    Weights of least squares with a penalty on their singular values lie in the span
    of the lines, :math:`W = Q A` (book: ``eq-sample-space``), and :math:`\|W\|_* =
    \|A\|_*`; so r coordinates, the rank of the centred X, replace n_features.
    """

    mean: torch.Tensor  # (p,), float64
    centred: torch.Tensor  # (n, p)
    U: torch.Tensor  # (n, r), orthonormal
    s: torch.Tensor  # (r,), decreasing

    @property
    def basis(self):
        r"""Coordinates of the lines, shape (n, r): :math:`U \Sigma`."""
        return self.U * self.s

    def lift(self, A):
        """Return weights of the features, shape (p, ...), for coordinates `A`."""
        return self.centred.T @ ((self.U / self.s) @ A)

    def coordinates(self, W):
        """Return the coordinates A of weights W = Q A, undoing :meth:`lift`."""
        return (self.U / self.s).T @ (self.centred @ W)

    def project(self, X):
        """Return the coordinates of other lines, shape (n_new, r)."""
        return (X - self.mean).to(self.s) @ self.centred.T @ (self.U / self.s)


def sample_space(X, dtype=torch.float64):
    """Return the :class:`SampleSpace` of `X`, a float64 tensor of shape (n, p).

    All but the mean are of `dtype`: casting before centring would lose digits.
    """
    mean = X.mean(dim=0)
    centred = (X - mean).to(dtype)
    wide = centred.shape[0] <= centred.shape[1]
    gram = centred @ centred.T if wide else centred.T @ centred
    squares, V = torch.linalg.eigh(gram)
    floor = ROUNDING * torch.finfo(dtype).eps * squares[-1] * len(squares)
    alive = squares > floor.clamp(min=0)
    s = squares[alive].flip(0).sqrt()
    V = V[:, alive].flip(1)
    U = V if wide else centred @ V / s
    return SampleSpace(mean, centred, U, s)


def read_problem(X, Y, *, device, dtype):
    """Return the sample space of `X` and the problem of predicting `Y` in it.

    A line on which nothing was measured says nothing about the weights, and is left
    out.

    Parameters
    ----------
    X, Y : ndarrays of shape (n, p), (n, T)
        Checked; NaN in `Y` is a gap.

    Returns
    -------
    SampleSpace, TraceNormProblem
    """
    seen = ~np.isnan(Y)
    rows = seen.any(axis=1)
    rows = slice(None) if rows.all() else rows  # no copy of a large X
    space = sample_space(as_tensor(X[rows], device=device), getattr(torch, dtype))
    Y = as_tensor(np.nan_to_num(Y[rows]), device=device)
    return space, TraceNormProblem(space.basis, Y, as_mask(seen[rows], device=device))


@dataclass
class SampleSpacePath(FeaturePath):
    """Weights at every point of a grid, in the coordinates of the fitted lines."""

    points: list  # of dict
    space: SampleSpace
    coords: list  # of tensors (r, T)
    intercepts: list  # of float64 tensors (T,), for centred features

    def predict(self, X):
        """Return predictions, shape (n_points, n_lines, n_tasks)."""
        X = as_tensor(self._features(X), device=self.space.s.device.type)
        where = self.space.project(X)
        fits = zip(self.coords, self.intercepts, strict=True)
        return as_numpy(torch.stack([where @ A + b for A, b in fits]))

    def coef(self, choice):
        """Return weights of the features, (p, T), each drug at its `choice`."""
        return as_numpy(self.space.lift(self._chosen(self.coords, choice)))

    def intercept(self, choice):
        """Return intercepts for uncentred features, (T,)."""
        A = self._chosen(self.coords, choice)
        shift = self.space.mean @ self.space.lift(A).double()
        return as_numpy(self._chosen(self.intercepts, choice) - shift)

    def _chosen(self, values, choice):
        choice = [int(c) for c in choice]
        if len(set(choice)) == 1:
            return values[choice[0]]
        columns = [values[c][..., t] for t, c in enumerate(choice)]
        return torch.stack(columns, dim=-1)
