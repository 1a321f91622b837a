"""Proximal operators of entrywise penalties."""

import torch


def clip(M, bound):
    """Limit every entry of `M` to [-bound, bound]: projection on a max-norm ball."""
    return M.clamp(-bound, bound)


def soft_threshold(M, lam):
    r"""Shrink every entry of `M` towards zero by `lam`.

    The proximal operator of ``lam * ||.||_1``: :math:`M - \mathrm{clip}(M, \lambda)`.
    """
    return M - clip(M, lam)


def huber(R, bound):
    r"""Huber's loss of each entry of `R`: quadratic inside `bound`, linear outside.

    .. math:: h(r) = \tfrac12 r^2 \ (|r| \le b), \quad b|r| - \tfrac12 b^2 \ (|r| > b)

    It is the minimum of :math:`\tfrac12 (r - s)^2 + b|s|` over s, and its slope is
    ``clip(R, bound)``.
    """
    inside = clip(R, bound)
    return inside * (R - inside / 2)


def trimmed(R, bound):
    r"""Squared loss that stops growing at `bound`: :math:`\tfrac12\min(r^2, b^2)`.

    Beyond the bound its slope is 0: such an entry has no influence (book:
    ``eq-trimmed-loss``).
    """
    return R.square().clamp(max=bound**2) / 2


def trimmed_slope(R, bound):
    """Slope of :func:`trimmed`: the residual inside `bound`, 0 elsewhere.

    The backward pass of a clip computes just this in one pass over memory; a mask takes
    several.
    """
    return torch.ops.aten.hardtanh_backward(R, R, -bound, bound)
