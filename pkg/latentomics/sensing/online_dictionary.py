"""A dictionary for sparse codes, learned from batches."""

from dataclasses import KW_ONLY
from typing import NamedTuple

import torch

from latentomics.arrays import as_numpy, generator
from latentomics.params import Iterative, not_negative, whole
from latentomics.sensing.dictionary_base import (
    PursuedDictionary,
    Sums,
    energy_of,
    first_atoms,
    improved_atoms,
    replaced,
)
from latentomics.solvers import iterate

IDLE = 1e-3  # an atom with at most this fraction of the mean squared codes is idle


class State(NamedTuple):
    """What a pass updates."""

    sums: Sums | None  # None before the first batch
    left: torch.Tensor  # (), the unexplained share of X


class OnlineDictionary(PursuedDictionary, Iterative):
    r"""Learn atoms such that each sample is a sum of a few, batch by batch.

    .. math:: \min_{D, W} \|X - W D\|_F^2 \quad\text{with}\quad
        \|w_n\|_0 \le k,\; \|d_j\| \le 1

    (book: ``eq-online-dictionary``). Pursuit finds the codes W of a batch; D then
    minimises the objective over all batches so far, of which only the sums
    :math:`A = W^\top W` and :math:`B = W^\top X` are kept: Algorithm 1 of [1], with at
    most k atoms per code instead of a penalty, as in [2]. Before batch t is added, the
    sums are multiplied by :math:`(1 - 1/t)^2` (section 3.4.2 of [1]), because early
    codes used poor atoms; a sample's weight does not depend on the batch size. Each
    batch takes one round over the atoms, which start as randomly drawn samples. An idle
    atom is replaced by the sample of the batch explained worst. At the end, atoms are
    scaled to length 1; shorter codes compensate.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        D, rows of length 1; 0 for an atom that no sample used.
    n_nonzero_ : int
        k, capped at the number of atoms and of genes.
    trace_ : Trace
        Unexplained share of X after each pass, its change, passes, why it stopped. Set
        by `fit` only.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite numbers, all are 0, or a parameter is
        out of range.

    References
    ----------
    [1] Mairal, Bach, Ponce & Sapiro (2010). JMLR 11:19-60, Algorithms 1 and 2.
    [2] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    """

    _: KW_ONLY
    batch_size: int = whole(256)
    """Samples per batch, reshuffled in every pass; the last batch may be smaller."""
    tol: float = not_negative(1e-5)
    """Stop once a pass changes the unexplained share of X by at most this."""
    max_iter: int = whole(50)
    """Passes over `X`."""

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        energy, gen = energy_of(X), generator(self.random_state)

        def step(state):
            sums = state.sums
            for batch in shuffled(X, self.batch_size, gen):
                sums = self._joined(sums, batch)
            D, left = sums.atoms, 0
            for part in X.split(self.batch_size):  # limits memory
                W = self._pursued(as_numpy(part), D)
                left = left + (part - W @ D).square().sum()
            return State(sums, left / energy)

        found, self.trace_ = iterate(
            step,
            State(None, X.new_ones(())),
            lambda state: state.left,
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=1,
            gap=lambda new, old: (new.left - old.left).abs(),
        )
        return self._keep(found.sums)

    def partial_fit(self, X, y=None):
        """Continue learning from a batch `X` of shape (n_samples, n_features).

        `X` is one batch: `batch_size`, `tol` and `max_iter` apply only to `fit`, one
        pass of which calls this update for each batch. Memory holds one batch and
        d x g and d x d numbers. After `fit`, learning continues from its result.
        """
        self._check_parameters()
        first = not hasattr(self, "components_")
        X = self._read(X, reset=first)
        return self._keep(self._joined(None if first else self._kept(), X))

    def _joined(self, sums, X):
        """Return the sums with batch `X`, and the atoms updated."""
        if sums is None:
            draw = generator(self.random_state)
            sums = Sums.of(first_atoms(X, self.n_components, draw))
        W = self._pursued(as_numpy(X), sums.atoms)
        _, A, B, t = sums.joined(X, W)
        D = improved_atoms(sums.atoms, A, B)
        left = (X - W @ D).square().sum(dim=1)
        return Sums(*renewed_atoms(D, A, B, left, X), t)

    def _keep(self, sums):
        self.n_nonzero_ = min(self.n_nonzero, *sums.atoms.shape)
        return super()._keep(sums)


def shuffled(X, batch_size, generator):
    """Return the samples in batches, in random order."""
    order = torch.randperm(len(X), generator=generator)
    return X[order.to(X.device)].split(batch_size)


def renewed_atoms(D, A, B, left, X):
    """Return atoms and sums with idle atoms replaced by samples and their sums by 0.

    `left` is the squared residual of each sample; the largest are taken first.
    """
    weights = A.diagonal()
    idle = (weights <= IDLE * weights.mean()).nonzero()[:, 0]
    D, idle = replaced(D, idle, left, X)
    A, B = A.clone(), B.clone()
    A[idle], A[:, idle], B[idle] = 0, 0, 0
    return D, A, B
