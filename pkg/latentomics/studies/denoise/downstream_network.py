"""A small network from expression to response, trained on two studies in turn."""

import numpy as np
import pandas as pd
import torch

from latentomics.arrays import (
    as_mask,
    as_numpy,
    as_tensor,
    generator,
    resolve_device,
)
from latentomics.denoise.optimizers import adam
from latentomics.matrices import aligned_like, chosen, read_matrix
from latentomics.solvers import Patience, iterate
from latentomics.solvers.networks import Network
from latentomics.studies.denoise.downstream import (
    drug_mean_predictions,
    line_folds,
    rmse,
)
from latentomics.studies.denoise.line_folds import read_folds

HIDDEN = (64, 64)
DECAY = 1e-3  # of the weights, coupled
STOP = {"tol": 1e-4, "max_iter": 500, "look_every": 5}
PATIENCE = 6  # looks
RATES = 1e-3, 3e-4  # learning rates on the first study and on the second


def respond(layers, F):
    """Return the network's responses to features `F`, (n, n_drugs).

    A call of :class:`Network` would round differently from the stored results.
    """
    for k in range(0, len(layers), 2):
        F = F @ layers[k] + layers[k + 1]
        F = F.relu() if k + 2 < len(layers) else F
    return F


def train(layers, F, Y, held, *, learning_rate):
    """Train on the seen entries of `Y` in full batches; stop early by the `held` lines.

    Parameters
    ----------
    layers : list of tensor
        Where to start; not modified.
    F, Y : tensors of shape (n, n_genes) and (n, n_drugs)
        NaN in `Y` marks a gap.
    held : bool tensor of shape (n,)

    Returns
    -------
    list of tensor
        The layers with the lowest mean squared error on `held`.
    """
    layers = [M.clone().requires_grad_() for M in layers]
    move = adam(layers, learning_rate=learning_rate, weight_decay=DECAY)
    seen = ~Y.isnan()
    Y, share = Y.nan_to_num(), seen.to(F.dtype)  # a product costs less than a choice
    parts = [[M[rows] for M in (F, Y, share)] for rows in (~held, held)]
    fitted, left = [(F, Y, W / W.sum()) for F, Y, W in parts]

    def loss(layers, part=fitted):
        F, Y, share = part
        return ((respond(layers, F) - Y).square() * share).sum()

    def step(layers):
        gradients = torch.autograd.grad(loss(layers), layers)
        with torch.no_grad():
            move(list(gradients))
        return layers

    early = Patience(
        lambda layers: loss(layers, left).detach(),
        lambda layers: [M.detach().clone() for M in layers],
        looks=PATIENCE,
        moving=lambda layers: True,
    )
    iterate(step, layers, torch.no_grad()(loss), gap=early, **STOP)
    return early.best


def pretrained_predictions(F, first, second, folds, *, random_state=0, device="auto"):
    """Predict a study by a network pretrained on another.

    For each fold of the second study: train on the first study without the lines of
    that fold; give the network a new last layer, since the drugs differ; train on the
    other folds. A fifth of the lines, then the next fold, decide when to stop.

    Parameters
    ----------
    F : DataFrame of shape (n_lines, n_genes)
        Features of all lines of both studies.
    first, second : DataFrames, rows = lines, columns = drugs
        What to train on, NaN in the gaps.
    folds : int array, one entry per line of `second`
        A Series is matched to them by name.
    random_state : int, default=0
        Seed of the weights, and of the lines held out of the first training.

    Returns
    -------
    DataFrame of the shape of `second`
    """
    folds = read_folds(folds, second, "second", at_least=3)

    def tensors(Y):
        parts = chosen(F, Y.index, "F"), Y
        parts = [part.to_numpy("float64", na_value=np.nan) for part in parts]
        return [as_tensor(part, device=device) for part in parts]

    def fresh(Y):
        sizes = [F.shape[1], *HIDDEN, Y.shape[1]]
        layers = Network.start(sizes, generator(random_state)).weights
        layers[-1] += as_tensor(np.nanmean(Y, 0), device="cpu")
        return [M.to(resolve_device(device)) for M in layers]

    predicted = pd.DataFrame(np.nan, second.index, second.columns)
    for fold in range(folds.max() + 1):
        test = folds == fold
        early = first.drop(index=second.index[test], errors="ignore")
        held = line_folds(len(early), random_state=random_state) == 0
        held = as_mask(held, device=device)
        layers = train(fresh(early), *tensors(early), held, learning_rate=RATES[0])
        late, stop = second[~test], folds[~test] == (fold + 1) % (folds.max() + 1)
        layers = [*layers[:-2], *fresh(late)[-2:]]
        stop = as_mask(stop, device=device)
        layers = train(layers, *tensors(late), stop, learning_rate=RATES[1])
        test_features = tensors(second[test])[0]
        predicted[test] = as_numpy(respond(layers, test_features))
    return predicted


def threshold_table(F, versions, route, *, random_state=0, device="auto"):
    """Score the network for each correction of its studies, against two truths.

    Parameters
    ----------
    F : DataFrame of shape (n_lines, n_genes)
    versions : dict of str to dict of str to DataFrame
        Name of the correction -> study -> responses of lines in `F`; "none" holds
        them as measured.
    route : tuple of two str
        The study to train on first, and the one to tune on and to predict.
    random_state : int, default=0
        Seed of folds and weights.

    Returns
    -------
    DataFrame
        Columns `study`, the one predicted, `pretrained_on`, `eta` (the name of the
        version), `scored_on` ("measured" or "corrected"), and the RMSE of `network` and
        of `drug_mean`, on the measured cells, in the units of the study.
    """
    first, second = route
    Y, rows = versions["none"][second], []
    folds = line_folds(len(Y), random_state=random_state)
    naive = drug_mean_predictions(Y.to_numpy(), folds)
    own = {"random_state": random_state, "device": device}
    for eta, studies in versions.items():
        corrected = aligned_like(studies[second], Y, name=f"{eta!r}", by="'none'")
        guess = pretrained_predictions(F, studies[first], corrected, folds, **own)
        for judge, truth in {"measured": Y, "corrected": corrected}.items():
            left = read_matrix(truth.where(Y.notna()), "truth", gaps=True)
            row = {"study": second, "pretrained_on": first, "eta": eta}
            row |= {"scored_on": judge}
            row |= {"network": rmse(left - guess), "drug_mean": rmse(left - naive)}
            rows.append(row)
    return pd.DataFrame(rows)
