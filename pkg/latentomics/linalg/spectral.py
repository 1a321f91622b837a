"""Functions of singular values."""

import torch

from latentomics.arrays import binary_size, randn

# The eigenvalues of M'M are off by eps * s_max^2, so a singular value of eps^(1/4)
# of the largest has lost half of its digits. A `lam` below that (1e-4 in float64,
# 2e-2 in float32) therefore uses the full SVD, which is slower.
GRAM_POWER = 1 / 4


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
    n, p = M.shape
    if n < p:
        return svt(M.T, lam).T
    size = binary_size(M)  # else squares overflow or vanish
    M, lam = M / size, lam / size
    squares, V = torch.linalg.eigh(M.T @ M)
    s = squares.clamp(min=0).sqrt()
    if lam < torch.finfo(M.dtype).eps ** GRAM_POWER * s[-1]:
        U, s, Vh = torch.linalg.svd(M, full_matrices=False)
        return size * ((U * (s - lam).clamp(min=0)) @ Vh)
    alive = s > lam
    V, s = V[:, alive], s[alive]
    return size * (M @ (V * (1 - lam / s)) @ V.T)


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
