"""A network that maps measurements to profiles."""

from dataclasses import KW_ONLY

import numpy as np
import torch

from latentomics.arrays import as_numpy, generator, randn
from latentomics.params import one_of, widths
from latentomics.sensing.base import MeasurementDecoder
from latentomics.sensing.trained_network import TrainedNetwork, mse_loss
from latentomics.solvers.networks import Network

RCOND = 1e-6  # eigenvalues below this fraction of the largest count as 0
CLIP = 1.0  # largest gradient norm for 1 - r, which is unbounded as outputs shrink


def pearson_loss(X_hat, X):
    r"""Return 1 minus the mean correlation between corresponding rows.

    .. math:: 1 - \frac1n \sum_i
        \frac{\langle \hat x_i - \bar{\hat x}_i, x_i - \bar x_i \rangle}
        {\|\hat x_i - \bar{\hat x}_i\| \|x_i - \bar x_i\|}

    (book: ``eq-pearson-loss``). A constant row counts as correlation 0.
    """
    return 1 - (unit_shape(X_hat) * unit_shape(X)).sum(dim=1).mean()


def unit_shape(X):
    """Return rows with mean 0 and length 1; a constant row becomes 0."""
    X = X - X.mean(dim=1, keepdim=True)
    return X / X.norm(dim=1, keepdim=True).clamp(min=torch.finfo(X.dtype).tiny)


LOSSES = {"mse": mse_loss, "pearson": pearson_loss}


class MLPDecoder(MeasurementDecoder, TrainedNetwork):
    r"""Learn a network that maps measurements to profiles.

    .. math:: \min_\theta \; \frac{1}{n g} \sum_i
        \| x_i - f_\theta(A (x_i + e_i)) \|^2

    over fully connected layers with ReLU between them, with noise :math:`e_i` redrawn
    at each step. The other loss (book: ``eq-pearson-loss``) sees only the shape of a
    profile, so its mean and its distance from that mean are estimated from the
    measurements by least squares afterwards. The paper [1] could not train it: its
    gradient is unbounded as outputs shrink. Here outputs start at the mean profile, and
    the gradient is clipped to norm 1.

    The network as trained in the paper is the default of :class:`RegressorDecoder`.

    Attributes
    ----------
    layers_ : list of ndarray
        Weights and offset of each layer in turn, for measurements and profiles in
        their original units.
    history_ : DataFrame
        `epoch`, `loss`, `validation`: in squared units of `X`, or 1 - r.
    sizes_ : list of ndarray
        With loss "pearson", weights and offset of the linear map from measurements to
        the mean of a profile and to its distance from that mean; otherwise empty.
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

    hidden: tuple = widths((500, 500, 500))
    _: KW_ONLY
    loss: str = one_of(LOSSES, "mse")

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
        root, X, Y = map(self._tensor, (noise_root(A, noise), X, X @ A.T))
        draw = generator(self.random_state)
        calm = noisy(Y, root, draw)  # held-out samples keep their noise

        def pair(rows, training):
            given = noisy(Y[rows], root, draw) if training else calm[rows]
            return given, X[rows]

        loss, clip = LOSSES[self.loss], CLIP if self.loss == "pearson" else None
        network = self._learn(
            pair, calm, X, len(X), draw, loss=loss, clip=clip, progress=progress
        )
        self.layers_, self.sizes_ = network.arrays, []
        if self.loss == "pearson":
            self.sizes_ = list(map(as_numpy, self._sizes(X, Y, calm, root)))
        return self

    def _sizes(self, X, Y, calm, root):
        """Return the map from measurements to level and spread, and its offset.

        Noise adds to the covariance of the measurements, not to their covariance with
        the profiles.
        """
        shape = unit_shape(self._respond(calm))
        wanted = torch.stack([X.mean(1), (X * shape).sum(1)], dim=1)
        centred = Y - Y.mean(0)
        C = centred.T @ centred / len(Y) + root @ root.T
        cross = centred.T @ (wanted - wanted.mean(0)) / len(Y)
        coef = torch.linalg.pinv(C, rtol=RCOND, hermitian=True) @ cross
        return coef, wanted.mean(0) - Y.mean(0) @ coef

    def _decode(self, Y):
        Y = self._tensor(Y)
        X = self._respond(Y)
        if self.loss == "pearson":
            linear = Network.restored(self.sizes_, device=self.device)
            level, size = linear(Y).T[..., None]
            X = level + size.clamp(min=0) * unit_shape(X)
        return as_numpy(X)


def noise_root(A, noise):
    """Return R with R R' = `noise` A A', the covariance of the noise as measured."""
    values, vectors = np.linalg.eigh(noise * (A @ A.T))
    return vectors * np.sqrt(values.clip(min=0))


def noisy(Y, root, draw):
    """Return measurements with noise of covariance `root` `root`'."""
    return Y + randn(*Y.shape, generator=draw, like=Y) @ root.T
