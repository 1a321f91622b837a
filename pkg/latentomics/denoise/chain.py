"""A product of matrices M1 M2 ... MN: its starts, its value, its gradient."""

import torch

from latentomics.arrays import rand, randn

INITS = ("balanced", "gaussian", "uniform", "identity")


def start_factors(sizes, init, scale, generator):
    """Draw factors of shapes (sizes[i], sizes[i + 1]), float64 on the CPU.

    "balanced" draws orthonormal factors. While no inner size exceeds the longer outer
    one, no direction of the product starts ahead: all its singular values are `scale`;
    beyond, a wide factor is not orthonormal on both sides, and they spread below
    `scale`. "identity" does so without chance.
    "gaussian" gives every entry the standard deviation `scale` (the start of the
    paper), "uniform" the same from a flat distribution.
    """
    like = torch.empty(0, dtype=torch.float64)
    shapes = list(zip(sizes, sizes[1:], strict=False))
    share = scale ** (1 / len(shapes))

    def draw(a, b):
        if init == "gaussian":
            return scale * randn(a, b, generator=generator, like=like)
        if init == "uniform":  # of standard deviation `scale`
            return scale * 12**0.5 * (rand(a, b, generator=generator, like=like) - 0.5)
        if init == "identity":
            return share * torch.eye(a, b, dtype=like.dtype)
        long, short = max(a, b), min(a, b)
        Q = torch.linalg.qr(randn(long, short, generator=generator, like=like)).Q
        return share * (Q if a >= b else Q.T)

    return [draw(a, b) for a, b in shapes]


def tails(factors):
    """Return the products of all factors from the i-th on, i = 0, 1, ...

    Multiplied from the right, which is cheap where the last size is the smallest:
    every intermediate has only so many columns.
    """
    products = [factors[-1]]
    for M in reversed(factors[:-1]):
        products.append(M @ products[-1])
    return products[::-1]


def in_one_piece(factors):
    """Copy tensors into a flat one; return it, and them as its views."""
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
        Where to write them; shapes as of `factors`.
    """
    out = [torch.empty_like(M) for M in factors] if out is None else out
    for M, after, into in zip(factors, products[1:], out, strict=False):
        torch.mm(G, after.T, out=into)
        G = M.T @ G
    out[-1].copy_(G)
    return out
