"""The matrix of least nuclear norm in a band around the data."""

from dataclasses import KW_ONLY

import torch

from latentomics.base import Denoiser
from latentomics.linalg import nuclear_norm, svt
from latentomics.params import not_negative, positive
from latentomics.solvers import admm

STEP = 0.1  # first threshold on singular values, as a share of the largest


def first_step(X):
    """Return the initial step of ADMM, which balancing then adapts."""
    return STEP * torch.linalg.matrix_norm(X, 2).clamp(min=torch.finfo(X.dtype).tiny)


class NuclearNormBall(Denoiser, max_iter=2000):
    r"""Find the matrix of least nuclear norm within `eps` of every measured entry.

    .. math:: \min_L \|L\|_* \quad \text{with} \quad |L_{ij} - X_{ij}| \le \epsilon
        \text{ on } \Omega

    The baseline that the RT-DMF paper calls MF (book: ``eq-nuclear-ball``), solved by
    ADMM [1] with the split :math:`L = Z`, Z in the band.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        :math:`\hat L`, in the units of `X`, gaps filled; exactly in the band.
    corrected_ : ndarray of shape (n_samples, n_features)
        Same as `low_rank_`: this method replaces every entry.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        All False.
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: `eps` not positive, or `X` has a row or column without data.

    References
    ----------
    [1] Boyd, Parikh, Chu, Peleato & Eckstein (2011). Found Trends Mach Learn 3:1-122.
    """

    eps: float = positive(0.1)
    r""":math:`\epsilon > 0`, in the units of `X`."""
    _: KW_ONLY
    tol: float = not_negative(1e-5)
    """Stop once both relative residuals of ADMM are at most `tol`. No units."""

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        Entries marked in `validation`, a boolean mask, are not fitted.
        """
        X, fitted, _ = self._read(X, validation)
        low = torch.where(fitted, X - self.eps, -torch.inf)
        high = torch.where(fitted, X + self.eps, torch.inf)
        X = torch.where(fitted, X, 0)

        def into_band(A, t):  # entries inside it stay unchanged
            return A.clamp(low, high)

        _, L, self.trace_ = admm(
            svt,
            into_band,
            X,
            lambda L, Z: nuclear_norm(Z),
            step=first_step(X),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self._store(L)
        return self
