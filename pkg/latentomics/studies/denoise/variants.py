"""The deep factorization with the starts and optimizers that it was chosen from."""

from itertools import pairwise

import torch
from torch.optim.sgd import sgd as torch_sgd

from latentomics.arrays import randn
from latentomics.checks import check_choice
from latentomics.denoise.chain import balanced_start
from latentomics.denoise.deep_factorization import DeepMatrixFactorization
from latentomics.denoise.optimizers import adam

MOMENTUM = 0.9  # of "sgd", as in the paper


def VariantDMF(*given, init="balanced", optimizer="adam", **settings):
    """Return a factorization with another start, or with other steps.

    Parameters
    ----------
    *given, **settings
        As for :class:`DeepMatrixFactorization`.
    init : {"balanced", "gaussian", "identity"}, default="balanced"
        Orthonormal factors; or entries drawn independently, as published, of which
        `init_scale` is the standard deviation; or a balanced start without chance.
    optimizer : {"adam", "sgd"}, default="adam"
        Both use the full gradient; "sgd" has momentum 0.9.

    Returns
    -------
    estimator
        Can be cloned, but not pickled.
    """
    check_choice("init", init, STARTS)
    check_choice("optimizer", optimizer, OPTIMIZERS)

    class Variant(DeepMatrixFactorization):
        _start_factors = staticmethod(STARTS[init])
        _optimizer = staticmethod(OPTIMIZERS[optimizer])

    return Variant(*given, **settings)


def _gaussian_start(sizes, scale, generator):
    """Draw factors whose entries have standard deviation `scale`."""
    like = torch.empty(0, dtype=torch.float64)
    return [
        scale * randn(a, b, generator=generator, like=like) for a, b in pairwise(sizes)
    ]


def _identity_start(sizes, scale, generator):
    """Return the balanced factors that need no draw."""
    share = scale ** (1 / (len(sizes) - 1))
    return [share * torch.eye(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]


def _sgd(tensors, *, learning_rate, weight_decay):
    """Start gradient descent with momentum and coupled weight decay, as `adam` does."""
    velocity = [None for _ in tensors]  # torch fills in the first gradients

    def move(gradients):
        torch_sgd(
            tensors,
            gradients,
            velocity,
            fused=True,
            lr=learning_rate,
            weight_decay=weight_decay,
            momentum=MOMENTUM,
            dampening=0,
            nesterov=False,
            maximize=False,
        )

    return move


STARTS = {
    "balanced": balanced_start,
    "gaussian": _gaussian_start,
    "identity": _identity_start,
}
OPTIMIZERS = {"adam": adam, "sgd": _sgd}
