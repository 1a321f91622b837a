"""NMF with sparse codes, also from batches of data too large for memory."""

from dataclasses import KW_ONLY

from latentomics.arrays import as_numpy, generator, rand
from latentomics.base import check_no_negative
from latentomics.params import Iterative, not_negative, whole
from latentomics.sensing.dictionary_base import (
    Dictionary,
    Sums,
    improved_atoms,
    replaced,
    unit,
)
from latentomics.sensing.sparse_modules import nonnegative_lasso
from latentomics.solvers import iterate

SWEEPS = 2  # per iteration, over the codes and then over the atoms


class SparseNMF(Dictionary, Iterative, tol=1e-4, max_iter=500):
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

    n_components: int = whole(15)
    """Number of atoms."""
    _: KW_ONLY
    lam: float = not_negative(0.1)
    r""":math:`\lambda`, in the units of `X`: a sample uses an atom only if their
    inner product exceeds this. 0 gives plain NMF."""

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        H = self._first_atoms(X)

        def step(state):
            H, W = state
            W = self._codes(X, H, W.T, tol=0, max_sweeps=SWEEPS)
            return updated_atoms(X, H, W, W.T @ W, W.T @ X), W

        def objective(state):  # eq-sparse-nmf
            H, W = state
            return (X - W @ H).square().sum() / 2 + self.lam * W.sum()

        start = H, X.new_zeros(len(X), len(H))
        (H, W), self.trace_ = iterate(
            step, start, objective, tol=self.tol, max_iter=self.max_iter
        )
        return self._keep(Sums(H, W.T @ W, W.T @ X, 1))

    def partial_fit(self, X, y=None):
        r"""Continue learning from a batch `X` of shape (n_samples, n_features).

        Batch t is coded with the current atoms and added to the sums, which are first
        multiplied by :math:`(1 - 1/t)^2` because early codes used poor atoms. Memory
        holds one batch and d x g and d x d numbers. After `fit`, its data count as the
        first batch.
        """
        self._check_parameters()
        first = not hasattr(self, "components_")
        X = self._read(X, reset=first)
        sums = Sums.of(self._first_atoms(X)) if first else self._kept()
        W = self._codes(X, sums.atoms)
        H, A, C, t = sums.joined(X, W)
        return self._keep(Sums(updated_atoms(X, H, W, A, C), A, C, t))

    def transform(self, X):
        """Return the non-negative sparse codes, (n_samples, n_components)."""
        X = self._read(X, reset=False)
        H = self._tensor(self.components_)
        return as_numpy(self._codes(X, H, tol=1e-6, max_sweeps=1000))

    def _codes(self, X, H, start=None, *, tol=1e-4, max_sweeps=200):
        price = X.new_full((1,), self.lam)
        U = nonnegative_lasso(
            H @ H.T, H @ X.T, price, start, tol=tol, max_sweeps=max_sweeps
        )
        return U.T.contiguous()

    def _first_atoms(self, X):
        gen = generator(self.random_state)
        return unit(rand(self.n_components, X.shape[1], generator=gen, like=X))

    def _profiles(self, X, *, reset=True, min_samples=1):
        X = super()._profiles(X, reset=reset, min_samples=min_samples)
        check_no_negative(X, "numbers")
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags


def updated_atoms(X, H, W, A, C):
    r"""Return non-negative atoms after some rounds of :func:`improved_atoms`.

    :math:`A = W^\top W` and :math:`C = W^\top X`, or sums of them [2]. An atom without
    codes is replaced by the residual of a sample.
    """
    for _ in range(SWEEPS):
        H = improved_atoms(H, A, C, nonnegative=True)
    idle = (A.diagonal() <= 0).nonzero()[:, 0]
    if len(idle):
        left = (X - W @ H).clamp(min=0)
        sizes = left.norm(dim=1)
        H, _ = replaced(H, idle[: int((sizes > 0).sum())], sizes, left)
    return H
