"""Blind sensing: learn factors of profiles from their measurements alone."""

from math import log, pi

import numpy as np
import torch

from latentomics.arrays import as_numpy, as_tensor, resolve_device
from latentomics.base import check_not_negative, check_whole
from latentomics.matrices import aligned, as_table, names_of
from latentomics.sensing.base import read_measured
from latentomics.sensing.linear import GaussianDecoder, linear_gain, safe_cholesky
from latentomics.solvers import iterate

RANK = 1e-10  # relative to the largest eigenvalue: below it, no batch saw a direction


class BlindFactors(GaussianDecoder):
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

    Parameters
    ----------
    n_components : int, default=10
        Number of factors, at most the numbers of genes and of samples.
    tol : float, default=1e-3
        Stop once a step changes V by less than this fraction of its norm.
    max_iter : int, default=500
    device : {"auto", "cpu", "cuda"}, default="auto"

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

    def __init__(
        self,
        n_components=10,
        *,
        tol=1e-3,
        max_iter=500,
        device="auto",
    ):
        self.n_components, self.tol, self.max_iter = n_components, tol, max_iter
        self.device = device

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
        check_whole(n_components=self.n_components)
        check_not_negative(noise=noise)
        resolve_device(self.device)
        pairs, self._column_names = read_batches(batches, self.device)
        self.n_features_in_ = pairs[0][1].shape[1]
        g, n = self.n_features_in_, sum(len(Y) for Y, _ in pairs)
        if self.n_components > min(g, n):
            raise ValueError(
                f"n_components must be at most the {g} genes, and the {n} samples; "
                f"got {self.n_components}"
            )
        (V, mu, psi), self.trace_ = iterate(
            lambda state: _em_step(state, pairs, noise),
            self._start(pairs),
            lambda state: _surprise(state, pairs, noise),
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self.loadings_, self.mean_, self.left_ = as_numpy(V), as_numpy(mu), float(psi)
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
        return V, mu, rest.square().mean() / seen

    def _posterior(self, Y, A, noise):
        V, mu, Y, A = (
            as_tensor(M, device=self.device) for M in (self.loadings_, self.mean_, Y, A)
        )
        S = V @ V.T
        S.diagonal().add_(self.left_)
        gain, SAt = linear_gain(S, A, noise)
        variance = S.diagonal() - (gain * SAt).sum(dim=1)
        return as_numpy(mu + (Y - A @ mu) @ gain.T), as_numpy(variance)


def read_batches(batches, device):
    """Return checked pairs of measurements and their matrices, and the gene names.

    Pairs are tensors, with genes in the order of the first A that names them.
    """
    pairs = list(batches)
    wrong = [p for p in pairs if not isinstance(p, list | tuple) or len(p) != 2]
    if wrong or not pairs:
        got = f"a {type(wrong[0]).__name__} in it" if wrong else "none"
        raise ValueError(f"batches must be a list of pairs (Y, A); got {got}")
    g = genes = None
    for number, (Y, A) in enumerate(pairs):
        A = aligned(as_table(A, "A"), genes, name="A", by="an earlier A", axis=1)
        genes = names_of(A, axis=1) if genes is None else genes
        Y, A = read_measured(Y, A, g)
        g = A.shape[1]
        pairs[number] = tuple(as_tensor(M, device=device) for M in (Y, A))
    return pairs, genes


def _shared_mean(pairs):
    r"""Return the minimum-norm least-squares mean of all measurements.

    :math:`(\sum_b n_b A_b^+ A_b)^+ \sum_b \sum_i A_b^+ y_i`, weighted for isotropic
    noise of the profiles (book: ``eq-blind-mean``).
    """
    inverses = [torch.linalg.pinv(A) for _, A in pairs]
    known = list(zip(inverses, pairs, strict=True))
    seen = sum(len(Y) * (P @ A) for P, (Y, A) in known)
    told = sum(P @ Y.sum(dim=0) for P, (Y, _) in known)
    return torch.linalg.pinv(seen, hermitian=True, rtol=RANK) @ told


def _spread(V, psi, A, noise):
    """Return A V and the Cholesky factor of the covariance of the measurements."""
    AV = A @ V
    return AV, safe_cholesky(AV @ AV.T + (psi + noise) * (A @ A.T))


def _em_step(state, pairs, noise):
    r"""Return the loadings, mean and residual variance after one EM step.

    With :math:`\tilde z = (z, 1)`: :math:`[V\, \mu] = E[x \tilde z^\top]
    E[\tilde z \tilde z^\top]^{-1}`, summed over all samples of all batches.
    """
    V, mu, psi = state
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
    return new[:, :q], new[:, q], left.clamp(min=torch.finfo(V.dtype).tiny)


def _surprise(state, pairs, noise):
    """Return the negative log-likelihood of all measurements, in nats."""
    V, mu, psi = state
    total = 0.0
    for Y, A in pairs:
        _, L = _spread(V, psi, A, noise)
        r = torch.linalg.solve_triangular(L, (Y - A @ mu).T, upper=False)
        logs = L.diagonal().log().sum() + len(A) * log(2 * pi) / 2
        total = total + r.square().sum() / 2 + len(Y) * logs
    return total
