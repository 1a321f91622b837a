"""KBMTL as it is published: one loop over lines, one over drugs, matrices inverted.

Written from the equations of Gonen & Margolin (2014), to be timed. It starts where
:class:`KBMTL` does, and so says the same.
"""

import numpy as np

from latentomics.arrays import as_tensor, generator, randn
from latentomics.multitask import KBMTL

R, SIGMA_H, SIGMA_W = KBMTL().n_components, KBMTL().sigma_h, KBMTL().sigma_w
SHAPE, SCALE = KBMTL().precision_prior


def published_kbmtl(K, Y, n_iter):
    """Return A and W' after some iterations on centred responses, NaN where missing."""
    (n, T), seen = Y.shape, ~np.isnan(Y)
    gen, like = generator(0), as_tensor(K, device="cpu")
    A, H, W = (randn(m, R, generator=gen, like=like).numpy().copy() for m in (n, n, T))
    A_cov = np.repeat(np.eye(n)[None], R, axis=0)
    H_cov = np.repeat(np.eye(R)[None], n, axis=0)
    W_cov = np.repeat(np.eye(R)[None], T, axis=0)
    KK, g = K @ K.T / SIGMA_H**2, (SHAPE + seen.sum(axis=0) / 2) * SCALE
    for _ in range(n_iter):
        for s in range(R):
            size = A[:, s] ** 2 + np.diag(A_cov[s])
            lam = (SHAPE + 0.5) / (1 / SCALE + size / 2)
            A_cov[s] = np.linalg.inv(np.diag(lam) + KK)
            A[:, s] = A_cov[s] @ K @ H[:, s] / SIGMA_H**2
        for i in range(n):
            P, b = np.eye(R) / SIGMA_H**2, A.T @ K[:, i] / SIGMA_H**2
            for t in np.flatnonzero(seen[i]):
                P = P + g[t] * (np.outer(W[t], W[t]) + W_cov[t])
                b = b + g[t] * Y[i, t] * W[t]
            H_cov[i] = np.linalg.inv(P)
            H[i] = H_cov[i] @ b
        for t in range(T):
            lines = np.flatnonzero(seen[:, t])
            HH = sum(np.outer(H[i], H[i]) + H_cov[i] for i in lines)
            WW = np.outer(W[t], W[t]) + W_cov[t]
            y = Y[lines, t]
            misfit = y @ y - 2 * y @ H[lines] @ W[t] + (HH * WW).sum()
            g[t] = (SHAPE + len(lines) / 2) / (1 / SCALE + misfit / 2)
        for t in range(T):
            lines = np.flatnonzero(seen[:, t])
            HH = sum(np.outer(H[i], H[i]) + H_cov[i] for i in lines)
            W_cov[t] = np.linalg.inv(np.eye(R) / SIGMA_W**2 + g[t] * HH)
            W[t] = W_cov[t] @ (g[t] * Y[lines, t] @ H[lines])
    return A, W.T
