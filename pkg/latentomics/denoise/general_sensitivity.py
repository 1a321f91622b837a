"""Removing a cell line's general sensitivity to all drugs."""

import torch

from latentomics.arrays import as_numpy
from latentomics.base import Denoiser
from latentomics.params import one_of
from latentomics.solvers import iterate

LOADINGS = ("equal", "fitted")


class GeneralSensitivity(Denoiser, tol=1e-8):
    r"""Remove the factor by which some cell lines respond to all drugs alike.

    Each drug is standardized to mean 0 and variance 1 over its measured lines; the
    result is split into a general part of rank one and a specific remainder (book:
    ``eq-general-sensitivity``):

    .. math:: \min_{u, v} \sum_\Omega (Z_{ij} - u_i v_j)^2

    With equal loadings, :math:`v_j = 1` and :math:`u_i` is the mean over the drugs
    measured on line i. General levels of sensitivity are described in [1].

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        Mean of each drug plus its general part, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        Mean of each drug plus its specific part, in the units of `X`; a gap holds the
        mean, since its specific part is unknown.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        All False.
    sensitivity_ : ndarray of shape (n_samples,)
        :math:`u`, in standard deviations of a drug.
    loadings_ : ndarray of shape (n_features,)
        :math:`v`, with mean square 1.
    trace_ : Trace
        Objective and gap at each look.

    Raises
    ------
    ValueError
        In `fit`: `X` has a row or a column without data.

    References
    ----------
    [1] Geeleher, Cox & Huang (2016). Genome Biol 17:190.
    """

    loadings: str = one_of(LOADINGS, "equal")
    """Give every drug the same loading, or fit :math:`v` by least squares."""

    _has_units = False

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features), rows = cell lines.

        NaN marks a gap; entries marked in `validation`, a boolean mask, are not fitted.
        """
        X, fitted, held = self._read(X, validation, "float64")
        mean, spread, Z = _standardized(X, fitted)
        Z = Z.to(getattr(torch, self.dtype))
        weight, least = fitted.to(Z), torch.finfo(Z.dtype).tiny  # against 0 / 0

        def line_levels(v):  # least squares for u
            return (Z @ v) / (weight @ v.square()).clamp(min=least)

        def step(v):  # least squares for v, then its size moves into u
            u = line_levels(v)
            v = (Z.T @ u) / (weight.T @ u.square()).clamp(min=least)
            return v / v.square().mean().sqrt().clamp(min=least)

        def objective(v):  # eq-general-sensitivity
            general = torch.outer(line_levels(v), v)
            return torch.where(fitted, Z - general, 0).square().sum()

        v = torch.ones_like(Z[0])
        step = step if self.loadings == "fitted" else torch.clone
        v, self.trace_ = iterate(
            step, v, objective, tol=self.tol, max_iter=self.max_iter
        )
        u = line_levels(v)
        general = spread * torch.outer(u, v)
        self._store(mean + general)
        specific = torch.where(fitted | held, X - mean - general, 0)
        self.corrected_ = self._rounded(mean + specific)
        self.sensitivity_, self.loadings_ = as_numpy(u), as_numpy(v)
        return self


def _standardized(X, fitted):
    """Return each column's mean and spread, and `X` standardized, 0 in the gaps."""
    count = fitted.sum(dim=0)
    mean = torch.where(fitted, X, 0).sum(dim=0) / count
    low = torch.where(fitted, X, torch.inf).amin(dim=0)
    high = torch.where(fitted, X, -torch.inf).amax(dim=0)
    # test the range: rounding leaves a constant drug a spread of 1e-17
    Z = torch.where(fitted & (low < high), X - mean, 0)
    size = torch.where(low < high, high - low, 1)  # so that squares do not underflow
    spread = (Z / size).square().sum(dim=0).div(count).sqrt()
    spread = torch.where(low < high, size * spread, 1)
    return mean, spread, Z / spread
