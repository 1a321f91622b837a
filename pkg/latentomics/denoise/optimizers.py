"""Torch's fused optimizers without their bookkeeping, which costs as much as a step.

Each function starts one over a list of tensors and returns a function that takes their
gradients and moves them in place. The fused kernels read memory in order, whatever the
strides say: tensors and gradients must be contiguous.
"""

import torch
from torch.optim.adam import adam as torch_adam
from torch.optim.sgd import sgd as torch_sgd

MOMENTUM = 0.9  # of "sgd", as in the paper
BETAS = {"beta1": 0.9, "beta2": 0.999}
EPS = 1e-8


def adam(factors, *, learning_rate, weight_decay):
    """Start Adam [1] with coupled decay and torch's own constants.

    References
    ----------
    [1] Kingma & Ba (2015). ICLR. arXiv:1412.6980.
    """
    mean, square = ([torch.zeros_like(M) for M in factors] for _ in range(2))
    counts = [M.new_zeros((), dtype=torch.float32) for M in factors]
    constants = {**BETAS, "eps": EPS, "lr": learning_rate, "weight_decay": weight_decay}

    def move(gradients):
        state = mean, square, [], counts
        options = {"fused": True, "amsgrad": False, "maximize": False}
        torch_adam(factors, gradients, *state, **options, **constants)

    return move


def sgd(factors, *, learning_rate, weight_decay):
    """Start gradient descent with momentum 0.9 and coupled decay."""
    constants = {
        "momentum": MOMENTUM,
        "lr": learning_rate,
        "weight_decay": weight_decay,
    }
    momentum = [None] * len(factors)  # torch fills them with the first gradients

    def move(gradients):
        options = {"fused": True, "dampening": 0, "nesterov": False, "maximize": False}
        torch_sgd(factors, gradients, momentum, **options, **constants)

    return move


OPTIMIZERS = {"adam": adam, "sgd": sgd}
