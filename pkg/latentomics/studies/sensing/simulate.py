"""Simulated transcriptomes with a few active gene modules and known truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latentomics.base import check_depth
from latentomics.checks import check_not_negative, check_positive, check_whole
from latentomics.sensing.base import check_at_most

MODULE_SIZE, SIZE_SHAPE = 25, 4.0  # genes per module: gamma mean and shape
LEAST_SIZE = 5
ACTIVITY_SHAPE = 2.0  # gamma shape of a type's activities; the scale is 1
EXTRA_SCALE = 0.7  # mean activity of a module specific to one sample
FLOOR = 0.15  # relative expression of a gene outside active modules
ABUNDANCE = 1.5  # SD of the natural log of the genes' scales
DEPTH_SPREAD = 0.4  # SD of the natural log of the samples' depths


@dataclass(frozen=True)
class PlantedModules:
    """Simulated profiles: methods see only `X`; the rest is the truth."""

    X: pd.DataFrame  # samples x genes, counts
    loadings: pd.DataFrame  # modules x genes, 0 for a gene that is not in the module
    activities: pd.DataFrame  # samples x modules
    abundance: pd.Series  # gene -> its scale
    types: pd.Series  # sample -> its type
    expected: pd.DataFrame  # samples x genes, the mean of the counts


def planted_modules(
    n_samples=2000,
    n_genes=500,
    *,
    n_modules=40,
    n_types=20,
    n_active=8,
    n_extra=1,
    spread=0.5,
    dispersion=0.1,
    depth=2e5,
    random_state=0,
):
    r"""Simulate counts of genes that vary in modules, a few active in each sample.

    .. math::
        x_{ij} \sim \mathrm{NB}(\mu_{ij}, \phi), \qquad
        \mu_{ij} = d_i \frac{s_j (0.15 + w_i^\top u_j)}
            {\sum_h s_h (0.15 + w_i^\top u_h)}, \qquad
        w_{ik} = b_{t(i)k} e^{\sigma \epsilon_{ik}} + v_{ik}

    (book: ``eq-planted-modules``). The variance of a count is
    :math:`\mu + \phi \mu^2`. Module k has about 25 genes, at least 5, with exponential
    loadings :math:`u_{jk}` of mean 1. Each type t has `n_active` modules, with
    :math:`b_{tk}` gamma-distributed with shape 2 and scale 1; each sample has `n_extra`
    more, with :math:`v_{ik}` exponential with mean .7. Gene scales :math:`s_j` are
    log-normal with :math:`\sigma` 1.5; depths :math:`d_i` are log-normal with median
    `depth` and :math:`\sigma` .4.

    Parameters
    ----------
    n_samples, n_genes : int, default=2000, 500
    n_modules, n_types : int, default=40, 20
    n_active : int, default=8
        Modules per type, at most `n_modules`.
    n_extra : int, default=1
        Additional modules per sample, at most `n_modules`; they may be among those of
        its type.
    spread : float, default=0.5
        :math:`\sigma \ge 0`, the variation among samples of a type.
    dispersion : float, default=0.1
        :math:`\phi > 0`.
    depth : float, default=2e5
        Median of the expected counts of a sample.
    random_state : int, default=0

    Returns
    -------
    PlantedModules

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    check_whole(n_samples=n_samples, n_types=n_types)
    check_whole(at_least=LEAST_SIZE, n_genes=n_genes)
    check_whole(n_modules=n_modules)
    check_whole(at_least=0, n_active=n_active, n_extra=n_extra)
    check_at_most(n_modules, n_modules, n_active=n_active, n_extra=n_extra)
    check_not_negative(spread=spread)
    check_positive(dispersion=dispersion, depth=depth)
    check_whole(at_least=0, random_state=random_state)
    rng = np.random.default_rng(random_state)
    U = _loadings(rng, n_modules, n_genes)
    B = _some(rng, (n_types, n_modules), n_active, ACTIVITY_SHAPE, 1.0)
    types = rng.integers(n_types, size=n_samples)
    W = B[types] * rng.lognormal(0, spread, (n_samples, n_modules))
    W += _some(rng, W.shape, n_extra, 1.0, EXTRA_SCALE)
    abundance = rng.lognormal(0, ABUNDANCE, n_genes)
    rates = abundance * (FLOOR + W @ U)
    depths = depth * rng.lognormal(0, DEPTH_SPREAD, (n_samples, 1))
    mean = depths * rates / rates.sum(axis=1, keepdims=True)
    means = rng.gamma(1 / dispersion, dispersion * mean)
    check_depth(means.sum(axis=1), depth)
    X = rng.poisson(means)
    return _named(X, U, W, abundance, types, mean)


def _loadings(rng, n_modules, n_genes):
    """Return modules x genes, with genes drawn independently for each module."""
    U = np.zeros((n_modules, n_genes))
    for module in U:
        size = max(LEAST_SIZE, int(rng.gamma(SIZE_SHAPE, MODULE_SIZE / SIZE_SHAPE)))
        size = min(size, n_genes)
        module[rng.choice(n_genes, size, replace=False)] = rng.exponential(1.0, size)
    return U


def _some(rng, shape, number, gamma_shape, scale):
    """Return zeros except for `number` gamma draws in each row."""
    W = np.zeros(shape)
    for row in W:
        on = rng.choice(len(row), number, replace=False)
        row[on] = rng.gamma(gamma_shape, scale, number)
    return W


def _named(X, U, W, abundance, types, mean):
    samples, genes = _names("sample", len(X)), _names("gene", X.shape[1])
    modules = _names("module", len(U))
    kinds = np.array(_names("type", types.max() + 1), dtype=object)
    return PlantedModules(
        X=pd.DataFrame(X, samples, genes),
        loadings=pd.DataFrame(U, modules, genes),
        activities=pd.DataFrame(W, samples, modules),
        abundance=pd.Series(abundance, genes, name="abundance"),
        types=pd.Series(kinds[types], samples, name="type"),
        expected=pd.DataFrame(mean, samples, genes),
    )


def _names(what, count):
    return [f"{what}-{i + 1:0{len(str(count))}d}" for i in range(count)]
