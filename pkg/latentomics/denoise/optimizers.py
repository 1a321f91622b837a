"""Torch's fused optimizers without their bookkeeping, which costs as much as a step.

Each function starts an optimizer for a list of tensors and returns a function that
takes their gradients and updates them in place. The fused kernels read memory in order
and ignore strides, so all tensors must be contiguous.
"""

import torch
from torch.optim.sgd import sgd as torch_sgd

MOMENTUM = 0.9  # of "sgd", as in the paper
BETAS = {"beta1": 0.9, "beta2": 0.999}
EPS = 1e-8


def adam(tensors, *, learning_rate, weight_decay):
    """Start Adam [1] with coupled weight decay and torch's default constants.

    References
    ----------
    [1] Kingma & Ba (2015). ICLR. arXiv:1412.6980.
    """
    mean, square = ([torch.zeros_like(M) for M in tensors] for _ in range(2))
    state = mean, square, [], [M.new_zeros((), dtype=torch.float32) for M in tensors]
    constants = {**BETAS, "eps": EPS, "lr": learning_rate, "weight_decay": weight_decay}
    constants |= {"amsgrad": False, "maximize": False}

    def move(gradients):
        for count in state[-1]:
            count += 1
        # the kernel behind torch.optim.Adam(fused=True); a test compares them
        torch._fused_adam_(tensors, gradients, *state, **constants)

    return move


def sgd(tensors, *, learning_rate, weight_decay):
    """Start gradient descent with momentum 0.9 and coupled weight decay."""
    momentum = [None for _ in tensors]  # torch fills in the first gradients
    constants = {
        "momentum": MOMENTUM,
        "lr": learning_rate,
        "weight_decay": weight_decay,
    }
    options = {"fused": True, "dampening": 0, "nesterov": False, "maximize": False}

    def move(gradients):
        torch_sgd(tensors, gradients, momentum, **options, **constants)

    return move


OPTIMIZERS = {"adam": adam, "sgd": sgd}
