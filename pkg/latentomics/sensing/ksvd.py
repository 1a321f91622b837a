"""K-SVD: a dictionary for sparse codes."""

from dataclasses import KW_ONLY
from typing import NamedTuple

import torch

from latentomics.arrays import as_numpy, generator
from latentomics.params import Iterative, not_negative
from latentomics.sensing.dictionary_base import (
    PursuedDictionary,
    energy_of,
    first_atoms,
    replaced,
)
from latentomics.solvers import iterate

TWIN = 0.99  # |cosine| at which two atoms count as duplicates


class State(NamedTuple):
    """What an iteration updates, for n samples, d atoms of g genes."""

    atoms: torch.Tensor  # (d, g), D
    codes: torch.Tensor  # (n, d), W
    left: torch.Tensor  # (), the objective


class KSVD(PursuedDictionary, Iterative, max_iter=50):
    r"""Learn atoms such that each sample is a sum of a few.

    .. math:: \min_{D, W} \|X - W D\|_F^2 \quad\text{with}\quad
        \|w_n\|_0 \le k,\; \|d_j\| = 1

    Alternates two updates (book: ``eq-ksvd``) [1]: codes W by pursuit; then each atom
    and its codes in turn become the best rank-one approximation of the residual that
    the other atoms leave in its samples. The second never raises the objective; pursuit
    is greedy and may. The initial atoms are randomly drawn samples; an unused or
    duplicate atom is replaced by the sample explained worst.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        D.
    n_nonzero_ : int
        k, capped at the number of atoms and of genes.
    trace_ : Trace
        Objective after each iteration, its change relative to :math:`\|X\|_F^2`,
        iterations, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite numbers, all are 0, or a parameter is
        out of range.

    References
    ----------
    [1] Aharon, Elad & Bruckstein (2006). IEEE Trans Signal Process 54:4311-4322,
        Fig. 2.
    """

    _: KW_ONLY
    tol: float = not_negative(1e-5)
    """Stop once an iteration changes the unexplained share of X by at most this."""

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        energy, array = energy_of(X), as_numpy(X)

        def step(state):  # eq-ksvd
            D = renewed(X, state.atoms, state.codes)[0]
            D, W = improved(X, D, self._pursued(array, D))
            return State(D, W, (X - W @ D).square().sum())

        D = first_atoms(X, self.n_components, generator(self.random_state))
        found, self.trace_ = iterate(
            step,
            State(D, self._pursued(array, D), energy),
            lambda state: state.left,
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=1,
            gap=lambda new, old: (new.left - old.left).abs() / energy,
        )
        self.components_ = as_numpy(found.atoms)
        self.n_nonzero_ = min(self.n_nonzero, *D.shape)
        return self


def renewed(X, D, W):
    """Return atoms and codes with unused and duplicate atoms replaced by samples.

    Codes of a duplicate are added to those of the first atom like it.
    """
    W = W.clone()
    cosines = (D @ D.T).triu(diagonal=1)
    twins = cosines.abs() >= TWIN
    for j in reversed(twins.any(dim=0).nonzero()[:, 0].tolist()):
        i = int(twins[:, j].to(torch.uint8).argmax())
        W[:, i] += cosines[i, j].sign() * W[:, j]
        W[:, j] = 0
    idle = (~W.any(dim=0)).nonzero()[:, 0]
    return replaced(D, idle, (X - W @ D).square().sum(dim=1), X)[0], W


def improved(X, D, W):
    """Return atoms and codes after one update of each atom with its codes.

    Each pair becomes the best rank-one approximation of the residual that the others
    leave in its samples, so the objective never rises.
    """
    D, W = D.clone(), W.clone()
    left = X - W @ D
    for j, atom in enumerate(D):
        users = W[:, j].nonzero()[:, 0]
        own = left[users] + W[users, j, None] * atom
        if own.any():  # else unused, or its samples are explained by others
            atom.copy_(first_vector(own))
        W[users, j] = own @ atom
        left[users] = own - W[users, j, None] * atom
    return D, W


def first_vector(M):
    """Return the right singular vector of the largest singular value, (n_columns,).

    Computed from the smaller Gram matrix, in float64, because squaring amplifies
    rounding. The sign makes the entry of largest absolute value positive.
    """
    wide, M = M.shape[0] < M.shape[1], M.double() / M.abs().max()
    v = torch.linalg.eigh(M @ M.T if wide else M.T @ M).eigenvectors[:, -1]
    v = M.T @ v if wide else v
    return v * v[v.abs().argmax()].sign() / v.norm()
