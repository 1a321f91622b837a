"""Low rank plus sparse, by shrinking singular values of a robust fit."""

import torch

from latentomics.base import Denoiser
from latentomics.linalg import clip, huber, nuclear_norm, soft_threshold, svt
from latentomics.params import positive
from latentomics.solvers import proximal_gradient


class StablePCP(Denoiser):
    r"""Split a gappy matrix into low rank, sparse spikes and small noise.

    Stable principal component pursuit [1] with gaps (book: ``eq-stable-pcp``):

    .. math::
        \min_{L, S} \tfrac12 \|P_\Omega(X - L - S)\|_F^2
        + \lambda \|L\|_* + \gamma \|S\|_1

    Minimising over S leaves the nuclear norm plus Huber's loss (book:
    ``eq-stable-pcp-huber``), which accelerated proximal gradient minimises over L:

    .. math:: \min_L \sum_{\Omega} h_\gamma(X - L) + \lambda \|L\|_*

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        :math:`\hat L`, in the units of `X`, gaps filled.
    sparse_ : ndarray of shape (n_samples, n_features)
        :math:`\hat S`: the part of each residual beyond `gamma`; 0 in the gaps.
    corrected_ : ndarray of shape (n_samples, n_features)
        ``low_rank_ + sparse_``: spikes are restored, shrunk by `gamma`.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        Where ``sparse_`` is not 0.
    trace_ : Trace
        Objective and gap at each look, iterations used, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: `lam` or `gamma` not positive, or `X` has a row or column without
        data.

    References
    ----------
    [1] Zhou, Li, Wright, Candes & Ma (2010). IEEE ISIT, 1518-1522.
    """

    lam: float = positive(1.0)
    r""":math:`\lambda`, in the units of `X`: subtracted from every singular value."""
    gamma: float = positive(0.1)
    r""":math:`\gamma`, in the units of `X`: the largest residual that counts as
    noise. What exceeds it is a spike."""

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        Entries marked in `validation`, a boolean mask, are not fitted.
        """
        X, fitted, held = self._read(X, validation)
        seen = fitted | held

        def residual(L, where):
            return torch.where(where, X - L, 0)

        def objective(L):  # eq-stable-pcp-huber
            loss = huber(residual(L, fitted), self.gamma).sum()
            return loss + self.lam * nuclear_norm(L)

        L, self.trace_ = proximal_gradient(
            lambda L: -clip(residual(L, fitted), self.gamma),
            lambda L: svt(L, self.lam),
            torch.zeros_like(X),
            objective,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self._store(L, spikes=soft_threshold(residual(L, seen), self.gamma))
        return self
