"""What the dictionaries of part V share: base classes, and rules for atoms."""

from dataclasses import KW_ONLY
from typing import NamedTuple

import torch

from latentomics.arrays import as_numpy
from latentomics.base import check_kept
from latentomics.params import InPrecision, OnDevice, Seeded, whole
from latentomics.sensing.base import Codes
from latentomics.solvers.pursuit import pursuit

FORGET = 2.0  # batch i of t has weight (i / t) to this power


class Dictionary(Codes, Seeded, OnDevice, InPrecision):
    """Base class; a subclass has `fit` and learns `components_`."""

    def _read(self, X, *, reset=True):
        """Return `X` as a tensor, after checking it and, in a fit, the parameters."""
        X = self._profiles(X, reset=reset)
        if reset:
            check_kept(X, self.dtype)
        return self._tensor(X)

    def _tensor(self, M):
        return super()._tensor(M, self.dtype)

    def _keep(self, sums):
        """Store the sums over all batches; atoms are scaled to length 1."""
        *matrices, n_batches = sums
        self._sums = Sums(*(as_numpy(M) for M in matrices), n_batches)
        self.components_ = as_numpy(unit(sums.atoms))
        return self

    def _kept(self):
        """Return the sums over earlier batches, in the current `dtype`."""
        *matrices, n_batches = self._sums
        return Sums(*(self._tensor(M) for M in matrices), n_batches)

    @property
    def n_iter_(self):
        """Iterations of `fit`, for scikit-learn."""
        return self.trace_.n_iter


class PursuedDictionary(Dictionary):
    """Base class of dictionaries coded by pursuit; a subclass sets `n_nonzero_`."""

    n_components: int = whole(150)
    """Number of atoms; if they outnumber the samples, some may be 0."""
    _: KW_ONLY
    n_nonzero: int = whole(5)
    """k, the most atoms per sample."""

    def transform(self, X):
        """Return codes of at most `n_nonzero_` atoms, (n_samples, n_components)."""
        X = self._profiles(X, reset=False)
        return self._pursue(X, self.components_, self.n_nonzero_)

    def _pursue(self, X, D, n_nonzero):
        """Return codes of at most `n_nonzero` atoms, capped at the shape of `D`."""
        k = min(n_nonzero, *D.shape)
        return pursuit(D, X, k, device=self.device, dtype=self.dtype)

    def _pursued(self, X, D):
        """Return codes of an array in a tensor of atoms, as a tensor."""
        return self._tensor(self._pursue(X, as_numpy(D), self.n_nonzero))


class Sums(NamedTuple):
    """Sums over the batches so far, for d atoms of g genes."""

    atoms: torch.Tensor  # (d, g), D or H
    gram: torch.Tensor  # (d, d), sum of W'W
    target: torch.Tensor  # (d, g), sum of W'X
    n_batches: int = 0

    @classmethod
    def of(cls, D):
        """Return the sums before the first batch."""
        return cls(D, D.new_zeros(len(D), len(D)), torch.zeros_like(D))

    def joined(self, X, W):
        """Return the sums with a batch and its codes; earlier batches count less."""
        t = self.n_batches + 1
        past = (self.n_batches / t) ** FORGET
        gram, target = past * self.gram + W.T @ W, past * self.target + W.T @ X
        return Sums(self.atoms, gram, target, t)


def energy_of(X):
    """Return the squared norm of a tensor, or raise ValueError if it is 0."""
    energy = X.square().sum()
    if not energy > 0:
        raise ValueError("X must have an entry other than 0; got none")
    return energy


def first_atoms(X, n_atoms, generator):
    """Return randomly drawn samples scaled to length 1, padded with zeros."""
    drawn = torch.randperm(len(X), generator=generator)[:n_atoms]
    D = X.new_zeros(n_atoms, X.shape[1])
    D[: len(drawn)] = unit(X[drawn.to(X.device)])
    return D


def improved_atoms(D, A, B, *, nonnegative=False):
    r"""Return atoms after one round of exact minimisation, one atom at a time.

    .. math:: \min_{\|d_j\| \le 1} \tfrac12 \mathrm{tr}(D^\top A D)
        - \mathrm{tr}(D^\top B)

    with :math:`A = W^\top W` and :math:`B = W^\top X`, or sums of them, perhaps over
    non-negative atoms only: Algorithm 2 of Mairal et al. (2010), whose atoms are
    columns. Atoms without codes are unchanged.
    """
    D = D.clone()
    for j in (A.diagonal() > 0).nonzero()[:, 0].tolist():
        best = D[j] + (B[j] - A[j] @ D) / A[j, j]
        best = best.clamp(min=0) if nonnegative else best
        D[j] = best / best.norm().clamp(min=1)
    return D


def replaced(D, idle, left, rows):
    """Return atoms with idle ones replaced by the rows explained worst, and which.

    Parameters
    ----------
    D : tensor of shape (n_atoms, n_features)
    idle : index tensor
    left : tensor of shape (n_samples,)
        Size of each sample's residual; ties go to the first sample.
    rows : tensor of shape (n_samples, n_features)
        Scaled to length 1 as atoms.
    """
    worst = left.sort(descending=True, stable=True).indices[: len(idle)]
    D, idle = D.clone(), idle[: len(worst)]
    D[idle] = unit(rows[worst])
    return D, idle


def unit(M):
    """Return rows scaled to length 1; rows of 0 stay 0."""
    lengths = M.norm(dim=1, keepdim=True)
    return torch.where(lengths > 0, M / lengths, 0)
