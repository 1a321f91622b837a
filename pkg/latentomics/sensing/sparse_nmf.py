"""NMF with sparse codes, also from batches of data too large for memory."""

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from latentomics.arrays import as_numpy, as_tensor, generator, rand
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.dictionary import Dictionary
from latentomics.sensing.sparse_modules import nonnegative_lasso
from latentomics.solvers import iterate

SWEEPS = 2  # per iteration, over the codes and then over the atoms
FORGET = 2.0  # batch i of t has weight (i / t) to this power
EXACT = {"tol": 1e-6, "max_sweeps": 1000}  # for the codes of new samples


class SparseNMF(Dictionary):
    r"""Learn non-negative atoms such that each sample is a sum of a few.

    .. math:: \min_{W \ge 0,\, H \ge 0} \tfrac12 \|X - W H\|_F^2
        + \lambda \|W\|_1 \quad\text{with}\quad \|h_j\| \le 1

    (book: ``eq-sparse-nmf``). Without the bound on the atoms the penalty would mean
    nothing: codes could shrink for free as atoms grow. Solved by coordinate descent,
    with exact minimisation over one column of W or one row of H at a time [1]. An
    unused atom is replaced by the residual of the sample explained worst, which changes
    nothing until it is used.

    :meth:`partial_fit` learns from batches: H minimises the same objective, given the
    sums of :math:`W^\top W` and :math:`W^\top X` over all batches, as in [2].

    Parameters
    ----------
    n_components : int, default=15
        Number of atoms.
    lam : float, default=0.1
        :math:`\lambda \ge 0`, in the units of `X`: a sample uses an atom only if their
        inner product exceeds this. 0 gives plain NMF.
    tol : float, default=1e-4
        Stop once one iteration changes H by at most `tol` of its norm.
    max_iter : int, default=500
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        H, rows of length 1.
    trace_ : Trace
        Objective and change of H at each look, iterations, why it stopped. Set by
        `fit` only.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite non-negative numbers, or a parameter
        is out of range.

    References
    ----------
    [1] Cichocki & Phan (2009). IEICE Trans Fundamentals E92-A:708-721.
    [2] Mairal, Bach, Ponce & Sapiro (2010). JMLR 11:19-60, Algorithms 1 and 2.
    """

    def __init__(
        self,
        n_components=15,
        *,
        lam=0.1,
        tol=1e-4,
        max_iter=500,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        self.n_components, self.lam = n_components, lam
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        H = self._first_atoms(X)

        def step(state):
            H, W = state
            W = self._codes(X, H, W.T, tol=0, max_sweeps=SWEEPS)
            return improved_atoms(X, H, W, W.T @ W, W.T @ X), W

        def objective(state):  # eq-sparse-nmf
            H, W = state
            return (X - W @ H).square().sum() / 2 + self.lam * W.sum()

        start = (H, X.new_zeros(len(X), len(H)))
        how = {"tol": self.tol, "max_iter": self.max_iter}
        (H, W), self.trace_ = iterate(step, start, objective, **how)
        self._keep(H, W.T @ W, W.T @ X, 1)
        return self

    def partial_fit(self, X, y=None):
        r"""Continue learning from a batch `X` of shape (n_samples, n_features).

        Batch t is coded with the current atoms and added to the sums, which are first
        multiplied by :math:`(1 - 1/t)^2` because early codes used poor atoms. Memory
        holds one batch and d x g and d x d numbers. After `fit`, its data count as the
        first batch.
        """
        first = not hasattr(self, "components_")
        X = self._read(X, reset=first)
        if first:
            self._sums = self._first_atoms(X), 0, 0, 0
        H, A, C, t = self._sums
        W = self._codes(X, H)
        past = (t / (t + 1)) ** FORGET
        A, C = past * A + W.T @ W, past * C + W.T @ X
        self._keep(improved_atoms(X, H, W, A, C), A, C, t + 1)
        return self

    def transform(self, X):
        """Return the non-negative sparse codes, (n_samples, n_components)."""
        check_is_fitted(self)
        X = self._read(X, reset=False)
        H = as_tensor(self.components_, device=self.device, dtype=self.dtype)
        return as_numpy(self._codes(X, H, **EXACT))

    @property
    def n_iter_(self):
        """Iterations of `fit`, for scikit-learn."""
        return self.trace_.n_iter

    def _codes(self, X, H, start=None, **stop):
        price = X.new_full((1,), self.lam)
        U = nonnegative_lasso(H @ H.T, H @ X.T, price, start, **stop)
        return U.T.contiguous()

    def _keep(self, H, A, C, n_batches):
        self._sums = H, A, C, n_batches
        lengths = H.norm(dim=1, keepdim=True)
        self.components_ = as_numpy(torch.where(lengths > 0, H / lengths, 0))

    def _first_atoms(self, X):
        gen = generator(self.random_state)
        H = rand(self.n_components, X.shape[1], generator=gen, like=X)
        return H / H.norm(dim=1, keepdim=True)

    def _read(self, X, *, reset=True):
        check_whole(n_components=self.n_components, max_iter=self.max_iter)
        check_whole(at_least=0, random_state=self.random_state)
        check_not_negative(lam=self.lam, tol=self.tol)
        return super()._read(X, reset=reset)

    def _profiles(self, X, **how):
        X = super()._profiles(X, **how)
        below = np.argwhere(X < 0)
        if len(below):
            row, column = (int(i) for i in below[0])
            raise ValueError(
                "Negative values in data passed to X: it must hold numbers from 0 up; "
                f"got {X[row, column]} in row {row}, column {column}"
            )
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def improved_atoms(X, H, W, A, C):
    r"""Return atoms after some sweeps of exact minimisation, one atom at a time.

    .. math:: \min_{h_j \ge 0,\, \|h_j\| \le 1} \tfrac12 \mathrm{tr}(H^\top A H)
        - \mathrm{tr}(H^\top C)

    with :math:`A = W^\top W` and :math:`C = W^\top X`, or sums of them [2].

    An atom without codes is replaced by the residual of a sample.
    """
    H = H.clone()
    used = A.diagonal() > 0
    for _ in range(SWEEPS):
        for j in used.nonzero()[:, 0].tolist():
            best = (H[j] + (C[j] - A[j] @ H) / A[j, j]).clamp(min=0)
            H[j] = best / best.norm().clamp(min=1)
    idle = (~used).nonzero()[:, 0]
    if len(idle):
        left = (X - W @ H).clamp(min=0)
        sizes = left.norm(dim=1)
        worst = sizes.sort(descending=True, stable=True).indices
        worst = worst[: int((sizes > 0).sum())][: len(idle)]
        H[idle[: len(worst)]] = left[worst] / sizes[worst, None]
    return H
