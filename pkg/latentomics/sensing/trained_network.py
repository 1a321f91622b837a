"""Base of the decoders that train one network, in any units."""

import math
from dataclasses import KW_ONLY

import pandas as pd
import torch

from latentomics.params import (
    InPrecision,
    OnDevice,
    Seeded,
    not_negative,
    optional,
    positive,
    share,
    whole,
    widths,
)
from latentomics.solvers.networks import (
    Network,
    check_loss,
    one_pass,
    split_rows,
    watched,
)


def mse_loss(X_hat, X):
    """Return the mean squared difference of two tensors of equal shape."""
    return (X_hat - X).square().mean()


class TrainedNetwork(Seeded, OnDevice, InPrecision, dtype="float32"):
    """Base of the decoders that train a network from inputs to targets."""

    _: KW_ONLY
    hidden: tuple = widths((500, 500, 500))
    """Widths of the hidden layers."""
    learning_rate: float = positive(1e-3)
    """Initial rate of AdamW; decays to 0 along a cosine."""
    weight_decay: float = not_negative(1e-5)
    """Times the current rate: the fraction by which each step shrinks the weights."""
    batch_size: int | None = optional(whole(128))
    """Samples per step; None uses all."""
    max_epochs: int = whole(200)
    """Passes over the samples."""
    validation_fraction: float = share(0.1, below=1)
    """Fraction of samples held out; the weights with the lowest loss on them are kept.
    With 0, the last weights."""

    def _learn(
        self, pair, inputs, targets, n, draw, *, loss=mse_loss, clip=None, progress=None
    ):
        """Return a network from inputs to targets in any units, and set `history_`.

        Both are centred and scaled in float64; only the training uses the `dtype` of
        the model. Losses in the history are as `loss` returns them, but in squared
        units of the targets for :func:`mse_loss`.

        Parameters
        ----------
        pair : callable
            (index tensor, whether to train) -> inputs and targets of those rows.
        inputs, targets : tensors, rows = samples
            Data that define the centres and scales.
        n : int
            Number of rows, split into training and held-out rows.
        draw : torch.Generator
        loss : callable, default=mse_loss
            (outputs, targets) -> number to minimise.
        clip : float, optional
            Largest norm of the gradient.
        progress : callable, optional
            Like ``tqdm.auto.tqdm``; called with an iterable and `total`.
        """
        entry = inputs.mean(0).double(), spread(inputs, 0).double()
        leave = targets.mean(0).double(), spread(targets).double()
        sizes = [inputs.shape[1], *self.hidden, targets.shape[1]]
        like = targets.new_empty(0, dtype=getattr(torch, self.dtype))
        network = Network.start(sizes, draw).learnable(like)

        def mean_loss(rows, training):
            given, wanted = pair(rows, training)
            answer = network(((given - entry[0]) / entry[1]).to(like))
            return loss(answer + leave[0] / leave[1], wanted / leave[1])

        rows, held = split_rows(n, self.validation_fraction, draw)
        best = self._train(network, mean_loss, rows, held, draw, clip, progress)
        if loss is mse_loss:
            self.history_[["loss", "validation"]] *= float(leave[1]) ** 2
        best = best.mapped(torch.Tensor.double)
        return best.fold_entry(*entry).fold_leave(*leave)

    def _respond(self, inputs):
        """Return the outputs of the fitted network, tensors."""
        return Network.restored(self.layers_, device=self.device)(inputs)

    def _train(self, network, loss, rows, held, draw, clip=None, progress=None):
        """Train by AdamW [1], with the rate decaying to 0 along a cosine [2].

        Parameters
        ----------
        network : Network
            Learnable; its weights are changed in place.
        loss : callable
            (index tensor, whether to train) -> mean loss of those rows.
        rows, held : index tensors
            Training and validation rows.
        draw, clip, progress
            See :meth:`_learn`.

        Returns
        -------
        Network
            With the lowest loss on `held`; with none held out, of the last epoch.

        Raises
        ------
        FloatingPointError
            If a loss stops being a finite number.

        References
        ----------
        [1] Loshchilov & Hutter (2019). ICLR. arXiv:1711.05101.
        [2] Loshchilov & Hutter (2017). ICLR. arXiv:1608.03983.
        """
        move = torch.optim.AdamW(
            network.weights,
            self.learning_rate,
            weight_decay=self.weight_decay,
            fused=True,
        )
        cool = torch.optim.lr_scheduler.CosineAnnealingLR(move, self.max_epochs)
        best, least, history = None, math.inf, []
        # not `iterate`: the rate falls to 0 at a set epoch, so no earlier one ends it
        for epoch in watched(self.max_epochs, progress):
            mean = one_pass(
                move, lambda some: loss(some, True), rows, self.batch_size, draw, clip
            )
            cool.step()
            check_loss(mean, epoch)
            with torch.no_grad():
                score = float(loss(held, False)) if len(held) else math.nan
            if score <= least or not len(held):
                best, least = network.mapped(lambda M: M.detach().clone()), score
            history.append({"epoch": epoch, "loss": mean, "validation": score})
        check_loss(least if len(held) else 0.0, self.max_epochs)
        self.history_ = pd.DataFrame(history)
        return best


def spread(X, *axis):
    """Return the SD of each column, or their RMS without `axis`; 0 becomes 1."""
    s = X.var(0, correction=0)
    s = s.sqrt() if axis else s.mean().sqrt()
    return torch.where(s > 0, s, 1.0)
