"""Singular value shrinkage for loops, warm-started from the last subspace."""

import torch

from latentomics.linalg.spectral import GRAM_POWER

SPARE = 8  # extra directions beyond the non-zero ones of the last call
WARM_SHARE = 3  # a basis wider than a third of the shorter side is not worth keeping


class Shrinker:
    r"""Shrink the singular values of a matrix that changes a little at each call.

    Calling it returns :math:`S_\tau(M)` (book: ``eq-svt``) and its non-zero singular
    values. The first call takes all eigenvectors of the Gram matrix of the shorter
    side. Later calls take one step of subspace iteration from the last basis and work
    within it, as long as one of its `SPARE` extra directions is shrunk to 0. Values
    that grow outside the subspace can be missed for a while, so a solver's result is
    certified by its duality gap, never by this.
    """

    def __init__(self):
        self._basis = None  # (n or T, k) orthonormal, of the shorter side

    def __call__(self, M, tau):
        """Return the shrunk matrix and its non-zero singular values."""
        if not M.numel():  # all lines have the same features
            return M, M.new_zeros(0)
        if M.shape[0] < M.shape[1]:
            Z, values = self._tall(M.T, tau)
            return Z.T, values
        return self._tall(M, tau)

    def _tall(self, M, tau):
        V, s = self._directions(M, tau)
        alive = s > tau
        V, s = V[:, alive], s[alive]
        return (M @ (V * (1 - tau / s))) @ V.T, s - tau

    def _directions(self, M, tau):
        """Return right singular vectors and values, in the warm basis if any."""
        if self._basis is not None:
            Q = torch.linalg.qr(M.T @ (M @ self._basis)).Q
            MQ = M @ Q
            squares, turn = torch.linalg.eigh(MQ.T @ MQ)
            s = squares.clamp(min=0).sqrt()
            if s[0] <= tau:
                self._keep(Q @ turn, s, tau)
                return Q @ turn, s
        squares, V = torch.linalg.eigh(M.T @ M)
        s = squares.clamp(min=0).sqrt()
        if tau < torch.finfo(M.dtype).eps ** GRAM_POWER * s[-1]:  # digits lost: the SVD
            _, s, Vh = torch.linalg.svd(M, full_matrices=False)
            return Vh.T, s
        self._keep(V, s, tau)
        return V, s

    def _keep(self, V, s, tau):
        """Keep the leading vectors for next time, if they are few."""
        k = int((s > tau).sum()) + SPARE
        width = V.shape[0]
        self._basis = V[:, -k:] if WARM_SHARE * k <= width else None
