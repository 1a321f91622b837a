"""Low rank plus sparse, exactly: principal component pursuit with gaps."""

from dataclasses import KW_ONLY

import torch

from latentomics.base import Denoiser
from latentomics.denoise.nuclear_ball import first_step
from latentomics.linalg import nuclear_norm, soft_threshold, svt
from latentomics.params import not_negative, positive
from latentomics.solvers import admm


class RobustPCA(Denoiser, max_iter=2000):
    r"""Split a gappy matrix into a low-rank and a sparse part without remainder.

    Principal component pursuit [1], with the gaps free (book: ``eq-robust-pca``):

    .. math::
        \min_{L, S} \|L\|_* + \tfrac{\tau}{\sqrt{\max(n, p)}} \|P_\Omega(S)\|_1
        \quad \text{with} \quad P_\Omega(L + S) = P_\Omega(X)

    solved by ADMM [2] with a copy Z of L and :math:`S = P_\Omega(X - Z)`. Unlike the
    usual inexact augmented Lagrangian, whose penalty only grows, it ends at the
    optimum. The model has no room for noise: what is not low rank must be sparse.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        :math:`\hat L`, in the units of `X`, gaps filled.
    sparse_ : ndarray of shape (n_samples, n_features)
        :math:`\hat S`; exactly 0 in most entries, and in the gaps.
    corrected_ : ndarray of shape (n_samples, n_features)
        ``low_rank_ + sparse_``: `X` where it is fitted, to within `tol`.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        Where ``sparse_`` is not 0.
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: `tau` not positive, or `X` has a row or column without data.

    References
    ----------
    [1] Candes, Li, Ma & Wright (2011). J ACM 58(3):11.
    [2] Boyd, Parikh, Chu, Peleato & Eckstein (2011). Found Trends Mach Learn 3:1-122.
    """

    tau: float = positive(1.0)
    r""":math:`\tau > 0`, no units. 1 is the choice of [1] for a random sparse part;
    a smaller value makes more entries sparse."""
    _: KW_ONLY
    tol: float = not_negative(1e-5)
    """Stop once both relative residuals of ADMM are at most `tol`. No units."""

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        Entries marked in `validation`, a boolean mask, are treated as gaps.
        """
        X, fitted, _ = self._read(X, validation)
        X = torch.where(fitted, X, 0)
        price = self.tau / max(X.shape) ** 0.5

        def explain(A, t):  # shrink X - Z; gaps cost nothing
            return torch.where(fitted, X - soft_threshold(X - A, price * t), A)

        def sparse(Z):
            return torch.where(fitted, X - Z, 0)

        def objective(L, Z):  # eq-robust-pca
            return nuclear_norm(L) + price * sparse(Z).abs().sum()

        L, Z, self.trace_ = admm(
            svt,
            explain,
            X,
            objective,
            step=first_step(X),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self._store(L, spikes=sparse(Z))
        return self
