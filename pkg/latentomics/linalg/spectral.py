"""Functions of singular values."""

import torch

from latentomics.arrays import binary_size, randn

# The eigenvalues of M'M are off by eps * s_max^2, so a singular value of eps^(1/4)
# of the largest has lost half of its digits. A `lam` below that (1e-4 in float64,
# 2e-2 in float32) therefore uses the full SVD, which is slower.
GRAM_POWER = 1 / 4
SPARE = 8  # extra directions beyond the non-zero ones of the last call
WARM_SHARE = 3  # a basis wider than a third of the shorter side is not worth keeping


def svt(M, lam):
    r"""Shrink each singular value of `M` by `lam`, stopping at zero.

    The proximal operator of ``lam * ||.||_*`` at `M` (book: ``eq-svt``):

    .. math:: S_\lambda(M) = U \max(\Sigma - \lambda, 0) V^\top

    Unless `lam` is tiny, it is computed as
    :math:`M\,V \max(1 - \lambda/\Sigma, 0) V^\top` from the eigenvectors of the
    smaller Gram matrix, several times faster than an SVD. What that loses in accuracy
    lies below `lam` and is shrunk to 0 anyway.

    Parameters
    ----------
    M : tensor of shape (n, p)
    lam : float
        Non-negative, in the units of `M`.
    """
    if M.shape[0] < M.shape[1]:
        return svt(M.T, lam).T
    if not M.numel():
        return M
    size = binary_size(M)  # else squares overflow or vanish
    M, lam = M / size, lam / size
    return size * _shrunk(M, lam, *_directions(M, lam))[0]


class Shrinker:
    r"""Shrink the singular values of a matrix that changes a little at each call.

    The first call is that of :func:`svt`, but for its care of matrices whose squares
    overflow or vanish. Later calls take one step of subspace iteration from the last
    basis and work within it, as long as one of its `SPARE` extra directions is shrunk
    to 0. Values that grow outside the subspace can be missed for a while, so a solver's
    result is certified by its duality gap, never by this.

    Attributes
    ----------
    values : tensor
        Non-zero singular values of the last result.
    """

    def __init__(self):
        self._basis = None  # (n or p, k) orthonormal, of the shorter side

    def __call__(self, M, lam):
        """Return the shrunk matrix, of the shape of `M`."""
        if M.shape[0] < M.shape[1]:
            return self(M.T, lam).T
        if not M.numel():
            self.values = M.new_zeros(0)
            return M
        V, s = self._warm(M, lam) or _directions(M, lam)
        shrunk, self.values = _shrunk(M, lam, V, s)
        k = len(self.values) + SPARE
        self._basis = V[:, -k:] if WARM_SHARE * k <= len(V) else None
        return shrunk

    def _warm(self, M, lam):
        """Return directions and values in the last basis; None if it is too small."""
        if self._basis is None:
            return None
        Q = torch.linalg.qr(M.T @ (M @ self._basis)).Q
        s, turn = _by_gram(M @ Q)
        return (Q @ turn, s) if s[0] <= lam else None


def _shrunk(M, lam, V, s):
    """Return the shrunk matrix and its non-zero singular values."""
    alive = s > lam
    V, s = V[:, alive], s[alive]
    return M @ (V * (1 - lam / s)) @ V.T, s - lam


def _directions(M, lam):
    """Return right singular vectors, shape (p, k), and values, rising, of a tall M."""
    s, V = _by_gram(M)
    if lam < torch.finfo(M.dtype).eps ** GRAM_POWER * s[-1]:
        _, s, Vh = torch.linalg.svd(M, full_matrices=False)
        return Vh.flip(0).T, s.flip(0)
    return V, s


def _by_gram(M):
    """Return the singular values of `M`, rising, and its right singular vectors."""
    squares, V = torch.linalg.eigh(M.T @ M)
    return squares.clamp(min=0).sqrt(), V


def nuclear_norm(M):
    """Sum of the singular values of `M`."""
    return torch.linalg.svdvals(M).sum()


def randomized_svd(M, rank, *, generator, oversample=10, n_power=4):
    """Leading singular triplets of `M` by random projection.

    Algorithms 4.4 and 5.1 of [1]: draw a random subspace, turn it towards the
    leading directions by `n_power` passes, and take the SVD inside it.

    Parameters
    ----------
    M : tensor of shape (n, p)
    rank : int
        Number of triplets, 1 to min(n, p).
    generator : torch.Generator
        From :func:`latentomics.arrays.generator`.
    oversample : int, default=10
        Extra directions drawn for safety.
    n_power : int, default=4
        Power iterations; each adds 2 to the exponent of the singular values.

    Returns
    -------
    U, s, Vh : tensors of shape (n, rank), (rank,), (rank, p)

    Raises
    ------
    ValueError
        If `rank` is not between 1 and min(n, p).

    References
    ----------
    [1] Halko, Martinsson & Tropp (2011). SIAM Review 53:217-288.
    """
    n, p = M.shape
    if not 1 <= rank <= min(n, p):
        raise ValueError(f"rank must be between 1 and {min(n, p)}; got {rank!r}")
    width = min(rank + oversample, n, p)
    Q = torch.linalg.qr(M @ randn(p, width, generator=generator, like=M)).Q
    for _ in range(n_power):  # re-orthogonalised, else small directions round away
        Q = torch.linalg.qr(M.T @ Q).Q
        Q = torch.linalg.qr(M @ Q).Q
    U, s, Vh = torch.linalg.svd(Q.T @ M, full_matrices=False)
    return (Q @ U)[:, :rank], s[:rank], Vh[:rank]
