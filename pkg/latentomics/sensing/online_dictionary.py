"""A dictionary for sparse codes, learned from batches."""

import torch

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.dictionary import PursuedDictionary
from latentomics.sensing.ksvd import first_atoms
from latentomics.solvers import iterate

FORGET = 2.0  # rho of [1]: batch i of t has weight (i / t) to this power
IDLE = 1e-3  # an atom with at most this fraction of the mean squared codes is idle


class OnlineDictionary(PursuedDictionary):
    r"""Learn atoms such that each sample is a sum of a few, batch by batch.

    .. math:: \min_{D, W} \|X - W D\|_F^2 \quad\text{with}\quad
        \|w_n\|_0 \le k,\; \|d_j\| \le 1

    (book: ``eq-online-dictionary``). Pursuit finds the codes W of a batch; D then
    minimises the objective over all batches so far, of which only the sums
    :math:`A = W^\top W` and :math:`B = W^\top X` are kept: Algorithm 1 of [1], with at
    most k atoms per code instead of a penalty, as in [2]. Before batch t is added, the
    sums are multiplied by :math:`(1 - 1/t)^2` (section 3.4.2 of [1]), because early
    codes used poor atoms; a sample's weight does not depend on the batch size. Each
    batch takes one round over the atoms. An idle atom is replaced by the sample of the
    batch explained worst. At the end, atoms are scaled to length 1; shorter codes
    compensate.

    Parameters
    ----------
    n_components : int, default=150
        Number of atoms. If `X` has fewer samples, some stay idle.
    n_nonzero : int, default=5
        k, the most atoms per sample.
    batch_size : int, default=256
        Samples per batch, reshuffled in every pass; the last batch may be smaller.
    tol : float, default=1e-5
        Stop once a pass changes the unexplained share of X by at most this.
    max_iter : int, default=50
        Passes over `X`.
    random_state : int, default=0
        Seed of the batches and of the samples used as initial atoms.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

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

    def __init__(
        self,
        n_components=150,
        *,
        n_nonzero=5,
        batch_size=256,
        tol=1e-5,
        max_iter=50,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        self.n_components, self.n_nonzero = n_components, n_nonzero
        self.batch_size, self.tol, self.max_iter = batch_size, tol, max_iter
        self.random_state, self.device, self.dtype = random_state, device, dtype

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        energy = X.square().sum()
        if not energy > 0:
            raise ValueError("X must have an entry other than 0; got none")
        gen = generator(self.random_state)

        def step(state):
            sums = state[0]
            for batch in shuffled(X, self.batch_size, gen):
                sums = self._joined(sums, batch)
            return sums, self._left(X, sums[0]) / energy

        (sums, _), self.trace_ = iterate(
            step,
            (None, X.new_ones(())),
            lambda state: state[1],
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=1,
            gap=lambda new, old: (new[1] - old[1]).abs(),
        )
        return self._keep(sums)

    def partial_fit(self, X, y=None):
        """Continue learning from a batch `X` of shape (n_samples, n_features).

        `X` is one batch: `batch_size`, `tol` and `max_iter` apply only to `fit`, one
        pass of which calls this update for each batch. Memory holds one batch and
        d x g and d x d numbers. After `fit`, learning continues from its result.
        """
        first = not hasattr(self, "components_")
        X = self._read(X, reset=first)
        return self._keep(self._joined(None if first else self._sums, X))

    @property
    def n_iter_(self):
        """Passes of `fit`, for scikit-learn."""
        return self.trace_.n_iter

    def _joined(self, sums, X):
        """Return atoms, A, B and the number of batches after adding batch `X`."""
        if sums is None:
            D = first_atoms(X, self.n_components, generator(self.random_state))
            sums = D, X.new_zeros(len(D), len(D)), torch.zeros_like(D), 0
        D, A, B, t = sums
        W = self._codes(X, D)
        past = (t / (t + 1)) ** FORGET
        A, B = past * A + W.T @ W, past * B + W.T @ X
        D = improved_atoms(D, A, B)
        return *renewed_atoms(D, A, B, (X - W @ D).square().sum(dim=1), X), t + 1

    def _codes(self, X, D):
        W = self._pursue(as_numpy(X), as_numpy(D), self.n_nonzero)
        return as_tensor(W, device=self.device, dtype=self.dtype)

    def _left(self, X, D):
        """Return the objective, computing codes batch by batch to limit memory."""
        parts = X.split(self.batch_size)
        return sum((M - self._codes(M, D) @ D).square().sum() for M in parts)

    def _read(self, X, *, reset=True):
        check_whole(n_components=self.n_components, n_nonzero=self.n_nonzero)
        check_whole(batch_size=self.batch_size, max_iter=self.max_iter)
        check_whole(at_least=0, random_state=self.random_state)
        check_not_negative(tol=self.tol)
        return super()._read(X, reset=reset)

    def _keep(self, sums):
        self._sums, D = sums, sums[0]
        lengths = D.norm(dim=1, keepdim=True)
        self.components_ = as_numpy(torch.where(lengths > 0, D / lengths, 0))
        self.n_nonzero_ = min(self.n_nonzero, *D.shape)
        return self


def shuffled(X, batch_size, generator):
    """Return the samples in batches, in random order."""
    order = torch.randperm(len(X), generator=generator)
    return X[order.to(X.device)].split(batch_size)


def improved_atoms(D, A, B):
    r"""Return atoms after one round of exact minimisation, one atom at a time.

    .. math:: \min_{\|d_j\| \le 1} \tfrac12 \mathrm{tr}(D^\top A D)
        - \mathrm{tr}(D^\top B)

    Algorithm 2 of [1], whose atoms are columns. Atoms without codes are unchanged.
    """
    D = D.clone()
    for j in (A.diagonal() > 0).nonzero()[:, 0].tolist():
        best = D[j] + (B[j] - A[j] @ D) / A[j, j]
        D[j] = best / best.norm().clamp(min=1)
    return D


def renewed_atoms(D, A, B, left, X):
    """Return atoms and sums with idle atoms replaced by samples and their sums by 0.

    `left` is the squared residual of each sample; the largest are taken first.
    """
    weights = A.diagonal()
    idle = (weights <= IDLE * weights.mean()).nonzero()[:, 0]
    worst = left.sort(descending=True, stable=True).indices[: len(idle)]
    idle = idle[: len(worst)]
    D, A, B = D.clone(), A.clone(), B.clone()
    lengths = X[worst].norm(dim=1, keepdim=True)
    D[idle] = torch.where(lengths > 0, X[worst] / lengths, 0)
    A[idle], A[:, idle], B[idle] = 0, 0, 0
    return D, A, B
