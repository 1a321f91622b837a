"""K-SVD: a dictionary of which each sample uses few atoms."""

import torch

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.dictionary import PursuedDictionary
from latentomics.solvers import iterate

TWIN = 0.99  # |cosine| from which two atoms are one


class KSVD(PursuedDictionary):
    r"""Learn atoms, few of which make a sample.

    .. math:: \min_{D, W} \|X - W D\|_F^2 \quad\text{with}\quad
        \|w_n\|_0 \le k,\; \|d_j\| = 1

    In turns (book: ``eq-ksvd``) [1]: codes W by pursuit, then one atom after another,
    with its codes, becomes the best rank one for what the others leave of its samples:
    its first singular vectors. That lowers the objective, which pursuit, being greedy,
    may raise. An atom that no sample uses, or that another repeats, is put on the
    sample explained worst.

    Parameters
    ----------
    n_components : int, default=150
        Atoms. More than `X` has samples are 0.
    n_nonzero : int, default=5
        k, at most so many atoms a sample.
    tol : float, default=1e-5
        Stop once a turn changes the share of X left by at most this.
    max_iter : int, default=50
        Turns.
    random_state : int, default=0
        Which samples are the first atoms.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        D.
    n_nonzero_ : int
        k; fewer where there are fewer atoms or genes.
    trace_ : Trace
        Objective after each turn, change as a share of X, turns, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: `X` is not a matrix of finite numbers, not all 0, or a parameter is
        out of its range.

    References
    ----------
    [1] Aharon, Elad & Bruckstein (2006). IEEE Trans Signal Process 54:4311-4322,
        Fig. 2.
    """

    def __init__(
        self,
        n_components=150,
        *,
        n_nonzero=5,
        tol=1e-5,
        max_iter=50,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        self.n_components, self.n_nonzero = n_components, n_nonzero
        self.tol, self.max_iter, self.random_state = tol, max_iter, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        energy = X.square().sum()
        if not energy > 0:
            raise ValueError("X must have an entry other than 0; got none")
        array = as_numpy(X)

        def found(D):
            W = self._pursue(array, as_numpy(D), self.n_nonzero)
            return as_tensor(W, device=self.device, dtype=self.dtype)

        def step(state):  # eq-ksvd
            D = renewed(X, *state[:2])[0]
            D, W = improved(X, D, found(D))
            return D, W, (X - W @ D).square().sum()

        D = first_atoms(X, self.n_components, generator(self.random_state))
        (D, _, _), self.trace_ = iterate(
            step,
            (D, found(D), energy),
            lambda state: state[-1],
            tol=self.tol,
            max_iter=self.max_iter,
            look_every=1,
            gap=lambda new, old: (new[-1] - old[-1]).abs() / energy,
        )
        return self._keep(D)

    def _read(self, X, *, reset=True):
        check_whole(n_components=self.n_components, n_nonzero=self.n_nonzero)
        check_whole(max_iter=self.max_iter)
        check_whole(at_least=0, random_state=self.random_state)
        check_not_negative(tol=self.tol)
        return super()._read(X, reset=reset)

    def _keep(self, D):
        self.components_ = as_numpy(D)
        self.n_nonzero_ = min(self.n_nonzero, *D.shape)
        return self

    @property
    def n_iter_(self):
        """Turns, for scikit-learn."""
        return self.trace_.n_iter


def first_atoms(X, n_atoms, generator):
    """Return samples drawn at random, of length 1, then zeros."""
    drawn = torch.randperm(len(X), generator=generator)[:n_atoms]
    D = X.new_zeros(n_atoms, X.shape[1])
    D[: len(drawn)] = _unit(X[drawn.to(X.device)])
    return D


def renewed(X, D, W):
    """Return atoms and codes once idle and repeated atoms are on samples instead.

    Codes of a repeated atom go to the first like it.
    """
    D, W = D.clone(), W.clone()
    cosines = (D @ D.T).triu(diagonal=1)
    twins = cosines.abs() >= TWIN
    for j in reversed(twins.any(dim=0).nonzero()[:, 0].tolist()):
        i = int(twins[:, j].to(torch.uint8).argmax())
        W[:, i] += cosines[i, j].sign() * W[:, j]
        W[:, j] = 0
    idle = (~W.any(dim=0)).nonzero()[:, 0]
    left = (X - W @ D).square().sum(dim=1)
    worst = left.sort(descending=True, stable=True).indices[: len(idle)]
    D[idle[: len(worst)]] = _unit(X[worst])
    return D, W


def improved(X, D, W):
    """Return atoms and codes after each atom was improved once, with its codes.

    Each pair becomes the best rank one for what the others leave of its samples, so
    the objective never rises.
    """
    D, W = D.clone(), W.clone()
    left = X - W @ D
    for j, atom in enumerate(D):
        users = W[:, j].nonzero()[:, 0]
        own = left[users] + W[users, j, None] * atom
        if own.any():  # or no sample uses it, or others explain all that do
            atom.copy_(first_vector(own))
        W[users, j] = own @ atom
        left[users] = own - W[users, j, None] * atom
    return D, W


def first_vector(M):
    """Return the right singular vector of the largest singular value, (n_columns,).

    From the smaller of the Gram matrices, in float64, since it squares what rounding
    leaves. A sign is free: of the vector, the entry farthest from 0 is above it.
    """
    wide, M = M.shape[0] < M.shape[1], M.double() / M.abs().max()
    v = torch.linalg.eigh(M @ M.T if wide else M.T @ M).eigenvectors[:, -1]
    v = M.T @ v if wide else v
    return v * v[v.abs().argmax()].sign() / v.norm()


def _unit(M):
    """Return rows of length 1; those of length 0 stay."""
    lengths = M.norm(dim=1, keepdim=True)
    return torch.where(lengths > 0, M / lengths, 0)
