"""Projection onto the simplex, for many vectors at once."""

import torch


def project_simplex(V):
    r"""Return the point of the simplex nearest to each row.

    .. math:: \arg\min_{s \ge 0,\ \sum_m s_m = 1} \|s - v\|^2 = (v - \theta)_+

    with :math:`\theta` such that the sum is 1 (Held, Wolfe & Crowder 1974; book:
    ``eq-simplex``).

    Parameters
    ----------
    V : tensor of shape (..., M)

    Returns
    -------
    tensor of shape (..., M)
    """
    V = V - V.amax(dim=-1, keepdim=True)  # same answer, and 1 is never rounded away
    falling = V.sort(dim=-1, descending=True).values
    excess = falling.cumsum(dim=-1) - 1
    place = torch.arange(1, V.shape[-1] + 1).to(V)
    # theta if the m largest stay positive: take the largest such m
    stay = (falling * place > excess).sum(dim=-1, keepdim=True)
    theta = excess.gather(-1, stay - 1) / stay
    return (V - theta).clamp(min=0)
