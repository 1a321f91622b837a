"""Exposures of samples to given signatures."""

import numpy as np

from latentomics.arrays import as_numpy, as_tensor
from latentomics.base import MOST_WHOLE
from latentomics.checks import check_share, check_whole
from latentomics.linalg.nnls import nnls
from latentomics.matrices import aligned_like, read_matrix


def refit_exposures(X, signatures):
    r"""Return how much of each signature each sample holds.

    .. math:: \arg\min_{E \ge 0} \|X - E S\|_F^2

    (book: ``eq-nnls``), in the units of `X`: shares of a profile, or mutations.

    Parameters
    ----------
    X : array of shape (n_samples, n_channels)
    signatures : array of shape (n_components, n_channels)
        Channels in any order if both are named, otherwise in that of `X`.

    Returns
    -------
    ndarray of shape (n_samples, n_components)

    Raises
    ------
    ValueError
        If either is not a matrix of finite numbers, or their channels differ.
    """
    S, X = _signatures(signatures, X, "X"), read_matrix(X)
    if X.shape[1] != S.shape[1]:
        raise ValueError(
            f"X and signatures must have the same channels; got {X.shape[1]} "
            f"and {S.shape[1]}"
        )
    return as_numpy(nnls(as_tensor(X, device="cpu"), as_tensor(S, device="cpu")))


def unexplained(counts, signatures):
    r"""Return the share of profiles left unexplained, corrected for chance.

    .. math:: u = \frac{\sum_n \|x_n - e_n S\|^2 - c_n}{\sum_n \|x_n\|^2 - c_n}, \qquad
        c_n = \frac{1 - \|x_n\|^2}{N_n - 1}

    (book: ``eq-unexplained``). x are profiles of N mutations, e S their best fit with
    :math:`e \ge 0`, and c is the expected contribution of sampling noise to the squared
    norm of a profile. 0 = the samples are mixtures of the signatures; 1 = the
    signatures explain nothing. Since e fits noise too, u may be slightly negative.

    Parameters
    ----------
    counts : array of shape (n_samples, n_channels)
        Whole numbers of mutations. Samples with fewer than two are ignored.
    signatures : array of shape (n_components, n_channels)
        Channels as for :func:`refit_exposures`.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        As :func:`refit_exposures`; or if `counts` are not non-negative whole numbers,
        are 2**63 or more in a sample, or no sample has two mutations.
    """
    counts, signatures = _named(counts, signatures)
    counts = counts[counts.sum(axis=1) > 1]
    if not len(counts):
        raise ValueError("counts must have a sample with two mutations; got none")
    total = counts.sum(axis=1)
    X = counts / total[:, None]
    square = (X**2).sum(axis=1)
    chance = (1 - square) / (total - 1)
    left = (X - refit_exposures(X, signatures) @ signatures) ** 2
    return float((left.sum(axis=1) - chance).sum() / (square - chance).sum())


def bootstrap_exposures(
    counts, signatures, *, n_resamples=200, level=0.95, random_state=0
):
    """Return bootstrap intervals of exposures, as if tumours were sequenced again.

    Each sample's mutations are resampled from its own profile, as many as it has, and
    refitted.

    Parameters
    ----------
    counts : array of shape (n_samples, n_channels)
        Whole numbers of mutations.
    signatures : array of shape (n_components, n_channels)
        Channels as for :func:`refit_exposures`.
    n_resamples : int, default=200
    level : float, default=0.95
    random_state : int, default=0

    Returns
    -------
    low, high : ndarray of shape (n_samples, n_components)
        In mutations.

    Raises
    ------
    ValueError
        As :func:`refit_exposures`; or if `counts` are not non-negative whole numbers,
        or are 2**63 or more in a sample.
    """
    check_whole(n_resamples=n_resamples)
    check_whole(at_least=0, random_state=random_state)
    check_share("level", level, above=0, below=1)
    counts, signatures = _named(counts, signatures)
    rng = np.random.default_rng(random_state)
    total = counts.sum(axis=1)
    shares = counts / np.maximum(total, 1)[:, None]
    drawn = [
        refit_exposures(rng.multinomial(total.astype(int), shares), signatures)
        for _ in range(n_resamples)
    ]
    return tuple(np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0))


def _named(counts, signatures):
    """Return counts and signatures as arrays, channels in the order of `counts`."""
    S, counts = _signatures(signatures, counts, "counts"), read_matrix(counts, "counts")
    if (counts < 0).any() or (counts != counts.round()).any():
        raise ValueError("counts must be non-negative whole numbers; got others")
    most = counts.sum(axis=1).max()
    if not most < MOST_WHOLE:
        raise ValueError(
            f"counts must have fewer than 2**63 mutations in a sample; got {most:.1e}"
        )
    return counts, S


def _signatures(signatures, table, name):
    """Return signatures as an array, channels in the order of another table."""
    S = aligned_like(signatures, table, name="signatures", by=name, axes=[1])
    return read_matrix(S, "signatures")
