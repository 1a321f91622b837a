"""A network that refines the output of another decoder."""

from dataclasses import KW_ONLY

import numpy as np
import torch
from sklearn.base import clone

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.params import flag, parameter, whole
from latentomics.sensing.base import MeasurementDecoder, check_decoder
from latentomics.sensing.linear import LinearMMSE
from latentomics.sensing.mlp import noise_root, noisy
from latentomics.sensing.trained_network import TrainedNetwork


class StackedDecoder(MeasurementDecoder, TrainedNetwork, max_epochs=100):
    r"""Correct the output of another decoder with a network.

    .. math:: \hat x = f_\theta(\tilde x) \quad\text{or}\quad
        \hat x = \tilde x + f_\theta(y, \tilde x), \qquad
        \tilde x = \mathrm{decode}(y)

    (book: ``eq-stack``), with :math:`f_\theta` trained on squared error, on noisy
    measurements. The first form is the stack of the paper [1], there with SMAF; the
    second, with `residual`, learns only the residual, and also sees the measurements.
    For the stack as trained there, use :class:`RegressorDecoder` with a decoder.

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

    decoder: object = parameter(None, kind="Decoder, optional", check=check_decoder)
    """Anything with ``fit(X)`` and ``decode(Y, A, noise)``, such as a
    :class:`DictionaryDecoder`; by default :class:`LinearMMSE`."""
    _: KW_ONLY
    residual: bool = flag(True)
    """Whether the network learns the residual instead of the profile itself."""
    n_copies: int = whole(16)
    """Copies of each sample, each measured with its own noise."""

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
        X, A = self._read(X, A, noise)
        self.A_, self.noise_ = A, float(noise)
        draw = generator(self.random_state)
        self.decoder_ = clone(self.decoder or LinearMMSE(device=self.device)).fit(X)
        given, wanted = self._pairs(X, draw)
        entry, leave = given.mean(axis=(0, 1)), wanted.mean(axis=(0, 1))
        given = self._tensor(given - entry, self.dtype)
        wanted = self._tensor(wanted - leave, self.dtype)

        def pair(rows, training):
            copies = torch.zeros(len(rows), dtype=torch.long)
            if training:
                copies = torch.randint(len(given), (len(rows),), generator=draw)
            return given[copies, rows], wanted[copies, rows]

        flat = given.flatten(0, 1), wanted.flatten(0, 1)
        network = self._learn(pair, *flat, len(X), draw, progress=progress)
        entry, leave = self._tensor(entry), self._tensor(leave)
        network = network.fold_entry(entry, torch.ones_like(entry))
        self.layers_ = network.fold_leave(leave, 1.0).arrays
        return self

    def _pairs(self, X, draw):
        """Return inputs and targets of the network, (n_copies, n_samples, ...)."""
        root = as_tensor(noise_root(self.A_, self.noise_), device="cpu")
        Y = as_tensor(X @ self.A_.T, device="cpu").repeat(self.n_copies, 1, 1)
        Y = as_numpy(noisy(Y, root, draw))
        rows = Y.reshape(-1, Y.shape[2])
        guess = self.decoder_.decode(rows, self.A_, self.noise_)
        guess = guess.reshape(self.n_copies, *X.shape)
        given = np.concatenate([Y, guess], axis=2) if self.residual else guess
        wanted = X - guess if self.residual else np.broadcast_to(X, guess.shape)
        return given, wanted

    def _decode(self, Y):
        guess = self.decoder_.decode(Y, self.A_, self.noise_)
        given = np.hstack([Y, guess]) if self.residual else guess
        return as_numpy(self._respond(self._tensor(given))) + guess * self.residual
