"""Blind sensing: learn factors of profiles from their measurements alone."""

from math import log, pi
from typing import NamedTuple

import numpy as np
import torch

from latentomics.arrays import as_numpy
from latentomics.checks import check_not_negative
from latentomics.matrices import aligned, as_table, names_of
from latentomics.params import Iterative, OnDevice, whole
from latentomics.sensing.base import check_at_most, read_design, read_rows
from latentomics.sensing.linear import (
    GaussianDecoder,
    gaussian_posterior,
    safe_cholesky,
)
from latentomics.solvers import iterate

RANK = 1e-10  # relative to the largest eigenvalue: below it, no batch saw a direction


class Factors(NamedTuple):
    """What the fit updates, for g genes and q factors."""

    loadings: torch.Tensor  # (g, q), V
    mean: torch.Tensor  # (g,), mu
    left: torch.Tensor  # (), psi


class BlindFactors(GaussianDecoder, Iterative, OnDevice, tol=1e-3, max_iter=500):
    r"""Learn factors of unobserved profiles from many different measurements.

    .. math:: x = \mu + V z + \epsilon, \quad z \sim N(0, I), \quad
        \epsilon \sim N(0, \psi I), \qquad y = A_b (x + e)

    Probabilistic principal component analysis [1] of profiles observed only through a
    few sums, different ones in each batch b, fitted by expectation maximization (book:
    ``eq-blind``). With a single measurement, directions outside its row space could
    never be learned; batches measured differently share the factors and complement each
    other.

    The fit starts from the minimum-norm least-squares mean of all sums (book:
    ``eq-blind-mean``) and from the principal directions of the residuals; nothing is
    drawn at random. If it stops early, the factors add little to that mean, because the
    likelihood rises slowly.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
    loadings_ : ndarray of shape (n_features, n_components)
        V, in the units of the profiles.
    left_ : float
        :math:`\psi`, in squared units of the profiles.
    trace_ : Trace
        Negative log-likelihood of the measurements, in nats, at each look.

    Raises
    ------
    ValueError
        In `fit`: if a batch does not match its `A`, or a parameter is out of range.

    References
    ----------
    [1] Tipping & Bishop (1999). JRSS B 61:611-622.
    """

    n_components: int = whole(10)
    """Number of factors, at most the numbers of genes and of samples."""

    def fit(self, batches, noise=0.0):
        """Learn from measurements alone.

        Parameters
        ----------
        batches : list of (Y, A)
            Measurements of some samples, (n_samples, n_measurements), and their matrix,
            (n_measurements, n_features). Tables are matched by name: genes across
            pairs, measurements within each pair.
        noise : float, default=0.0
            Variance of e for each gene in each sample.
        """
        pairs = read_batches(self, batches, noise)
        g, n = self.n_features_in_, sum(len(Y) for Y, _ in pairs)
        what = f"the {g} genes, and the {n} samples"
        check_at_most(min(g, n), what, n_components=self.n_components)
        found, self.trace_ = iterate(
            lambda factors: _em_step(factors, pairs, noise),
            self._start(pairs),
            lambda factors: _surprise(factors, pairs, noise),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self.loadings_, self.mean_ = as_numpy(found.loadings), as_numpy(found.mean)
        self.left_ = float(found.left)
        return self

    def _start(self, pairs):
        """Return least-squares estimates of V, the mean and the residual variance."""
        mu = _shared_mean(pairs)
        rest = torch.cat([(Y - A @ mu) @ torch.linalg.pinv(A).T for Y, A in pairs])
        # share of any direction that a batch of random sums sees
        seen = np.mean([A.shape[0] / A.shape[1] for _, A in pairs])
        s, Vh = torch.linalg.svd(rest, full_matrices=False)[1:]
        q = self.n_components
        V = Vh[:q].T * s[:q] / (len(rest) ** 0.5 * seen)
        return Factors(V, mu, rest.square().mean() / seen)

    def _posterior(self, Y, A, noise):
        V = self._tensor(self.loadings_)
        S = V @ V.T
        S.diagonal().add_(self.left_)
        mu, Y, A = map(self._tensor, (self.mean_, Y, A))
        return gaussian_posterior(mu, S, Y, A, noise)


def read_batches(model, batches, noise):
    """Return pairs of measurements and their matrix, tensors, after all checks.

    Genes are in the order of the first A that names them; the model gets their names.
    """
    model._check_parameters()
    check_not_negative(noise=noise)
    pairs = list(batches)
    wrong = [p for p in pairs if not isinstance(p, list | tuple) or len(p) != 2]
    if wrong or not pairs:
        got = f"a {type(wrong[0]).__name__} in it" if wrong else "none"
        raise ValueError(f"batches must be a list of pairs (Y, A); got {got}")
    g = genes = None
    for number, (Y, A) in enumerate(pairs):
        A = aligned(as_table(A, "A"), genes, name="A", by="an earlier A", axis=1)
        genes = names_of(A, axis=1) if genes is None else genes
        design = read_design(A, g)
        Y, g = read_rows(Y, len(design), names_of(A)), design.shape[1]
        pairs[number] = model._tensor(Y), model._tensor(design)
    model.n_features_in_, model._column_names = g, genes
    return pairs


def _shared_mean(pairs):
    r"""Return the minimum-norm least-squares mean of all measurements.

    :math:`(\sum_b n_b A_b^+ A_b)^+ \sum_b \sum_i A_b^+ y_i`, weighted for isotropic
    noise of the profiles (book: ``eq-blind-mean``).
    """
    known = [(torch.linalg.pinv(A), Y, A) for Y, A in pairs]
    seen = sum(len(Y) * (P @ A) for P, Y, A in known)
    told = sum(P @ Y.sum(dim=0) for P, Y, _ in known)
    return torch.linalg.pinv(seen, hermitian=True, rtol=RANK) @ told


def _spread(V, psi, A, noise):
    """Return A V and the Cholesky factor of the covariance of the measurements."""
    AV = A @ V
    return AV, safe_cholesky(AV @ AV.T + (psi + noise) * (A @ A.T))


def _em_step(factors, pairs, noise):
    r"""Return the loadings, mean and residual variance after one EM step.

    With :math:`\tilde z = (z, 1)`: :math:`[V\, \mu] = E[x \tilde z^\top]
    E[\tilde z \tilde z^\top]^{-1}`, summed over all samples of all batches.
    """
    V, mu, psi = factors
    g, q = V.shape
    XZ, ZZ, n, size = V.new_zeros(g, q + 1), V.new_zeros(q + 1, q + 1), 0, 0.0
    for Y, A in pairs:
        AV, L = _spread(V, psi, A, noise)
        white = torch.linalg.solve_triangular(
            L, torch.cat([(Y - A @ mu).T, AV, A], dim=1), upper=False
        )
        r, wV, wA = white.split([len(Y), q, g], dim=1)
        z = r.T @ wV  # (n, q), the mean of z given y
        x = mu + z @ V.T + psi * (r.T @ wA)
        cross = V - V @ (wV.T @ wV) - psi * (wA.T @ wV)  # covariance of x and z
        one = torch.cat([z, z.new_ones(len(z), 1)], dim=1)
        XZ += x.T @ one
        XZ[:, :q] += len(Y) * cross
        ZZ += one.T @ one
        ZZ[:q, :q] += len(Y) * (torch.eye(q).to(V) - wV.T @ wV)
        seen = (V @ wV.T + psi * wA.T).square().sum()
        size = size + x.square().sum() + len(Y) * (V.square().sum() + g * psi - seen)
        n += len(Y)
    new = torch.linalg.solve(ZZ, XZ.T).T
    left = (size - (new * XZ).sum()) / (n * g)
    left = left.clamp(min=torch.finfo(V.dtype).tiny)
    return Factors(new[:, :q], new[:, q], left)


def _surprise(factors, pairs, noise):
    """Return the negative log-likelihood of all measurements, in nats."""
    V, mu, psi = factors
    total = 0.0
    for Y, A in pairs:
        _, L = _spread(V, psi, A, noise)
        r = torch.linalg.solve_triangular(L, (Y - A @ mu).T, upper=False)
        logs = L.diagonal().log().sum() + len(A) * log(2 * pi) / 2
        total = total + r.square().sum() / 2 + len(Y) * logs
    return total
