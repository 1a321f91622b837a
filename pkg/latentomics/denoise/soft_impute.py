"""Matrix completion by repeated singular-value shrinkage."""

from dataclasses import KW_ONLY

import torch

from latentomics.base import Denoiser
from latentomics.linalg import nuclear_norm, svt
from latentomics.params import flag, positive
from latentomics.solvers import iterate, proximal_gradient


class SoftImpute(Denoiser):
    r"""Fill the gaps of a matrix with its best nuclear-norm fit.

    .. math:: \min_Z \tfrac12 \|P_\Omega(X - Z)\|_F^2 + \lambda \|Z\|_*

    :math:`P_\Omega` keeps the measured entries. Derived in the book at
    ``eq-soft-impute``; the plain update is Algorithm 1 of [1].

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        :math:`\hat Z`, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        Same as `low_rank_`: this method replaces every entry.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        All False: no entry is returned as measured.
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: `lam` not positive, or `X` has a row or column without data.

    References
    ----------
    [1] Mazumder, Hastie & Tibshirani (2010). JMLR 11:2287-2322.
    [2] Beck & Teboulle (2009). SIAM J Imaging Sci 2:183-202.
    """

    lam: float = positive(1.0)
    r""":math:`\lambda > 0`, in the units of `X`: subtracted from every singular value.
    Above the largest singular value of the zero-filled `X`, the fit is 0."""
    _: KW_ONLY
    accelerate: bool = flag(True)
    """Add Nesterov's momentum [2]: far fewer steps to the same answer, but the
    objective may rise at some of them. Without momentum it never rises."""

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        Entries marked in `validation`, a boolean mask, are not fitted.
        """
        X, fitted, _ = self._read(X, validation)
        X = torch.where(fitted, X, 0)

        def objective(Z):  # eq-soft-impute
            misfit = torch.where(fitted, X - Z, 0).square().sum() / 2
            return misfit + self.lam * nuclear_norm(Z)

        def step(Z):  # eq-soft-impute-step
            return svt(torch.where(fitted, X, Z), self.lam)

        start = torch.zeros_like(X)
        if self.accelerate:
            Z, self.trace_ = proximal_gradient(
                lambda Z: torch.where(fitted, Z - X, 0),
                lambda Z: svt(Z, self.lam),
                start,
                objective,
                tol=self.tol,
                max_iter=self.max_iter,
            )
        else:
            Z, self.trace_ = iterate(
                step, start, objective, tol=self.tol, max_iter=self.max_iter
            )
        self._store(Z)
        return self
