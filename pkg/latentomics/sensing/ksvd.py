"""K-SVD: a dictionary for sparse codes."""

import torch

from latentomics.arrays import as_numpy, as_tensor, generator
from latentomics.base import check_not_negative, check_whole
from latentomics.sensing.dictionary import PursuedDictionary
from latentomics.solvers import iterate

TWIN = 0.99  # |cosine| at which two atoms count as duplicates


class KSVD(PursuedDictionary):
    r"""Learn atoms such that each sample is a sum of a few.

    .. math:: \min_{D, W} \|X - W D\|_F^2 \quad\text{with}\quad
        \|w_n\|_0 \le k,\; \|d_j\| = 1

    Alternates two updates (book: ``eq-ksvd``) [1]: codes W by pursuit; then each atom
    and its codes in turn become the best rank-one approximation of the residual that
    the other atoms leave in its samples. The second never raises the objective; pursuit
    is greedy and may. An unused or duplicate atom is replaced by the sample explained
    worst.

    Parameters
    ----------
    n_components : int, default=150
        Number of atoms; if they outnumber the samples, some may be 0.
    n_nonzero : int, default=5
        k, the most atoms per sample.
    tol : float, default=1e-5
        Stop once an iteration changes the unexplained share of X by at most this.
    max_iter : int, default=50
    random_state : int, default=0
        Seed for the samples used as initial atoms.
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

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
        """Iterations, for scikit-learn."""
        return self.trace_.n_iter


def first_atoms(X, n_atoms, generator):
    """Return randomly drawn samples scaled to length 1, padded with zeros."""
    drawn = torch.randperm(len(X), generator=generator)[:n_atoms]
    D = X.new_zeros(n_atoms, X.shape[1])
    D[: len(drawn)] = _unit(X[drawn.to(X.device)])
    return D


def renewed(X, D, W):
    """Return atoms and codes with unused and duplicate atoms replaced by samples.

    Codes of a duplicate are added to those of the first atom like it.
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


def _unit(M):
    """Return rows scaled to length 1; rows of 0 stay 0."""
    lengths = M.norm(dim=1, keepdim=True)
    return torch.where(lengths > 0, M / lengths, 0)
