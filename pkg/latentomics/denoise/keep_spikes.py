"""Returning strong deviations from a low-rank fit as they were measured."""

from dataclasses import KW_ONLY

import numpy as np
from sklearn.base import clone

from latentomics.arrays import as_mask, as_numpy, as_tensor, in_dtype
from latentomics.base import Denoiser, GappyMatrixEstimator
from latentomics.denoise.enriched import enriched_spikes, group_masks
from latentomics.denoise.losses import ETA_UNITS, Bounded
from latentomics.denoise.scaling import measured_noise, robust_units
from latentomics.matrices import as_table, check_shape
from latentomics.params import one_of, parameter, positive, share

KEEPS = ("all", "enriched", "none")


class SpikeKeeper(GappyMatrixEstimator):
    """Base: fit the model of `_model()`, then let spikes of at least `eta` return."""

    _: KW_ONLY
    eta_unit: str = one_of(ETA_UNITS, "scaled")
    r"""Units of `eta`: scaled units (see `scale`), or robust standard deviations of the
    residuals of the fitted entries, :math:`1.4826\,\mathrm{med}|r|` (book:
    ``eq-noise-units``)."""
    keep: str = one_of(KEEPS, "all")
    """Which spikes return to the output. With "enriched", a drug's spikes of one sign
    that are enriched in a group of cell lines (see
    :func:`latentomics.denoise.enriched.enriched_spikes`); requires `groups` in
    `fit`."""
    fdr: float = share(0.05, above=0, below=1)
    """Tolerated false discovery rate; with "enriched" only."""

    def fit(self, X, y=None, *, validation=None, groups=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks measured entries to hold
        out of the fit. `groups`, for ``keep="enriched"``, holds the group of each row,
        such as its tissue; a table of several columns (tissue, subtype) tests the
        groups of each. Missing labels belong to no group. Named labels are matched to
        the names of a DataFrame.
        """
        self._check_parameters()
        Bounded(self.eta, self.eta_unit).check()
        masks = self._read_groups(X, groups)
        X, table = self._checked(X), X
        self.model_ = self._model().fit(table, validation=validation)
        self.low_rank_ = self.model_.low_rank_
        self.kept_ = self._worth_keeping(X, self._spikes(X), masks)
        given = np.where(self.kept_, X, self.low_rank_)
        self.corrected_ = in_dtype(given, self.low_rank_.dtype.name)
        return self

    @property
    def trace_(self):
        """The :class:`Trace` of the model."""
        return self.model_.trace_

    def _read_groups(self, X, groups):
        """Return the masks of the groups; raise errors before the fit, not after it."""
        if self.keep != "enriched":
            if groups is not None:
                raise ValueError(
                    'groups must be None unless keep="enriched"; got groups with '
                    f"keep={self.keep!r}"
                )
            return None
        X = as_table(X)
        check_shape(X)
        return group_masks(groups, X.index if hasattr(X, "index") else np.shape(X)[0])

    def _spikes(self, X):
        """Return a mask of the measured entries with a residual of at least `eta`."""
        model = self.model_
        X, L = (as_tensor(M, device=model.device) for M in (X, self.low_rank_))
        fitted = as_mask(model._fitted, device=model.device)
        units = robust_units(X, fitted, self.scale)
        R = ((X - L) / units.spread).abs()
        scaled, before = units.apply(X), X / units.spread
        dtype = self.low_rank_.dtype.name
        self.noise_ = measured_noise(R[fitted], scaled, before, dtype)
        bound = self.eta * (self.noise_ if self.eta_unit == "noise" else 1)
        return as_numpy(R >= bound)  # False in the gaps

    def _worth_keeping(self, X, spikes, masks):
        """Return a mask of the spikes that return to the output."""
        if self.keep == "enriched":
            signs = np.where(spikes, np.sign(X - self.low_rank_), 0)
            given = signs.T, ~np.isnan(X).T, masks
            kept, self.enrichment_ = enriched_spikes(*given, fdr=self.fdr)
            return kept.T
        return spikes & (self.keep == "all")


def _denoiser(name, value):
    if not isinstance(value, Denoiser):
        raise ValueError(f"{name} must be a denoising estimator; got {value!r}")


class KeepSpikes(SpikeKeeper):
    r"""Correct a gappy matrix by any low-rank fit, but keep its strong deviations.

    An entry whose residual is at least :math:`\eta` is a spike, and may return to the
    output as measured (book: ``eq-residual-threshold``):

    .. math::
        C_{ij} = \begin{cases} X_{ij} & |X_{ij} - L_{ij}| \ge \eta \\
        L_{ij} & \text{otherwise} \end{cases}

    With a :class:`DeepMatrixFactorization` with the trimmed loss at the same
    :math:`\eta`, this is :class:`ResidualThresholdedDMF`; with the squared loss, it is
    what the text of its paper amounts to [1]. Rows are cell lines, columns drugs.

    Attributes
    ----------
    model_ : the fitted denoising estimator
    low_rank_ : ndarray of shape (n_samples, n_features)
        L, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        C, in the units of `X`, gaps filled; kept entries are X, rounded to the type
        of L.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        The spikes returned to the output.
    noise_ : float
        Robust standard deviation of the residuals of the fitted entries, in scaled
        units.
    enrichment_ : DataFrame
        With "enriched": one row per drug, sign and group, with observed and expected
        hits, and the p and q values.
    trace_ : Trace
        Of the model.

    Raises
    ------
    ValueError
        In `fit`: as for the model; or a parameter is out of its range, or `groups` are
        not one label for each row.

    References
    ----------
    [1] Hu, Yu, Chen, Yeh, Chen & Huang (2025). Brief Bioinform, RT-DMF.
    """

    model: object = parameter(kind="denoising estimator", check=_denoiser)
    """A clone of it is fitted; see `model_`."""
    eta: float = positive(2.0)
    r""":math:`\eta`, the smallest residual of a spike, in units of `eta_unit`. It does
    not change the fit, so held-out entries cannot choose it."""
    _: KW_ONLY
    scale: str | None = one_of(("mad", None), "mad")
    """What counts as 1 in scaled units: 1.4826 times the median absolute deviation of
    each column, or with None the unit of `X`."""

    def _model(self):
        return clone(self.model)
