"""Deep factorization that ignores large residuals and restores them afterwards."""

from dataclasses import KW_ONLY, fields

from latentomics.denoise.deep_factorization import (
    DeepMatrixFactorization,
    FactorizationSettings,
)
from latentomics.denoise.keep_spikes import SpikeKeeper
from latentomics.denoise.losses import Trimmed
from latentomics.params import positive, widths


class ResidualThresholdedDMF(FactorizationSettings, SpikeKeeper):
    r"""Correct a gappy matrix, but return its strong deviations as measured.

    RT-DMF [1]: a deep factorization L explains what many drugs and cell lines
    share; an entry with a residual of at least `eta` is a spike, and is not
    corrected away (book: ``eq-residual-threshold``):

    .. math::
        C_{ij} = \begin{cases} X_{ij} & |X_{ij} - L_{ij}| \ge \eta \\
        L_{ij} & \text{otherwise} \end{cases}

    Setting :math:`L_{ij}` to :math:`X_{ij}` *inside* the training loop, as the paper
    says, gives such an entry a residual and a gradient of 0: training is on the trimmed
    loss :math:`\tfrac12 \min(r^2, \eta^2)` (book: ``eq-trimmed-loss``). So this is
    :class:`KeepSpikes` around a :class:`DeepMatrixFactorization` with that loss; use
    these two to set what is not a parameter here. Rows are cell lines, columns drugs.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        L, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        C, in the units of `X`, gaps filled; kept entries are X, rounded to the type
        of L.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        The spikes returned to the output.
    enrichment_ : DataFrame
        With "enriched": one row per drug, sign and group, with observed and expected
        hits, and the p and q values.
    noise_ : float
        Robust standard deviation of the residuals of the fitted entries, in scaled
        units.
    model_ : DeepMatrixFactorization
        The fitted factorization.
    validation_error_ : ndarray of shape (n_looks,)
        Of the factorization, like `factors_`.
    factors_ : list of ndarray
    trace_ : Trace

    Raises
    ------
    ValueError
        In `fit`: a parameter outside its allowed range, `X` with a row or a column
        without data, an `eta` that trims over half of the entries, or `groups` that are
        not one label for each row.

    References
    ----------
    [1] Hu, Yu, Chen, Yeh, Chen & Huang (2025). Brief Bioinform, RT-DMF.
    """

    eta: float = positive(2.0)
    r""":math:`\eta`, the smallest residual of a spike, in units of `eta_unit`. The
    default is in standard deviations of a drug between lines; with ``scale=None``, give
    a few times the noise, in the units of `X`."""
    _: KW_ONLY
    hidden: tuple = widths((100,))
    """Inner sizes, as in :class:`DeepMatrixFactorization`."""

    def _model(self):
        loss = Trimmed(self.eta, self.eta_unit)
        model = DeepMatrixFactorization(self.hidden, loss=loss)
        for each in fields(FactorizationSettings):
            setattr(model, each.name, getattr(self, each.name))
        return model

    @property
    def factors_(self):
        """M1 ... MN, in scaled units."""
        return self.model_.factors_

    @property
    def validation_error_(self):
        """The error on the held-out entries at each look, in scaled units."""
        return self.model_.validation_error_
