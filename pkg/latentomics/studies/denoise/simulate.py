"""Simulated matrices of drug response, with planted spikes and known truth.

All of them are :math:`D = L + S + E` (book: ``eq-planted``): low rank, spikes and
normal noise, in a unit in which L runs from 0 to about 0.3; rows and columns are
shuffled to hide the pattern from the eye. Rows are drugs and columns lines, as in the
published sets.
"""

import numpy as np
from sklearn.cluster import SpectralCoclustering
from sklearn.decomposition import NMF

from latentomics.base import check_lines
from latentomics.checks import (
    check_choice,
    check_not_negative,
    check_positive,
    check_whole,
)
from latentomics.data import PlantedSet
from latentomics.matrices import read_matrix

P_INSIDE, P_OUTSIDE = 0.6, 0.05  # chance of a spike inside and outside the blocks
SPIKE = (0.2, 0.3)  # lowest and highest height of a spike
# The paper speaks of a uniform matrix, whose fit has less spread than the published L
# (.22 of its mean, not .30). This power and height give the published mean and spread.
POWER, LEVEL = 1.6, 0.28
# the overlapping blocks of the published set: first and last row, first and last
# column, in half blocks. The paper's formula mixes up the axes of all but the first
OVERLAP = ((0, 4, 0, 2), (5, 7, 1, 4), (0, 2, 6, 7))
STRIPE = 8  # row of the drug that hits all lines, in half blocks


def planted_factors(
    n_drugs=800,
    n_lines=100,
    *,
    rank=10,
    n_factors=2,
    noise=0.05,
    held=0.15,
    random_state=0,
):
    """Make a low-rank matrix with scattered spikes and no blocks (the paper's D1).

    Parameters
    ----------
    n_drugs, n_lines : int, default=800, 100
        Rows and columns.
    rank : int, default=10
        Of L.
    n_factors : {2, 4}, default=2
        L is the non-negative factorization of a matrix of independent entries; with
        4, two uniform mixing matrices stand between its factors, and few patterns
        dominate.
    noise : float, default=0.05
        Standard deviation of E.
    held : float, default=0.15
        Share of the cells for validation, and the same for testing.
    random_state : int, default=0

    Returns
    -------
    PlantedSet

    Raises
    ------
    ValueError
        If `rank` exceeds the shape, or another argument is invalid.
    """
    check_choice("n_factors", n_factors, (2, 4))
    rng, L = _low_rank(n_drugs, n_lines, rank, random_state, n_factors - 2)
    chance = np.full(L.shape, P_OUTSIDE)
    source = f"planted_factors, random_state {random_state}"
    return _plant(rng, L, chance, noise, held, source)


def planted_blocks(
    n_drugs=800,
    n_lines=100,
    *,
    rank=10,
    block=20,
    n_blocks=2,
    noise=0.05,
    held=0.15,
    random_state=0,
):
    r"""Make a low-rank matrix with blocks of spikes: the paper's two-block design.

    L is the non-negative factorization of rank `rank` of a matrix of independent
    entries; S has spikes of height 0.2 to 0.3, with chance 0.6 in `n_blocks` square
    blocks on the diagonal and 0.05 elsewhere.

    Parameters
    ----------
    n_drugs, n_lines, rank, noise, held, random_state
        As in :func:`planted_factors`.
    block : int, default=20
        Side of a block.
    n_blocks : int, default=2

    Returns
    -------
    PlantedSet

    Raises
    ------
    ValueError
        If the blocks do not fit into the matrix, or another argument is invalid.
    """
    check_whole(n_drugs=n_drugs, n_lines=n_lines, block=block, n_blocks=n_blocks)
    if n_blocks * block > min(n_drugs, n_lines):
        raise ValueError(
            f"n_blocks * block must be at most {min(n_drugs, n_lines)}; "
            f"got {n_blocks} * {block}"
        )
    rng, L = _low_rank(n_drugs, n_lines, rank, random_state)
    chance = np.full(L.shape, P_OUTSIDE)
    for k in range(n_blocks):
        edge = slice(k * block, (k + 1) * block)
        chance[edge, edge] = P_INSIDE
    source = f"planted_blocks, random_state {random_state}"
    return _plant(rng, L, chance, noise, held, source)


def planted_overlap(
    n_drugs=800,
    n_lines=100,
    *,
    rank=10,
    block=20,
    noise=0.05,
    held=0.15,
    random_state=0,
):
    """Make a low-rank matrix whose blocks of spikes share drugs and lines ("mixed").

    Three rectangles, of 2 x 1, 1 x 1.5 and 1 x 0.5 blocks (drugs x lines), overlap in
    their drugs or lines, and one more drug has spikes in all lines; chances and heights
    are those of :func:`planted_blocks`. The places are those of the published set.

    Parameters
    ----------
    n_drugs, n_lines, rank, noise, held, random_state
        As in :func:`planted_factors`.
    block : int, default=20
        An even number.

    Returns
    -------
    PlantedSet

    Raises
    ------
    ValueError
        If the blocks do not fit into the matrix, or another argument is invalid.
    """
    check_whole(n_drugs=n_drugs, n_lines=n_lines, block=block)
    half = block // 2
    need = STRIPE * half + 1, OVERLAP[-1][-1] * half
    if block % 2 or n_drugs < need[0] or n_lines < need[1]:
        raise ValueError(
            f"block must be an even number whose pattern of {need[0]} drugs and "
            f"{need[1]} lines fits into {n_drugs} x {n_lines}; got {block}"
        )
    rng, L = _low_rank(n_drugs, n_lines, rank, random_state)
    chance = np.full(L.shape, P_OUTSIDE)
    for top, bottom, left, right in OVERLAP:
        chance[top * half : bottom * half, left * half : right * half] = P_INSIDE
    chance[STRIPE * half] = P_INSIDE
    source = f"planted_overlap, random_state {random_state}"
    return _plant(rng, L, chance, noise, held, source)


def planted_residuals(
    X,
    *,
    rank=3,
    keep=0.2,
    n_blocks=5,
    noise=0.05,
    held=0.15,
    random_state=0,
):
    """Take low rank and spikes from a real matrix, and simulate the noise.

    L is the best approximation of rank `rank` to X, with each gap filled by the median
    of its column; entries that exceed it by at least `keep` are spikes. Blocks are
    found by spectral co-clustering of the positive residuals, as the paper describes
    for its third design; the spikes of its published file "fimm" begin at 0.2.

    Parameters
    ----------
    X : array or DataFrame of shape (n_drugs, n_lines)
        NaN marks a gap, which gets no spike.
    rank : int, default=3
    keep : float, default=0.2
        Lowest height of a spike, in the units of `X`.
    n_blocks : int, default=5
        Co-clusters.
    noise, held, random_state
        As in :func:`planted_factors`; noise in the units of `X`.

    Returns
    -------
    PlantedSet

    Raises
    ------
    ValueError
        If `X` is not a matrix of numbers, no residual reaches `keep`, or another
        argument is invalid.
    """
    X = read_matrix(X, gaps=True)
    check_whole(rank=rank)
    check_whole(at_least=2, n_blocks=n_blocks)
    check_positive(keep=keep)
    check_whole(at_least=0, random_state=random_state)
    rng = np.random.default_rng(random_state)
    check_lines(~np.isnan(X), "a measured entry")
    _check_rank(rank, X.shape)
    _check_rank(n_blocks, X.shape, "n_blocks")
    filled = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
    U, s, Vh = np.linalg.svd(filled, full_matrices=False)
    L = (U[:, :rank] * s[:rank]) @ Vh[:rank]
    R = np.nan_to_num(X - L)
    S = np.where(keep <= R, R, 0)
    if not S.any():
        raise ValueError(f"keep must be at most the largest residual; got {keep!r}")
    source = f"planted_residuals, random_state {random_state}"
    return _hide(rng, L, S, _co_clusters(R, n_blocks, rng), noise, held, source)


def _low_rank(n, p, rank, random_state, n_mixing=0):
    """Return the generator and a non-negative matrix of the given rank."""
    check_whole(n_drugs=n, n_lines=p, rank=rank)
    check_whole(at_least=0, random_state=random_state)
    _check_rank(rank, (n, p))
    rng = np.random.default_rng(random_state)
    # a loose fit is enough: only its rank matters
    nmf = NMF(rank, init="random", random_state=int(rng.integers(2**31)), tol=1e-2)
    W = nmf.fit_transform(LEVEL * rng.random((n, p)) ** POWER)
    H = nmf.components_
    L = W @ H
    for _ in range(n_mixing):
        W = W @ rng.random((rank, rank))
        L = W @ H * (L.mean() / (W @ H).mean())
    return rng, L


def _check_rank(rank, shape, name="rank"):
    if rank > min(shape):
        raise ValueError(f"{name} must be at most {min(shape)}; got {rank!r}")


def _plant(rng, L, chance, noise, held, source):
    """Draw spikes with the given chances, and hide them."""
    spikes = rng.random(L.shape) < chance
    S = np.where(spikes, rng.uniform(*SPIKE, L.shape), 0)
    return _hide(rng, L, S, chance == P_INSIDE, noise, held, source)


def _hide(rng, L, S, inside, noise, held, source):
    """Shuffle rows and columns, add the noise, and set entries aside."""
    check_not_negative(noise=noise, held=held)
    if not 0 < held < 0.5:
        raise ValueError(f"held must be between 0 and 0.5; got {held!r}")
    order = np.ix_(*(rng.permutation(n) for n in L.shape))
    L, S, inside = L[order], S[order], inside[order]
    part = rng.random(L.shape)
    validation, test = part < held, (part >= held) & (part < 2 * held)
    return PlantedSet(
        D=L + S + rng.normal(scale=noise, size=L.shape),
        L_true=L,
        S_true=S,
        seen=~(validation | test),
        validation=validation,
        test=test,
        block=inside & (S > 0),
        attrs={"source": source},
    )


def _co_clusters(R, n_blocks, rng):
    """Return which entries lie in a co-cluster of large positive residuals."""
    # a small constant gives rows without any a place, too
    weights = R.clip(min=0) + 1e-6 * np.abs(R).max()
    seed = int(rng.integers(2**31))
    found = SpectralCoclustering(n_blocks, random_state=seed).fit(weights)
    return found.row_labels_[:, None] == found.column_labels_[None, :]
