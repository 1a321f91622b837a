"""A product of matrices M1 M2 ... MN: its start, value and gradient."""

from itertools import pairwise

import torch

from latentomics.arrays import randn


def balanced_start(sizes, scale, generator):
    """Draw orthonormal factors of shapes (sizes[i], sizes[i + 1]), float64 on the CPU.

    If no inner size exceeds the larger outer one, all singular values of the product
    equal `scale`, so no direction starts ahead; otherwise a wide factor is not
    orthonormal on both sides, and they spread below `scale`.
    """
    like = torch.empty(0, dtype=torch.float64)
    share = scale ** (1 / (len(sizes) - 1))

    def draw(a, b):
        long, short = max(a, b), min(a, b)
        Q = torch.linalg.qr(randn(long, short, generator=generator, like=like)).Q
        return share * (Q if a >= b else Q.T)

    return [draw(a, b) for a, b in pairwise(sizes)]


def tails(factors):
    """Return the products of all factors from the i-th on, i = 0, 1, ...

    Multiplied from the right, which is cheap if the last size is the smallest, since
    every intermediate product has that many columns.
    """
    products = [factors[-1]]
    for M in reversed(factors[:-1]):
        products.append(M @ products[-1])
    return products[::-1]


def in_one_piece(factors):
    """Copy tensors into one flat tensor; return it and its views in their shapes."""
    flat = torch.cat([M.reshape(-1) for M in factors])
    parts = flat.split([M.numel() for M in factors])
    return flat, [part.view(M.shape) for part, M in zip(parts, factors, strict=True)]


def chain_gradient(factors, products, G, out=None):
    """Return the gradient for each factor, from the gradient `G` for the product.

    With A the factors before the i-th and B those after it (book:
    ``eq-chain-gradient``), it is A' G B'; A' G is carried along as `G`.

    Parameters
    ----------
    factors : list of tensor
    products : list of tensor
        From :func:`tails`.
    G : tensor of shape (n, p)
    out : list of tensor, optional
        Where to write the gradients; shapes as in `factors`.
    """
    out = [torch.empty_like(M) for M in factors] if out is None else out
    for M, after, into in zip(factors, products[1:], out, strict=False):
        torch.mm(G, after.T, out=into)
        G = M.T @ G
    out[-1].copy_(G)
    return out
