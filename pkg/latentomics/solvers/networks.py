"""Fully connected networks: initialisation, forward pass, storage and training."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch

from latentomics.arrays import as_numpy, as_tensor, randn


class Layer(NamedTuple):
    """Outputs are inputs @ weight + offset."""

    weight: torch.Tensor  # (n_inputs, n_outputs)
    offset: torch.Tensor  # (n_outputs,)


@dataclass
class Network:
    """Layers, and between them a ReLU that multiplies negative values by `slope`.

    Not torch.nn.Sequential: torch.nn.Linear keeps weights transposed, and neither
    :meth:`fold_entry` nor storage as plain arrays would be shorter.
    """

    layers: list[Layer]
    slope: float = 0.0

    @classmethod
    def start(cls, sizes, draw, *, slope=0.0, last=0.0):
        """Draw weights and zero offsets, layer by layer, in float64 on the CPU.

        Weights have variance 2 / inputs [1], so that signals keep their size through
        ReLU layers.

        Parameters
        ----------
        sizes : sequence of int
            Numbers of inputs, of hidden units in each layer, and of outputs.
        draw : torch.Generator
        slope : float, default=0.0
        last : float, default=0.0
            Factor applied to the weights of the last layer; with 0, the initial output
            is 0.

        References
        ----------
        [1] He, Zhang, Ren & Sun (2015). ICCV 1026-1034, eq. 10.
        """
        like, layers = torch.empty(0, dtype=torch.float64), []
        for inputs, outputs in pairwise(sizes):
            W = randn(inputs, outputs, generator=draw, like=like) * (2 / inputs) ** 0.5
            layers.append(Layer(W, like.new_zeros(outputs)))
        layers[-1].weight.mul_(last)
        return cls(layers, slope)

    @classmethod
    def restored(cls, arrays, *, device, slope=0.0, dtype="float64"):
        """Return a network from its :attr:`arrays`."""
        weights = [as_tensor(M, device=device, dtype=dtype) for M in arrays]
        pairs = zip(weights[::2], weights[1::2], strict=True)
        return cls([Layer(*pair) for pair in pairs], slope)

    def __call__(self, X):
        """Return the outputs for the rows of `X`."""
        *inner, last = self.layers
        for layer in inner:
            X = torch.addmm(layer.offset, X, layer.weight)
            X = torch.nn.functional.leaky_relu(X, self.slope)
        return torch.addmm(last.offset, X, last.weight)

    @property
    def weights(self):
        """Weight and offset of each layer in turn, as an optimizer takes them."""
        return [M for layer in self.layers for M in layer]

    @property
    def arrays(self):
        """Copies of the weights, to be stored in a model."""
        return [as_numpy(M) for M in self.weights]

    def mapped(self, change):
        """Return a network with `change` applied to every weight and offset."""
        return Network(
            [Layer(*map(change, layer)) for layer in self.layers], self.slope
        )

    def learnable(self, like):
        """Copy the network to the device and dtype of a tensor, ready for training."""
        return self.mapped(lambda M: M.detach().clone().to(like).requires_grad_())

    def fold_entry(self, centre, scale):
        """Return a network that takes unscaled inputs.

        `centre` and `scale` standardised them in training, tensors of shape
        (n_inputs,).
        """
        first, *others = self.layers
        W = first.weight / scale[:, None]
        return Network([Layer(W, first.offset - centre @ W), *others], self.slope)

    def fold_leave(self, centre, scale):
        """Return a network that returns outputs in the original units."""
        *others, (W, b) = self.layers
        return Network([*others, Layer(W * scale, b * scale + centre)], self.slope)


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


def watched(n, progress):
    """Return 1 .. n, wrapped in `progress` if given."""
    epochs = range(1, n + 1)
    return progress(epochs, total=n) if progress else epochs


def descend(move, loss, clip=None):
    """Take one step of a torch optimizer down the gradient of `loss`.

    `clip` is the largest norm of the gradient.
    """
    weights = move.param_groups[0]["params"]
    # not loss.backward(), which would also reach the weights of other optimizers
    for M, G in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        M.grad = G.contiguous()  # the fused step reads memory in order
    if clip is not None:
        torch.nn.utils.clip_grad_norm_(weights, clip)
    move.step()


def one_pass(move, loss, rows, batch_size, draw, clip=None):
    """Train for one pass over all rows, in random batches.

    Parameters
    ----------
    move : torch optimizer
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
        descend(move, value, clip)
        total = total + value.detach() * len(batch)
    return float(total) / len(rows)
