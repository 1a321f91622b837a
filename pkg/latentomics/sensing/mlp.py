"""A network that maps measurements to profiles."""

import numpy as np
import torch

from latentomics.arrays import as_numpy, as_tensor, generator, randn
from latentomics.base import check_choice
from latentomics.sensing.base import MeasurementDecoder
from latentomics.sensing.networks import (
    check_training,
    fold_entry,
    fold_leave,
    learnable,
    respond,
    restored,
    split_rows,
    start_layers,
    stored,
    train,
)

RCOND = 1e-6  # eigenvalues below this fraction of the largest count as 0
CLIP = 1.0  # largest gradient norm for 1 - r, which is unbounded as outputs shrink


def mse_loss(X_hat, X):
    """Return the mean squared difference of two tensors of equal shape."""
    return (X_hat - X).square().mean()


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


class MLPDecoder(MeasurementDecoder):
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

    Parameters
    ----------
    hidden : tuple of int, default=(500, 500, 500)
        Widths of the hidden layers.
    loss : {"mse", "pearson"}, default="mse"
    learning_rate : float, default=1e-3
        Initial rate of AdamW; decays to 0 along a cosine.
    weight_decay : float, default=1e-5
        Times the current rate: the fraction by which each step shrinks the weights.
    batch_size : int or None, default=128
        Samples per step; None uses all.
    max_epochs : int, default=200
        Passes over the samples.
    validation_fraction : float, default=0.1
        Fraction of samples held out; the weights with the lowest loss on them are kept.
        With 0, the last weights.
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float32"

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

    def __init__(
        self,
        hidden=(500, 500, 500),
        *,
        loss="mse",
        learning_rate=1e-3,
        weight_decay=1e-5,
        batch_size=128,
        max_epochs=200,
        validation_fraction=0.1,
        random_state=0,
        device="auto",
        dtype="float32",
    ):
        self.hidden, self.loss, self.learning_rate = hidden, loss, learning_rate
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
        check_training(self)
        check_choice("loss", self.loss, LOSSES)
        X, A = self._read(X, A, noise)
        root, X, Y = (
            as_tensor(M, device=self.device) for M in (noise_root(A, noise), X, X @ A.T)
        )
        draw = generator(self.random_state)
        calm = _noisy(Y, root, draw)  # held-out samples keep their noise

        def pair(rows, training):
            given = _noisy(Y[rows], root, draw) if training else calm[rows]
            return given, X[rows]

        layers, self.history_ = fit_map(
            self,
            pair,
            calm,
            X,
            len(X),
            LOSSES[self.loss],
            draw,
            clip=CLIP if self.loss == "pearson" else None,
            progress=progress,
        )
        if self.loss == "mse":
            self.history_[["loss", "validation"]] *= float(spread(X)) ** 2
        self.layers_ = stored(layers)
        self.sizes_ = []
        if self.loss == "pearson":
            self.sizes_ = stored(self._sizes(X, Y, calm, root))
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

    def _respond(self, Y):
        return respond(restored(self.layers_, device=self.device), Y)

    def _decode(self, Y):
        Y = as_tensor(Y, device=self.device)
        X = self._respond(Y)
        if self.loss == "pearson":
            sizes = restored(self.sizes_, device=self.device)
            level, size = respond(sizes, Y).T[..., None]
            X = level + size.clamp(min=0) * unit_shape(X)
        return as_numpy(X)


def noise_root(A, noise):
    """Return R with R R' = `noise` A A', the covariance of the noise as measured."""
    values, vectors = np.linalg.eigh(noise * (A @ A.T))
    return vectors * np.sqrt(values.clip(min=0))


def _noisy(Y, root, draw):
    return Y + randn(*Y.shape, generator=draw, like=Y) @ root.T


def fit_map(model, pair, inputs, targets, n, loss, draw, *, clip=None, progress=None):
    """Train a network from inputs to targets in any units.

    Both are centred and scaled in float64; only the network uses the `dtype` of the
    model.

    Parameters
    ----------
    model : estimator
        With the parameters checked by :func:`check_training`, and `dtype`.
    pair : callable
        (index tensor, whether to train) -> inputs and targets of those rows.
    inputs, targets : tensors, rows = samples
        Data that define the centres and scales.
    n : int
        Number of rows, split into training and held-out rows.
    loss : callable
        (outputs, targets) -> number to minimise.
    draw : torch.Generator
    clip, progress
        As in :func:`train`.

    Returns
    -------
    list of tensor, DataFrame
        The network, in float64, and its history, with losses of targets divided by
        their `spread`.
    """
    entry, leave = (
        (inputs.mean(0).double(), spread(inputs, 0).double()),
        (targets.mean(0).double(), spread(targets).double()),
    )
    sizes = [inputs.shape[1], *model.hidden, targets.shape[1]]
    like = targets.new_empty(0, dtype=getattr(torch, model.dtype))
    weights = learnable(start_layers(sizes, draw), like)

    def mean_loss(rows, training):
        given, wanted = pair(rows, training)
        answer = respond(weights, ((given - entry[0]) / entry[1]).to(like))
        return loss(answer + leave[0] / leave[1], wanted / leave[1])

    weights, history = train(
        weights,
        mean_loss,
        *split_rows(n, model.validation_fraction, draw),
        learning_rate=model.learning_rate,
        weight_decay=model.weight_decay,
        batch_size=model.batch_size,
        max_epochs=model.max_epochs,
        draw=draw,
        clip=clip,
        progress=progress,
    )
    weights = [M.double() for M in weights]
    return fold_leave(fold_entry(weights, *entry), *leave), history


def spread(X, *axis):
    """Return the SD of each column, or their RMS without `axis`; 0 becomes 1."""
    s = X.var(0, correction=0)
    s = s.sqrt() if axis else s.mean().sqrt()
    return torch.where(s > 0, s, 1.0)
