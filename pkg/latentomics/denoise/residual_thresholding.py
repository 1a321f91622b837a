"""Deep factorization that ignores large residuals and restores them afterwards."""

import numpy as np
import torch

from latentomics.arrays import as_mask, as_numpy
from latentomics.base import check_choice, check_positive
from latentomics.denoise.deep_factorization import DeepFactorizationBase
from latentomics.denoise.enriched import enriched_spikes, group_masks
from latentomics.denoise.scaling import noise_level
from latentomics.linalg import clip
from latentomics.matrices import as_table, check_shape

MODES = ("in_loop", "post", "clamp")
KEEPS = ("all", "enriched", "abrupt", "none")
ABRUPT = 3  # robust standard deviations above the median change of the seen entries


class ResidualThresholdedDMF(DeepFactorizationBase):
    r"""Correct a gappy matrix, but return its strong deviations as measured.

    RT-DMF [1]: a deep factorization L explains what many drugs and cell lines
    share; an entry with a residual of at least `eta` is a spike, and is not
    corrected away (book: ``eq-residual-threshold``):

    .. math::
        C_{ij} = \begin{cases} X_{ij} & |X_{ij} - L_{ij}| \ge \eta \\
        L_{ij} & \text{otherwise} \end{cases}

    Setting :math:`L_{ij}` to :math:`X_{ij}` *inside* the training loop, as the paper
    says, gives such an entry a residual and a gradient of 0; so "in_loop" trains on the
    trimmed loss :math:`\tfrac12 \min(r^2, \eta^2)` (book: ``eq-trimmed-loss``). The
    baselines are "post", which the text of the paper amounts to, and "clamp", as in the
    authors' code after a loop that cuts the whole gradient.

    Parameters
    ----------
    eta : float, default=2.0
        :math:`\eta > 0` in scaled units (see `scale` of
        :class:`DeepMatrixFactorization`): the smallest residual of a spike. The default
        is in standard deviations of a drug between lines; with ``scale=None``, give a
        few times the noise, in the units of `X`.
    mode : {"in_loop", "post", "clamp"}, default="in_loop"
        Trim during training; or train on squared loss and restore spikes afterwards;
        or, afterwards, only move L to within `eta` of X.
    keep : {"all", "enriched", "abrupt", "none"}, default="all"
        Which spikes return to the output. "enriched" keeps a drug's spikes of one sign
        that are enriched in a group of cell lines (step iii of the paper; see
        :func:`latentomics.denoise.enriched.enriched_spikes`), and needs the `groups` of
        `fit`. "abrupt", the paper's fallback without groups, keeps those whose fitted
        value once changed unusually fast in one iteration; it separates spikes from
        noise poorly, and is included to show this.
    line_axis : {0, 1}, default=0
        The axis of `X` that holds the cell lines; the other holds the drugs, each
        scaled by ``scale="mad"`` and tested by "enriched".
    fdr : float, default=0.05
        Tolerated false discovery rate; with "enriched" only.
    hidden, eta_unit, scale, init, init_scale, optimizer, learning_rate, weight_decay
        As in :class:`DeepMatrixFactorization`.
    validation_fraction, scoring, patience, look_every, tol, max_iter
        As in :class:`DeepMatrixFactorization`.
    n_starts, random_state, device, dtype
        As in :class:`DeepMatrixFactorization`.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        L, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        C, in the units of `X`, gaps filled; kept entries are X, with "clamp" minus
        the residual clipped at the bound, rounded to `dtype`.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        The spikes returned to the output.
    enrichment_ : DataFrame
        With "enriched": one row per drug, sign and group, with observed and expected
        hits, and the p and q values.
    change_ : ndarray of shape (n_samples, n_features)
        With "abrupt": the largest change of the fit in one iteration, units of `X`.
    factors_ : list of ndarray
        M1 ... MN, in scaled units. With several starts, `factors_`,
        `validation_error_`, `trace_` and `change_` are those of the start with the
        lowest validation error.
    noise_ : float
        Robust standard deviation of the residuals of the fitted entries, in scaled
        units.
    validation_error_ : ndarray of shape (n_looks,)
        The `scoring` error on the held-out entries at each look, in scaled units.
    trace_ : Trace
        Objective (in scaled units) and gap at each look, iterations until it stopped,
        and why. The factors are those of the best look, which may come earlier.

    Raises
    ------
    ValueError
        In `fit`: a parameter outside its allowed range, `X` with a row or a column
        without data, an `eta` that trims over half of the entries, or `groups` that are
        not one label for each line.

    References
    ----------
    [1] Hu, Yu, Chen, Yeh, Chen & Huang (2025). Brief Bioinform, RT-DMF.
    """

    def __init__(
        self,
        eta=2.0,
        *,
        mode="in_loop",
        keep="all",
        line_axis=0,
        fdr=0.05,
        hidden=(100,),
        eta_unit="scaled",
        scale="mad",
        init="balanced",
        init_scale=1e-3,
        optimizer="adam",
        learning_rate=3e-4,
        weight_decay=0.0,
        validation_fraction=0.1,
        scoring="mae",
        patience=10,
        look_every=20,
        tol=1e-4,
        max_iter=5000,
        n_starts=1,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.eta, self.eta_unit, self.mode = eta, eta_unit, mode
        self.keep, self.line_axis, self.fdr = keep, line_axis, fdr
        self.hidden, self.scale = hidden, scale
        self.init, self.init_scale = init, init_scale
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction, self.scoring = validation_fraction, scoring
        self.patience, self.look_every = patience, look_every
        self.tol, self.max_iter = tol, max_iter
        self.n_starts, self.random_state = n_starts, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None, *, validation=None, groups=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, marks the measured entries
        held out to decide when to stop. `groups`, for ``keep="enriched"``, holds the
        group of each cell line, such as its tissue; a table of several columns (tissue,
        subtype) tests the groups of each. Missing labels belong to no group. Named
        labels are matched to the names of a DataFrame.
        """
        self._check()
        self._check_eta()
        check_choice("mode", self.mode, MODES)
        check_choice("keep", self.keep, KEEPS)
        masks = self._check_enrichment(X, groups)
        loss = "trimmed" if self.mode == "in_loop" else "squared"
        given = {"line_axis": self.line_axis, "abrupt": self.keep == "abrupt"}
        fit = self._train(X, validation, loss, **given)
        residual = torch.where(fit.seen, fit.X - fit.L, 0)
        unit = self.noise_ if self.eta_unit == "noise" else 1
        bound = self.eta * unit * fit.units.spread
        spikes = fit.seen & (residual.abs() >= bound)  # else a bound of 0 includes gaps
        kept = spikes & self._worth_keeping(fit, residual, spikes, masks)
        back = fit.X - clip(residual, bound) if self.mode == "clamp" else fit.X
        self.low_rank_ = self._rounded(fit.L)
        self.corrected_ = self._rounded(torch.where(kept, back, fit.L))
        self.kept_ = as_numpy(kept)
        return self

    def _check_enrichment(self, X, groups):
        """Return the masks of the groups; raise errors before the fit, not after it."""
        check_choice("line_axis", self.line_axis, (0, 1))
        check_positive(fdr=self.fdr)
        if self.fdr >= 1:
            raise ValueError(f"fdr must be below 1; got {self.fdr!r}")
        if self.keep != "enriched":
            return None
        X = as_table(X)
        check_shape(X)
        return group_masks(groups, self._lines(X))

    def _lines(self, X):
        """Return the names that `X` has for the cell lines, or their number."""
        if hasattr(X, "columns"):
            return (X.index, X.columns)[self.line_axis]
        return int(np.shape(X)[self.line_axis])

    def _worth_keeping(self, fit, residual, spikes, masks):
        """Return a mask of where a spike may return to the output."""
        if self.keep == "enriched":
            signs = as_numpy(torch.where(spikes, residual.sign(), 0))
            kept, self.enrichment_ = self._enriched(signs, as_numpy(fit.seen), masks)
            return as_mask(kept, device=self.device)
        if self.keep == "abrupt":
            change = fit.change[fit.seen]
            usual = change.median() + ABRUPT * noise_level(change - change.median())
            self.change_ = as_numpy(fit.change * fit.units.spread)
            return fit.change > usual
        return torch.full_like(spikes, self.keep == "all")

    def _enriched(self, signs, seen, masks):
        if self.line_axis == 1:  # drugs in the rows, as the test expects
            return enriched_spikes(signs, seen, masks, fdr=self.fdr)
        kept, tests = enriched_spikes(signs.T, seen.T, masks, fdr=self.fdr)
        return kept.T, tests
