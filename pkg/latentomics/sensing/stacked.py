"""A network that refines the output of another decoder."""

import numpy as np
import torch
from sklearn.base import clone

from latentomics.arrays import as_numpy, as_tensor, generator, randn
from latentomics.base import check_choice, check_whole
from latentomics.sensing.base import Decoder, MeasurementDecoder
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mlp import fit_map, mse_loss, noise_root, spread
from latentomics.sensing.networks import (
    check_training,
    fold_entry,
    fold_leave,
    respond,
    restored,
    stored,
)


class StackedDecoder(MeasurementDecoder):
    r"""Correct the output of another decoder with a network.

    .. math:: \hat x = f_\theta(\tilde x) \quad\text{or}\quad
        \hat x = \tilde x + f_\theta(y, \tilde x), \qquad
        \tilde x = \mathrm{decode}(y)

    (book: ``eq-stack``), with :math:`f_\theta` trained on squared error, on noisy
    measurements. The first form is the stack of the paper [1], there with SMAF; the
    second, with `residual`, learns only the residual, and also sees the measurements.
    For the stack as trained there, use :class:`RegressorDecoder` with a decoder.

    Parameters
    ----------
    decoder : Decoder, optional
        Anything with ``fit(X)`` and ``decode(Y, A, noise)``, such as a
        :class:`DictionaryDecoder`; by default :class:`LinearMMSE`.
    residual : bool, default=True
        Whether the network learns the residual instead of the profile itself.
    n_copies : int, default=16
        Copies of each sample, each measured with its own noise.
    hidden : tuple of int, default=(500, 500, 500)
        Widths of the hidden layers.
    learning_rate : float, default=1e-3
        Initial rate of AdamW; decays to 0 along a cosine.
    weight_decay : float, default=1e-5
        Times the current rate: the fraction by which each step shrinks the weights.
    batch_size : int or None, default=128
        Samples per step; None uses all.
    max_epochs : int, default=100
        Passes over the samples.
    validation_fraction : float, default=0.1
        Fraction of samples held out; the weights with the lowest loss on them are kept.
        With 0, the last weights.
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

    Attributes
    ----------
    decoder_ : Decoder
        Fitted to all samples.
    layers_ : list of ndarray
        Weights and offset of each layer in turn.
    history_ : DataFrame
        `epoch`, `loss`, `validation`, in squared units of `X`.
    A_ : ndarray of shape (n_measurements, n_features)
    noise_ : float
        As given to `fit`.
    n_measurements_ : int

    Raises
    ------
    ValueError
        In `fit`: if a parameter is out of range.
    FloatingPointError
        In `fit`: if the loss is no longer finite.

    References
    ----------
    [1] Obbad, Fehmiu & Hankamer (2019). Generating Whole Transcriptomic Profiles Using
        Compressed Sensing and Machine Learning.
    """

    def __init__(
        self,
        decoder=None,
        *,
        residual=True,
        n_copies=16,
        hidden=(500, 500, 500),
        learning_rate=1e-3,
        weight_decay=1e-5,
        batch_size=128,
        max_epochs=100,
        validation_fraction=0.1,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.decoder, self.residual = decoder, residual
        self.n_copies, self.hidden = n_copies, hidden
        self.learning_rate = learning_rate
        self.weight_decay, self.batch_size = weight_decay, batch_size
        self.max_epochs, self.validation_fraction = max_epochs, validation_fraction
        self.random_state, self.device, self.dtype = random_state, device, dtype

    def fit(self, X, A, noise=0.0, *, progress=None):
        """Fit to profiles `X`, (n_samples, n_features), measured with `A`.

        Parameters
        ----------
        X, A
            As in :meth:`Decoder.decode`.
        noise : float, default=0.0
            Variance of the noise of each gene in each sample.
        progress : callable, optional
            Like ``tqdm.auto.tqdm``; called with an iterable and `total`.
        """
        X, A = self._read_checked(X, A, noise)
        self.A_ = A.copy()
        self.noise_ = float(noise)
        draw = generator(self.random_state)
        self.decoder_ = own_decoder(self.decoder, LinearMMSE(device=self.device)).fit(X)
        pairs = self._pairs(X, draw)
        centres = [M.mean(axis=(0, 1)) for M in pairs]
        given, wanted = (
            as_tensor(M - centre, device=self.device, dtype=self.dtype)
            for M, centre in zip(pairs, centres, strict=True)
        )

        def pair(rows, training):
            copies = torch.zeros(len(rows), dtype=torch.long)
            if training:
                copies = torch.randint(len(given), (len(rows),), generator=draw)
            return given[copies, rows], wanted[copies, rows]

        flat = given.flatten(0, 1), wanted.flatten(0, 1)
        layers, self.history_ = fit_map(
            self, pair, *flat, len(X), mse_loss, draw, progress=progress
        )
        self.history_[["loss", "validation"]] *= float(spread(flat[1])) ** 2
        entry, leave = restored(centres, device=self.device)
        layers = fold_entry(layers, entry, torch.ones_like(entry))
        self.layers_ = stored(fold_leave(layers, leave, 1.0))
        return self

    def _read_checked(self, X, A, noise):
        check_training(self)
        check_choice("residual", self.residual, (True, False))
        check_whole(n_copies=self.n_copies)
        return self._read(X, A, noise)

    def _pairs(self, X, draw):
        """Return inputs and targets of the network, (n_copies, n_samples, ...)."""
        root = as_tensor(noise_root(self.A_, self.noise_), device="cpu")
        Y = as_tensor(X @ self.A_.T, device="cpu").repeat(self.n_copies, 1, 1)
        Y = as_numpy(Y + randn(*Y.shape, generator=draw, like=Y) @ root.T)
        rows = Y.reshape(-1, Y.shape[2])
        guess = self.decoder_.decode(rows, self.A_, self.noise_)
        guess = guess.reshape(self.n_copies, *X.shape)
        given = np.concatenate([Y, guess], axis=2) if self.residual else guess
        wanted = X - guess if self.residual else np.broadcast_to(X, guess.shape)
        return given, wanted

    def _decode(self, Y):
        guess = self.decoder_.decode(Y, self.A_, self.noise_)
        given = np.hstack([Y, guess]) if self.residual else guess
        layers = restored(self.layers_, device=self.device)
        answer = respond(layers, as_tensor(given, device=self.device))
        return as_numpy(answer) + guess * self.residual


def own_decoder(decoder, default):
    """Return an unfitted clone of `decoder`, or `default` if it is None.

    Raises
    ------
    ValueError
        If `decoder` is not a :class:`Decoder`.
    """
    if decoder is not None and not isinstance(decoder, Decoder):
        raise ValueError(
            f"decoder must be an estimator with decode(Y, A, noise); got {decoder!r}"
        )
    return default if decoder is None else clone(decoder)
