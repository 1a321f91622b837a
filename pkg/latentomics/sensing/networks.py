"""Networks as lists of weights: initialisation, forward pass and training."""

import math
from itertools import pairwise

import pandas as pd
import torch

from latentomics.arrays import DTYPES, as_numpy, as_tensor, randn, resolve_device
from latentomics.base import (
    check_choice,
    check_not_negative,
    check_positive,
    check_whole,
)


def check_hidden(hidden):
    """Raise ValueError unless `hidden` is a tuple of widths, one per hidden layer."""
    if not isinstance(hidden, tuple | list) or not hidden:
        raise ValueError(
            "hidden must be a tuple of widths, one for each hidden layer, as in "
            f"(256, 256); got {hidden!r}"
        )
    for width in hidden:
        check_whole(hidden=width)


def check_draws(model):
    """Raise ValueError if `random_state`, `device` or `dtype` is out of range."""
    check_whole(at_least=0, random_state=model.random_state)
    resolve_device(model.device)
    check_choice("dtype", model.dtype, DTYPES)


def check_training(model):
    """Check the parameters shared by all networks trained by :func:`train`.

    Raises
    ------
    ValueError
        For `hidden`, `learning_rate`, `weight_decay`, `batch_size`, `max_epochs`,
        `validation_fraction`, or those of :func:`check_draws`.
    """
    check_hidden(model.hidden)
    check_positive(learning_rate=model.learning_rate)
    check_not_negative(weight_decay=model.weight_decay)
    check_not_negative(validation_fraction=model.validation_fraction)
    if model.validation_fraction >= 1:
        got = model.validation_fraction
        raise ValueError(f"validation_fraction must be below 1; got {got!r}")
    if model.batch_size is not None:
        check_whole(batch_size=model.batch_size)
    check_whole(max_epochs=model.max_epochs)
    check_draws(model)


def start_layers(sizes, draw, *, last=0.0):
    """Draw weights and zero offsets, layer by layer, in float64 on the CPU.

    Weights have variance 2 / inputs [1], so that signals keep their size through
    ReLU layers.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of inputs, of hidden units in each layer, and of outputs.
    draw : torch.Generator
    last : float, default=0.0
        Factor applied to the weights of the last layer; with 0, the initial output
        is 0.

    Returns
    -------
    list of tensor
        For each layer, W of shape (inputs, outputs), then its offset.

    References
    ----------
    [1] He, Zhang, Ren & Sun (2015). ICCV 1026-1034, eq. 10.
    """
    like, layers = torch.empty(0, dtype=torch.float64), []
    for inputs, outputs in pairwise(sizes):
        W = randn(inputs, outputs, generator=draw, like=like) * (2 / inputs) ** 0.5
        layers += [W, like.new_zeros(outputs)]
    layers[-2] *= last
    return layers


def respond(layers, X, slope=0.0):
    """Return the outputs of a network for the rows of `X`.

    Between layers, negative values are multiplied by `slope`; 0 gives ReLU.
    """
    for k in range(0, len(layers), 2):
        X = torch.addmm(layers[k + 1], X, layers[k])
        if k + 2 < len(layers):
            X = torch.nn.functional.leaky_relu(X, slope)
    return X


def learnable(layers, like):
    """Copy weights to the device and dtype of a tensor, ready for training."""
    return [M.detach().clone().to(like).requires_grad_() for M in layers]


def stored(layers):
    """Return weights as a list of arrays, to be stored in a model."""
    return [as_numpy(M) for M in layers]


def restored(arrays, *, device, dtype="float64"):
    """Return weights stored in a model as tensors."""
    return [as_tensor(M, device=device, dtype=dtype) for M in arrays]


def split_rows(n, fraction, draw):
    """Split `n` rows at random into training and held-out rows, two index tensors.

    At least one row is for training and, unless `fraction` is 0, one is held out.
    """
    order = torch.randperm(n, generator=draw)
    n_held = min(max(round(fraction * n), int(fraction > 0)), n - 1)
    return order[n_held:], order[:n_held]


def check_loss(value, epoch):
    """Raise FloatingPointError if a loss is not finite."""
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the loss became {value} in epoch {epoch}; check the scale of X, or take "
            "a smaller learning_rate"
        )


def one_pass(move, weights, loss, rows, *, batch_size, draw, clip=None):
    """Train for one pass over all rows, in random batches.

    Parameters
    ----------
    move : torch optimizer of `weights`
    loss : callable
        Index tensor -> mean loss of those rows.
    rows : index tensor
    batch_size : int or None
        None uses all rows at once.
    draw : torch.Generator
    clip : float, optional
        Largest norm of the gradient.

    Returns
    -------
    float
        Mean loss, with each batch evaluated before its step.
    """
    rows = rows[torch.randperm(len(rows), generator=draw)]
    total = 0.0
    for batch in rows.split(batch_size or len(rows)):
        value = loss(batch)
        gradients = torch.autograd.grad(value, weights)
        for M, G in zip(weights, gradients, strict=True):
            M.grad = G.contiguous()  # the fused step reads memory in order
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(weights, clip)
        move.step()
        total = total + value.detach() * len(batch)
    return float(total) / len(rows)


def train(
    weights,
    loss,
    rows,
    held,
    *,
    learning_rate,
    weight_decay,
    batch_size,
    max_epochs,
    draw,
    clip=None,
    progress=None,
):
    r"""Train by AdamW [1], with the rate decaying to 0 along a cosine [2].

    Parameters
    ----------
    weights : list of tensor
        From :func:`learnable`; changed in place.
    loss : callable
        (index tensor, whether to train) -> mean loss of those rows.
    rows, held : index tensors
        Training and validation rows; with none held out, the last weights are returned.
    learning_rate, weight_decay : float
        Apart from the gradient, each step also shrinks every weight by the fraction
        `learning_rate` times `weight_decay`.
    batch_size : int or None
    max_epochs : int
    draw : torch.Generator
    clip : float, optional
    progress : callable, optional
        Like ``tqdm.auto.tqdm``; called with an iterable and `total`.

    Returns
    -------
    list of tensor, DataFrame
        The weights with the lowest loss on `held`, and `epoch`, `loss`, `validation`.

    Raises
    ------
    FloatingPointError
        If a loss stops being a finite number.

    References
    ----------
    [1] Loshchilov & Hutter (2019). ICLR. arXiv:1711.05101.
    [2] Loshchilov & Hutter (2017). ICLR. arXiv:1608.03983.
    """
    given = {"lr": learning_rate, "weight_decay": weight_decay, "fused": True}
    move = torch.optim.AdamW(weights, **given)
    cool = torch.optim.lr_scheduler.CosineAnnealingLR(move, max_epochs)
    how = {"batch_size": batch_size, "draw": draw, "clip": clip}
    best, history = (math.inf, None), []
    for epoch in watched(max_epochs, progress):
        mean = one_pass(move, weights, lambda batch: loss(batch, True), rows, **how)
        cool.step()
        check_loss(mean, epoch)
        score = _score(loss, held)
        if score <= best[0] or not len(held):
            best = score, [M.detach().clone() for M in weights]
        history.append({"epoch": epoch, "loss": mean, "validation": score})
    check_loss(best[0] if len(held) else 0.0, max_epochs)
    return best[1], pd.DataFrame(history)


@torch.no_grad()
def _score(loss, held):
    return float(loss(held, False)) if len(held) else math.nan


def watched(n, progress):
    """Return 1 .. n, wrapped in `progress` if given."""
    epochs = range(1, n + 1)
    return progress(epochs, total=n) if progress else epochs


def fold_entry(layers, centre, scale):
    """Return a network that takes unscaled inputs.

    `centre` and `scale` standardised them in training, tensors of shape (n_inputs,).
    """
    W = layers[0] / scale[:, None]
    return [W, layers[1] - centre @ W, *layers[2:]]


def fold_leave(layers, centre, scale):
    """Return a network that returns outputs in the original units."""
    return [*layers[:-2], layers[-2] * scale, layers[-1] * scale + centre]
