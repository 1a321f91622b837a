"""Theoretical properties of random measurements and dictionaries."""

import numpy as np
from scipy.spatial.distance import pdist

from latentomics.arrays import binary_unit
from latentomics.checks import check_share
from latentomics.matrices import names_of
from latentomics.sensing.base import read_design, read_profiles


def distance_distortion(X, A):
    r"""Return the relative distortion of squared distances by a measurement.

    .. math:: \delta_{ij} = \frac{g}{m} \frac{\|A (x_i - x_j)\|^2}{\|x_i - x_j\|^2} - 1

    for rows of A of length 1 (book: ``eq-jl``). For Gaussian rows, its mean is 0 and
    its standard deviation about :math:`\sqrt{2/m}` for any number of genes (Johnson &
    Lindenstrauss).

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    A : array of shape (n_measurements, n_features)
        The genes of two tables are matched by name.

    Returns
    -------
    ndarray
        One value for each pair of distinct samples.
    """
    genes = names_of(X, axis=1)
    X = read_profiles(X, "X")
    A = read_design(A, X.shape[1], genes)
    X = X / binary_unit(X)  # else squares of X @ A.T may overflow or vanish
    before, after = (pdist(M, "sqeuclidean") for M in (X, X @ A.T))
    differ = before > 0
    m, g = A.shape
    return g / m * after[differ] / before[differ] - 1


def coherence(D):
    r"""Return the largest absolute cosine between two atoms of a dictionary.

    .. math:: \mu = \max_{i \ne j} \frac{|d_i^\top d_j|}{\|d_i\| \|d_j\|}

    (book: ``eq-coherence``).

    Parameters
    ----------
    D : array of shape (n_atoms, n_features)
        At least two non-zero atoms; zero atoms are ignored.
    """
    D = read_profiles(D, "D")
    length = np.linalg.norm(D, axis=1)
    D = D[length > 0] / length[length > 0, None]
    if len(D) < 2:
        raise ValueError(f"D must have two atoms that are not 0; got {len(D)}")
    cosine = np.abs(D @ D.T)
    np.fill_diagonal(cosine, 0)
    return float(cosine.max())


def guaranteed_atoms(mu):
    r"""Return the largest number of atoms that pursuit is guaranteed to recover.

    .. math:: k < \tfrac12 \Big(1 + \frac{1}{\mu}\Big)

    (Tropp 2004; book: ``eq-coherence``), for exactly sparse, noiseless signals and
    coherence `mu`.
    """
    check_share("mu", mu, above=0)
    return int(np.ceil((1 + 1 / mu) / 2) - 1)
