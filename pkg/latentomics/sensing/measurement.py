"""Measurements: a few sums of genes instead of every gene."""

from dataclasses import KW_ONLY

import numpy as np
from scipy.linalg import qr

from latentomics.arrays import binary_unit
from latentomics.checks import check_whole
from latentomics.matrices import read_matrix
from latentomics.params import Seeded, flag, positive, whole
from latentomics.sensing.base import Codes, check_at_most, read_profiles

# Random streams: if the measurement and the noise shared one, a row of A would equal a
# sample's noise
OF_ROWS, OF_NOISE = 1, 2
TRIES = 1000  # draws of one row before giving up


class Measurement(Codes):
    """Base class: `fit` draws `components_` for `X`, `transform` measures."""

    n_measurements: int = whole(100)
    """m, at most the number of genes."""

    min_samples = 1  # that `fit` needs

    def fit(self, X, y=None):
        """Draw the measurements of profiles with as many genes as `X` has."""
        X = self._profiles(X, min_samples=self.min_samples)
        g = X.shape[1]
        check_at_most(g, f"the {g} feature(s) of X", n_measurements=self.n_measurements)
        self.components_ = self._draw(X)
        return self

    def transform(self, X):
        """Return the measurements of profiles, (n_samples, n_measurements)."""
        return self._profiles(X, reset=False) @ self.components_.T


class GaussianMeasurement(Measurement, Seeded):
    r"""Sums of all genes with random weights, with little correlation between rows.

    .. math:: y = A (x + e), \qquad a_{ij} \sim N(0, 1), \quad \|a_i\| = 1

    A row whose correlation with an earlier one exceeds `max_correlation` is redrawn [1]
    (book: ``eq-measure``).

    Attributes
    ----------
    components_ : ndarray of shape (n_measurements, n_features)
        A; rows have length 1.

    Raises
    ------
    ValueError
        In `fit`: if there are more measurements than genes, or too few genes for rows
        with so little correlation.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    """

    _: KW_ONLY
    max_correlation: float = positive(0.2)
    """Largest absolute Pearson correlation of two rows; 1 allows any."""
    nonnegative: bool = flag(False)
    """Take absolute values of the weights, because a pool of probes can only add."""

    def _draw(self, X):
        rng = np.random.default_rng([OF_ROWS, self.random_state])
        m, g = self.n_measurements, X.shape[1]
        A, centred = np.empty((m, g)), np.zeros((m, g))
        for i in range(m):
            A[i], centred[i] = self._row(centred[:i], g, rng)
        return A

    def _row(self, before, g, rng):
        """Draw a row until it is nearly uncorrelated with `before`, centred rows."""
        for _ in range(TRIES):
            row = rng.standard_normal(g)
            row = np.abs(row) if self.nonnegative else row
            row /= np.linalg.norm(row)
            own = row - row.mean()
            length = np.linalg.norm(own)
            own = own / length if length > 0 else own
            if not len(before) or np.abs(before @ own).max() <= self.max_correlation:
                return row, own
        raise ValueError(
            f"max_correlation must leave room for {self.n_measurements} rows of {g} "
            f"genes; got {self.max_correlation}, which {TRIES} draws of row "
            f"{len(before) + 1} did not meet"
        )


class PooledMeasurement(Measurement, Seeded):
    r"""Sums of a few genes each, drawn at random: pools of probes.

    .. math:: y_i = \frac{1}{\sqrt{s}} \sum_{j \in \text{pool}_i} (x_j + e_j)

    (book: ``eq-pools``).

    Attributes
    ----------
    components_ : ndarray of shape (n_measurements, n_features)
        A; rows have length 1.

    Raises
    ------
    ValueError
        In `fit`: if `n_measurements` or `pool_size` exceeds the number of genes.
    """

    _: KW_ONLY
    pool_size: int = whole(50)
    """s, the number of genes in a pool."""

    def _draw(self, X):
        g, s = X.shape[1], self.pool_size
        check_at_most(g, f"the {g} feature(s) of X", pool_size=s)
        rng = np.random.default_rng([OF_ROWS, self.random_state])
        A = np.zeros((self.n_measurements, g))
        for row in A:
            row[rng.choice(g, s, replace=False)] = s**-0.5
        return A


class SignatureGenes(Measurement):
    r"""Single genes, chosen to span the profiles best.

    .. math:: j_{k+1} = \arg\max_j \| x_j - P_k x_j \|

    :math:`x_j` is the centred column of a gene, and :math:`P_k` projects onto the k
    genes already chosen. Each new gene is the one those explain least, found by pivoted
    QR factorization (book: ``eq-signature-genes``).

    Attributes
    ----------
    components_ : ndarray of shape (n_measurements, n_features)
        A; a single 1 in each row.
    genes_ : ndarray of shape (n_measurements,)
        Column indices in `X`.

    Raises
    ------
    ValueError
        In `fit`: if there are more measurements than genes.
    """

    def _draw(self, X):
        _, pivots = qr(X - X.mean(axis=0), mode="r", pivoting=True)
        self.genes_ = pivots[: self.n_measurements].astype(np.intp)
        return np.eye(X.shape[1])[self.genes_]


def noise_variance(X, snr):
    r"""Return the noise variance of each gene in each sample.

    .. math:: \sigma^2 = \frac{\|X\|_F^2}{n\, g\, \text{SNR}^2}

    (book: ``eq-snr``), with SNR a ratio of amplitudes; infinity means no noise.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    snr : float

    Raises
    ------
    ValueError
        If `X` is not a matrix of finite numbers with finite squares, or `snr` is not
        positive.
    """
    return _variance(read_profiles(X, "X"), snr)


def _variance(X, snr):
    if not isinstance(snr, int | float | np.number) or not snr > 0:
        raise ValueError(f"snr must be a positive number; got {snr!r}")
    return float(np.square(X).mean() / (snr * snr))


def add_noise(X, snr, random_state=0):
    """Return profiles plus Gaussian noise scaled to norm ``||X|| / snr`` exactly.

    The noise is added to the sample before it is measured, so no measurement can
    average it out more than another.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    snr : float
        Ratio of amplitudes; infinity adds nothing.
    random_state : int, default=0
    """
    X = read_matrix(X)
    unit = binary_unit(X)
    variance = _variance(X / unit, snr)
    check_whole(at_least=0, random_state=random_state)
    N = np.random.default_rng([OF_NOISE, random_state]).standard_normal(X.shape)
    return X + N * (unit * (variance * X.size / np.square(N).sum()) ** 0.5)


def with_variance(X, noise, rng):
    """Return profiles plus Gaussian noise of variance `noise`, drawn from `rng`."""
    return X + noise**0.5 * rng.standard_normal(X.shape)
