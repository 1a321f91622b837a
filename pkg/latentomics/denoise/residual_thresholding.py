"""Deep factorization that leaves large residuals alone and gives them back."""

import torch

from latentomics.arrays import as_numpy
from latentomics.base import check_choice, check_positive
from latentomics.denoise.deep_factorization import DeepFactorizationBase
from latentomics.linalg import clip

MODES = ("in_loop", "post", "clamp")
KEEPS = ("all", "none")


class ResidualThresholdedDMF(DeepFactorizationBase):
    r"""Correct a gappy matrix, but return its strong deviations as measured.

    RT-DMF [1]: a deep factorization L explains what many drugs and cell lines
    share; an entry with a residual of at least `eta` is a spike, and is not
    corrected away (book: ``eq-residual-threshold``):

    .. math::
        C_{ij} = \begin{cases} X_{ij} & |X_{ij} - L_{ij}| \ge \eta \\
        L_{ij} & \text{otherwise} \end{cases}

    Setting :math:`L_{ij}` to :math:`X_{ij}` *inside* the training loop, as the paper
    says, gives such an entry a residual and a gradient of 0; so "in_loop" trains on
    the trimmed loss :math:`\tfrac12 \min(r^2, \eta^2)` (book: ``eq-trimmed-loss``).
    The authors' code cuts the whole gradient there instead; "post" is what then
    remains of it, and is here as the rival.

    Parameters
    ----------
    eta : float, default=2.0
        :math:`\eta > 0` in scaled units (see `scale` of
        :class:`DeepMatrixFactorization`): the residual from which on an entry is a
        spike. The default counts standard deviations of a drug between lines; with
        ``scale=None`` give it in the units of `X`, a few times the noise.
    mode : {"in_loop", "post", "clamp"}, default="in_loop"
        Trim during the training; or train on squared loss and put spikes back
        after it; or, after it, only move L to within `eta` of X.
    keep : {"all", "none"}, default="all"
        Which spikes return to the output.
    hidden, scale, init, init_scale, optimizer, learning_rate, weight_decay
        As in :class:`DeepMatrixFactorization`.
    validation_fraction, scoring, patience, look_every, tol, max_iter, random_state
        As in :class:`DeepMatrixFactorization`.
    device, dtype
        As in :class:`DeepMatrixFactorization`.

    Attributes
    ----------
    low_rank_ : ndarray of shape (n_samples, n_features)
        L, in the units of `X`.
    corrected_ : ndarray of shape (n_samples, n_features)
        C, in the units of `X`, gaps filled; what was kept is X, rounded to `dtype`.
    kept_ : ndarray of bool of shape (n_samples, n_features)
        The spikes that returned.
    factors_ : list of ndarray
        M1 ... MN, in scaled units.
    validation_error_ : ndarray of shape (n_looks,)
        The `scoring` error on the entries held out at each look, in scaled units.
    trace_ : Trace
        Objective (in scaled units) and gap at each look, iterations until it stopped,
        and why. The factors are those of the best look, which may come earlier.

    Raises
    ------
    ValueError
        In `fit`: a parameter outside what is allowed, `X` with a row or a column
        without data, or an `eta` that trims over half of the entries at the start.

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
        hidden=(100,),
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
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.eta, self.mode, self.keep = eta, mode, keep
        self.hidden, self.scale = hidden, scale
        self.init, self.init_scale = init, init_scale
        self.optimizer, self.learning_rate = optimizer, learning_rate
        self.weight_decay = weight_decay
        self.validation_fraction, self.scoring = validation_fraction, scoring
        self.patience, self.look_every = patience, look_every
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None, *, validation=None):
        """Fit to `X` of shape (n_samples, n_features); NaN marks a gap.

        `validation`, a boolean mask of the shape of `X`, says which measured entries
        are held out to decide when to stop.
        """
        self._check()
        check_positive(eta=self.eta)
        check_choice("mode", self.mode, MODES)
        check_choice("keep", self.keep, KEEPS)
        loss = "trimmed" if self.mode == "in_loop" else "squared"
        X, seen, L, units = self._train(X, validation, loss, self.eta)
        residual = torch.where(seen, X - L, 0)
        bound = self.eta * units.spread
        kept = (residual.abs() >= bound) & (self.keep == "all")
        back = X - clip(residual, bound) if self.mode == "clamp" else X
        self.low_rank_ = as_numpy(L)
        self.corrected_ = as_numpy(torch.where(kept, back, L))
        self.kept_ = as_numpy(kept)
        return self
