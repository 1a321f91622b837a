"""Exposures of samples to signatures that are given."""

import numpy as np

from latentomics.arrays import as_numpy, as_tensor
from latentomics.base import check_finite, check_shape, check_whole
from latentomics.linalg.nnls import nnls


def refit_exposures(X, signatures):
    r"""Return how much of each signature each sample holds.

    .. math:: \arg\min_{E \ge 0} \|X - E S\|_F^2

    (book: ``eq-nnls``), in the units of `X`: shares of a profile, or mutations.

    Parameters
    ----------
    X : array of shape (n_samples, n_channels)
    signatures : array of shape (n_components, n_channels)
        Channels in the same order.

    Returns
    -------
    ndarray of shape (n_samples, n_components)

    Raises
    ------
    ValueError
        If one is no matrix of finite numbers, or they differ in their channels.
    """
    X, S = _matrix(X, "X"), _matrix(signatures, "signatures")
    if X.shape[1] != S.shape[1]:
        raise ValueError(
            f"X and signatures must have the same channels; got {X.shape[1]} "
            f"and {S.shape[1]}"
        )
    where = {"device": "cpu", "dtype": "float64"}
    return as_numpy(nnls(as_tensor(X, **where), as_tensor(S, **where)))


def bootstrap_exposures(
    counts, signatures, *, n_resamples=200, level=0.95, random_state=0
):
    """Return the interval of each exposure if the same tumour were sequenced again.

    The mutations of each sample are drawn anew from its own profile, as many as it
    has, and refitted.

    Parameters
    ----------
    counts : array of shape (n_samples, n_channels)
        Mutations; whole numbers.
    signatures : array of shape (n_components, n_channels)
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
        As :func:`refit_exposures`, or `counts` are not whole numbers from 0 up.
    """
    check_whole(n_resamples=n_resamples)
    check_whole(at_least=0, random_state=random_state)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1; got {level!r}")
    counts = _matrix(counts, "counts")
    if (counts < 0).any() or (counts != counts.round()).any():
        raise ValueError("counts must be whole numbers from 0 up; got others")
    rng = np.random.default_rng(random_state)
    total = counts.sum(axis=1)
    shares = counts / np.maximum(total, 1)[:, None]
    drawn = [
        refit_exposures(rng.multinomial(total.astype(int), shares), signatures)
        for _ in range(n_resamples)
    ]
    return tuple(np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0))


def _matrix(X, name):
    check_shape(X, name)
    X = np.asarray(X, dtype="float64")
    check_finite(X, name)
    if np.isnan(X).any():
        raise ValueError(f"{name} must be finite; got NaN")
    return X
