"""Features in as many coordinates as there are lines: nothing that counts is lost."""

from dataclasses import dataclass

import torch

# Squares of singular values come from a Gram matrix with an error of eps times the
# largest; a direction below this many eps is rounding, not data.
ROUNDING = 100


@dataclass
class SampleSpace:
    r"""The singular vectors of centred features, :math:`X_c = U \Sigma Q^\top`.

    Weights of least squares with a penalty on their singular values lie in the span
    of the lines, :math:`W = Q A` (book: ``eq-sample-space``), and :math:`\|W\|_* =
    \|A\|_*`; so r = rank(X) < n_samples coordinates do instead of n_features.
    """

    mean: torch.Tensor  # (p,)
    centred: torch.Tensor  # (n, p)
    U: torch.Tensor  # (n, r), orthonormal
    s: torch.Tensor  # (r,), decreasing

    @property
    def basis(self):
        """Coordinates of the lines, shape (n, r): :math:`U \\Sigma`."""
        return self.U * self.s

    def lift(self, A):
        """Return weights of the features, shape (p, ...), for coordinates `A`."""
        return self.centred.T @ ((self.U / self.s) @ A)

    def coordinates(self, W):
        """Return the coordinates A of weights W = Q A, undoing :meth:`lift`."""
        return (self.U / self.s).T @ (self.centred @ W)

    def project(self, X):
        """Return the coordinates of other lines, shape (n_new, r)."""
        return (X - self.mean) @ self.centred.T @ (self.U / self.s)


def sample_space(X):
    """Return the :class:`SampleSpace` of `X`, a tensor of shape (n, p)."""
    mean = X.mean(dim=0)
    centred = X - mean
    wide = centred.shape[0] <= centred.shape[1]
    gram = centred @ centred.T if wide else centred.T @ centred
    squares, V = torch.linalg.eigh(gram)
    floor = ROUNDING * torch.finfo(X.dtype).eps * squares[-1] * len(squares)
    alive = squares > floor.clamp(min=0)
    s = squares[alive].flip(0).sqrt()
    V = V[:, alive].flip(1)
    U = V if wide else centred @ V / s
    return SampleSpace(mean, centred, U, s)

