"""One iteration of the published S-NMF, operation by operation, written anew.

What it costs is the point, so it computes what the published loop computes, as often:
the full product of signatures and exposures, the probabilities anew wherever they are
mentioned, and four checks for NaN. Layout as there: profiles are columns, and there is
a batch of one.
"""

import torch

TINY = 1e-25
LEARNING_RATE = 3e-3


def probabilities(B, H):
    """Return class probabilities, (1, C, N)."""
    Z = (B @ H).clamp(min=-50.0, max=50.0)
    e = torch.exp(Z - torch.amax(Z, dim=1, keepdim=True))
    return e / torch.sum(e, dim=1, keepdim=True).clamp(min=1e-30)


def iteration(V, Y, W, H, B, lam_c, lam_2):
    """Return signatures (1, M, K), exposures (1, K, N), weights (1, C, K), updated."""
    down = W.transpose(1, 2) @ (W @ H)
    push = lam_c / 2 * B.transpose(1, 2) @ (probabilities(B, H) - Y)
    H_new = H * ((W.transpose(1, 2) @ V - push) / (down + TINY))
    H_new[H_new < 0] = TINY
    down = W @ (H @ H.transpose(1, 2))
    W_new = torch.clamp(W * (V @ H.transpose(1, 2) / (down + TINY)), min=TINY)
    W_new = W_new / torch.clamp(torch.sum(W_new, dim=1, keepdim=True), min=TINY)
    W = (W / torch.sum(W, dim=1, keepdim=True).clamp_min(TINY)).clamp_min(TINY)
    slope = (probabilities(B, H) - Y) @ H.transpose(1, 2) + 2 * lam_2 * B
    B_new = B - LEARNING_RATE * slope
    loss = -torch.sum(Y * torch.log(probabilities(B, H).clamp(min=1e-30)))
    for T in (H_new, W_new, probabilities(B, H), loss):
        assert not torch.isnan(T).any()
    return W_new, H_new, B_new


def start(V, Y, K, generator):
    """Draw uniformly from 0 to 1, as there."""
    sizes = ((V.shape[1], K), (K, V.shape[2]), (Y.shape[1], K))
    draws = [torch.rand(1, *s, generator=generator, dtype=V.dtype) for s in sizes]
    return draws[0], draws[1], draws[2]
