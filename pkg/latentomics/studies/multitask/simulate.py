"""Simulated drug screens in which drugs share mechanisms, with the ground truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentomics.checks import check_not_negative, check_positive, check_whole

MODULES_PER_GENE = 3  # on average
MODULES_PER_GROUP = 3  # in the centroid of a mechanism
WEIGHTS = (0.6, 1.4)  # range of their weights before the centroid is scaled to length 1
OWN = 0.3  # share of a drug's own draw in its dense loadings; the rest is the group's
GENERAL = 0.5  # smallest loading on the first dense factor (general sensitivity)
SCALES = (0.7, 1.3)  # lowest and highest factor of a drug
OFFSET = 2.0  # standard deviation between the drugs' offsets


@dataclass(frozen=True)
class PlantedMechanisms:
    """A simulated screen: methods see `X` and `Y`, the rest is the ground truth."""

    X: pd.DataFrame  # lines x genes, z-scored
    Y: pd.DataFrame  # lines x drugs, NaN where not measured
    group: pd.Series  # drug -> mechanism
    noisy: pd.Series  # drug -> whether some of its responses were permuted
    module_of_gene: pd.DataFrame  # modules x genes, bool
    scores: pd.DataFrame  # lines x modules, z-scored: how active a module is
    effects: pd.DataFrame  # modules x drugs: the pathway part is scores @ effects
    signal: pd.DataFrame  # lines x drugs, in the units of Y, without noise and gaps


def planted_mechanisms(
    n_lines=120,
    n_features=2000,
    n_drugs=60,
    *,
    n_groups=6,
    n_modules=12,
    gene_noise=0.7,
    within=0.3,
    dense=0.6,
    n_dense=2,
    noise=0.8,
    noisy_share=0.2,
    permuted=0.6,
    missing=0.0,
    random_state=0,
):
    r"""Simulate a screen whose drugs share structure, some visible only across drugs.

    .. math:: y_t = o_t + c_t (F e_t + H b_t + \epsilon_t), \qquad
        e_t \propto m_{g(t)} + \delta_t

    (book: ``eq-planted-mechanisms``). F holds the scores of expression modules, and
    :math:`m_g` is the unit-length centroid of mechanism g, supported on three of them.
    H holds projections of the features on dense random weights, uncorrelated with F.
    With more features than lines, a single drug cannot tell these from other directions
    that fit equally well; all drugs share them. Each part is scaled per drug to the
    variance stated below; then :math:`c_t` is drawn between .7 and 1.3 and :math:`o_t`
    with standard deviation 2. In noisy drugs, some lines swap their responses.

    With more features than lines, weights of genes are not identifiable: modules have
    true effects, genes do not.

    Parameters
    ----------
    n_lines, n_features, n_drugs : int, default=120, 2000, 60
    n_groups : int, default=6
        Mechanisms; drugs are divided among them as evenly as possible.
    n_modules : int, default=12
        Expression modules, at least 3; a gene is in three on average.
    gene_noise : float, default=0.7
        Standard deviation of gene-specific noise, relative to that of a gene in three
        modules of median strength. Must be positive.
    within : float, default=0.3
        Expected length of :math:`\delta_t`, by which drugs of a mechanism differ.
    dense : float, default=0.6
        Variance of :math:`H b_t`; that of the pathway part is 1.
    n_dense : int, default=2
        Columns of H.
    noise : float, default=0.8
        Standard deviation of :math:`\epsilon_t`.
    noisy_share : float, default=0.2
        Share of the drugs that are noisy.
    permuted : float, default=0.6
        Share of the lines that swap responses in a noisy drug.
    missing : float, default=0.0
        Probability that a response is missing; two lines per drug are always measured.
    random_state : int, default=0

    Returns
    -------
    PlantedMechanisms

    Raises
    ------
    ValueError
        If an argument is out of the range above, there are more mechanisms than
        drugs, or the lines are not at least two more than modules and dense factors.

    References
    ----------
    [1] Yuan et al. (2016). Sci Rep 6:31619, whose claims this is made to test.
    """
    check_whole(n_features=n_features, n_drugs=n_drugs, n_dense=n_dense)
    _check_room(n_lines, n_modules + n_dense, n_groups, n_drugs, n_modules)
    check_not_negative(within=within, dense=dense, noise=noise)
    _check_shares(noisy_share=noisy_share, permuted=permuted, missing=missing)
    check_positive(gene_noise=gene_noise)
    check_whole(at_least=0, random_state=random_state)
    rng = np.random.default_rng(random_state)
    X, F, member = _expression(rng, (n_lines, n_features), n_modules, gene_noise)
    group = rng.permutation(np.arange(n_drugs) % n_groups)
    effects = _effects(rng, F, group, within)
    parts = F @ effects + np.sqrt(dense) * _dense_part(rng, X, F, group, n_dense)
    scale, offset = rng.uniform(*SCALES, n_drugs), rng.normal(0, OFFSET, n_drugs)
    Y = parts + noise * rng.normal(size=parts.shape)
    noisy = _permute_some(rng, Y, noisy_share, permuted)
    Y, signal = Y * scale + offset, parts * scale + offset
    Y[_gaps(rng, Y.shape, missing)] = np.nan
    return _named(X, Y, group, noisy, member, F, effects * scale, signal)


def _check_room(n_lines, n_factors, n_groups, n_drugs, n_modules):
    check_whole(at_least=MODULES_PER_GROUP, n_modules=n_modules)
    check_whole(n_lines=n_lines, n_groups=n_groups)
    if n_lines <= n_factors + 1:
        raise ValueError(
            f"n_lines must exceed n_modules + n_dense + 1 = {n_factors + 1}; "
            f"got {n_lines}"
        )
    if n_groups > n_drugs:
        raise ValueError(f"n_groups must be at most {n_drugs}; got {n_groups}")


def _check_shares(**shares):
    check_not_negative(**shares)
    for name, share in shares.items():
        if share > 1:
            raise ValueError(f"{name} must be at most 1; got {share!r}")


def _standard(M):
    return (M - M.mean(axis=0)) / M.std(axis=0)


def _expression(rng, shape, n_modules, gene_noise):
    """Return z-scored genes, z-scored module scores, and module membership."""
    n, p = shape
    strength = (1 + np.arange(n_modules)) ** -0.5  # some modules dominate
    F = rng.normal(size=(n, n_modules)) * strength
    member = rng.random((n_modules, p)) < MODULES_PER_GENE / n_modules
    alone = gene_noise * np.median(strength) * MODULES_PER_GENE**0.5
    X = F @ (rng.normal(size=member.shape) * member)
    return _standard(X + alone * rng.normal(size=shape)), _standard(F), member


def _effects(rng, F, group, within):
    """Return modules x drugs, scaled to pathway parts of variance 1."""
    n_modules, n_drugs = F.shape[1], len(group)
    centroids = np.zeros((group.max() + 1, n_modules))
    for centroid in centroids:
        on = rng.choice(n_modules, MODULES_PER_GROUP, replace=False)
        sign = rng.choice([-1, 1], MODULES_PER_GROUP)
        centroid[on] = sign * rng.uniform(*WEIGHTS, MODULES_PER_GROUP)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    deviation = rng.normal(size=(n_drugs, n_modules)) * within / n_modules**0.5
    effects = (centroids[group] + deviation).T
    return effects / (F @ effects).std(axis=0)


def _dense_part(rng, X, F, group, n_dense):
    """Return lines x drugs of variance 1, uncorrelated with the modules."""
    H = X @ rng.normal(size=(X.shape[1], n_dense))
    H = _standard(H - F @ np.linalg.lstsq(F, H)[0])
    of_group = rng.normal(size=(group.max() + 1, n_dense))[group]
    B = (1 - OWN) * of_group + OWN * rng.normal(size=of_group.shape)
    B[:, 0] = np.abs(B[:, 0]) + GENERAL
    part = H @ B.T
    return part / part.std(axis=0)


def _permute_some(rng, Y, noisy_share, permuted):
    """Swap responses of some lines of some drugs, in place; return which drugs."""
    n, n_drugs = Y.shape
    noisy = np.zeros(n_drugs, bool)
    noisy[rng.choice(n_drugs, round(noisy_share * n_drugs), replace=False)] = True
    for t in np.flatnonzero(noisy):
        lines = rng.choice(n, round(permuted * n), replace=False)
        Y[lines, t] = Y[rng.permutation(lines), t]
    return noisy


def _gaps(rng, shape, missing):
    draw = rng.random(shape)
    gaps = draw < missing
    np.put_along_axis(gaps, np.argsort(draw, axis=0, kind="stable")[-2:], False, axis=0)
    return gaps


def _named(X, Y, group, noisy, member, F, effects, signal):
    lines, genes = _names("line", len(X)), _names("gene", X.shape[1])
    drugs, modules = _names("drug", Y.shape[1]), _names("module", len(member))
    mechanisms = np.array(_names("mechanism", group.max() + 1), dtype=object)
    return PlantedMechanisms(
        X=pd.DataFrame(X, lines, genes),
        Y=pd.DataFrame(Y, lines, drugs),
        group=pd.Series(mechanisms[group], drugs, name="mechanism"),
        noisy=pd.Series(noisy, drugs, name="noisy"),
        module_of_gene=pd.DataFrame(member, modules, genes),
        scores=pd.DataFrame(F, lines, modules),
        effects=pd.DataFrame(effects, modules, drugs),
        signal=pd.DataFrame(signal, lines, drugs),
    )


def _names(what, count):
    return [f"{what}-{i + 1:0{len(str(count))}d}" for i in range(count)]
