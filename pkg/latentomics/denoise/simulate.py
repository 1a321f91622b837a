"""Made matrices of drug response, with planted spikes and the truth attached."""

import numpy as np
from sklearn.decomposition import NMF

from latentomics.base import check_whole
from latentomics.data import PlantedSet

P_INSIDE, P_OUTSIDE = 0.6, 0.05  # chance of a spike inside and outside the blocks
SPIKE = (0.2, 0.3)  # lowest and highest height of a spike
LEVEL = 0.23  # mean response is about half of it, as in the published sets


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

    :math:`D = L + S + E`: L is the rank-`rank` non-negative factorization of a
    uniform matrix; S has spikes of height 0.2 to 0.3, with chance 0.6 in `n_blocks`
    square blocks on the diagonal and 0.05 elsewhere; E is normal noise. Rows and
    columns are then shuffled, so that nothing shows to the eye.

    Parameters
    ----------
    n_drugs, n_lines : int, default=800, 100
        Rows and columns.
    rank : int, default=10
    block : int, default=20
        Side of a block.
    n_blocks : int, default=2
    noise : float, default=0.05
        Standard deviation of E.
    held : float, default=0.15
        Share of the cells for validation, and again for test.
    random_state : int, default=0

    Returns
    -------
    PlantedSet
        All in one unit, in which L runs from 0 to about 0.3.

    Raises
    ------
    ValueError
        If the blocks do not fit into the matrix, or `held` leaves nothing to fit.
    """
    check_whole(n_drugs=n_drugs, n_lines=n_lines, rank=rank, block=block)
    if n_blocks * block > min(n_drugs, n_lines):
        raise ValueError(
            f"n_blocks * block must be at most {min(n_drugs, n_lines)}; "
            f"got {n_blocks} * {block}"
        )
    if not 0 < held < 0.5:
        raise ValueError(f"held must be between 0 and 0.5; got {held!r}")
    rng = np.random.default_rng(random_state)
    L = _low_rank(rng, n_drugs, n_lines, rank)
    inside = np.zeros(L.shape, bool)
    for k in range(n_blocks):
        edge = slice(k * block, (k + 1) * block)
        inside[edge, edge] = True
    spikes = rng.random(L.shape) < np.where(inside, P_INSIDE, P_OUTSIDE)
    S = np.where(spikes, rng.uniform(*SPIKE, L.shape), 0)
    order = np.ix_(rng.permutation(n_drugs), rng.permutation(n_lines))
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
        attrs={"source": f"planted_blocks, random_state {random_state}"},
    )


def _low_rank(rng, n, p, rank):
    # a loose fit is enough: all that is asked of it is to have the rank
    nmf = NMF(rank, init="random", random_state=int(rng.integers(2**31)), tol=1e-2)
    uniform = rng.uniform(high=LEVEL, size=(n, p))
    return nmf.fit_transform(uniform) @ nmf.components_
