"""The training loop of the authors of RT-DMF, written again to be timed.

What makes it slow is kept: float64 throughout, a stack of ``nn.Linear`` applied to an
identity matrix, autograd, a deep copy of the model at each improvement, and a line of
log and an evaluation at every iteration. What is theirs alone in the text is not.
"""

import copy
import io

import torch
from torch import nn


def published_loop(M, seen, held, *, hidden, sd, learning_rate, n_iter):
    """Train for `n_iter` iterations; return the least error on the entries held out."""
    torch.manual_seed(0)
    n, p = M.shape
    sizes = [n, *hidden, p]
    layers = [
        nn.Linear(a, b, bias=False) for a, b in zip(sizes, sizes[1:], strict=False)
    ]
    model = nn.Sequential(*layers).double()
    for layer in layers:
        nn.init.normal_(layer.weight, std=sd)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    identity = torch.eye(n, dtype=torch.float64)
    best, log = float("inf"), io.StringIO()
    for iteration in range(n_iter):
        optimizer.zero_grad()
        L = model(identity)
        loss = ((L - M)[seen] ** 2).mean()
        loss.backward()
        optimizer.step()
        error = ((L.detach() - M)[held] ** 2).mean().item()
        if error < best:
            best, _ = error, copy.deepcopy(model)
        log.write(f"iteration {iteration} loss {loss.item()} validation {error}\n")
    return best
