"""The nearest point of the simplex, for many vectors at once."""

import torch


def project_simplex(V):
    r"""Return the nearest point of each row on the simplex.

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
    V = V - V.amax(dim=-1, keepdim=True)  # the same answer, and 1 is never lost in it
    falling = V.sort(dim=-1, descending=True).values
    excess = falling.cumsum(dim=-1) - 1
    place = torch.arange(1, V.shape[-1] + 1).to(V)
    # theta if the m largest stay above 0: the largest such m is the right one
    stay = (falling * place > excess).sum(dim=-1, keepdim=True)
    theta = excess.gather(-1, stay - 1) / stay
    return (V - theta).clamp(min=0)
