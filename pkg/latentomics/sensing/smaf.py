"""SMAF: sparse non-negative gene modules, few of which make a sample."""

import numpy as np
import pandas as pd
import torch

from latentomics.arrays import as_numpy, as_tensor, generator, rand
from latentomics.base import check_choice, check_positive, check_whole
from latentomics.sensing.dictionary import PursuedDictionary
from latentomics.sensing.sparse_modules import bounded_lasso, effective_size
from latentomics.solvers.pursuit import pursuit_path

FORMS = ("penalised", "constrained")
FEWEST = 5  # atoms a sample: not lowered below


class SMAF(PursuedDictionary):
    r"""Learn gene modules: few genes each, few modules a sample.

    .. math:: \min_{U \ge 0} \|U\|_1
        \quad\text{with}\quad \|X - W U\|_F^2 \le \lambda \|X\|_F^2

    in turns with codes W of at most k modules a sample, by pursuit (book:
    ``eq-smaf-modules``), as in [1]. Modules, the rows of U, are scaled to length 1
    between the two. k is lowered, not below 5, to the fewest whose codes explain
    :math:`1 - \lambda` of X. While the mean size of the modules (book:
    ``eq-module-size``) is below its floor, :math:`\lambda` is halved after each turn.

    Parameters
    ----------
    n_components : int, default=500
        Modules. Those that no sample used are 0 in the end.
    n_nonzero : int, default=15
        k, at most so many modules a sample.
    lam : float, default=0.1
        :math:`\lambda`, the share of X to leave unexplained, 0 to below 1.
    form : {"penalised", "constrained"}, default="penalised"
        "penalised" minimises :math:`\tfrac12\|X - WU\|_F^2 + \mu\|U\|_1`, at the one
        :math:`\mu` where the bound above is met. "constrained" is printed in [1]:
        each gene has its own bound, :math:`\|x_g - W u_g\|^2 \le \lambda \|X\|_F^2 /
        n`, and thereby its own price, 0 where no codes reach it. That bound shrinks
        as samples are added.
    min_module_size : float, default=1.0
        Genes in effect, the floor of the mean. From 1 genes up: 1 never acts.
    max_iter : int, default=10
        Turns.
    random_state : int, default=0
    device : {"auto", "cpu", "cuda"}, default="auto"
    dtype : {"float64", "float32"}, default="float64"

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        U of the last turn that explains :math:`1 - \lambda`, or else of that which
        explains most: from 0 up, rows of length 1 or 0.
    n_nonzero_ : int
        k of that turn.
    fit_ : float
        Share of X, uncentred, that W and U explain.
    history_ : DataFrame
        A row for each turn: `fit`, `n_nonzero`, `live` modules, `activity_size`
        (modules in effect in a sample), `module_size`, `lam`, whether it was `kept`.

    Raises
    ------
    ValueError
        In `fit`: `X` is not a matrix of finite numbers, or a parameter is out of its
        range.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    """

    def __init__(
        self,
        n_components=500,
        *,
        n_nonzero=15,
        lam=0.1,
        form="penalised",
        min_module_size=1.0,
        max_iter=10,
        random_state=0,
        device="auto",
        dtype="float64",
    ):
        self.n_components, self.n_nonzero, self.lam = n_components, n_nonzero, lam
        self.form, self.min_module_size = form, min_module_size
        self.max_iter, self.random_state = max_iter, random_state
        self.device, self.dtype = device, dtype

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        self._check_parameters()
        X = self._read(X)
        self._check_bound(X)
        U = first_modules(X, self.n_components, generator(self.random_state))
        W = self._codes(X, U, self.lam)[0]
        lam, price, turns, kept = self.lam, None, [], 0
        for turn in range(self.max_iter):
            U, price = self._modules(X, U, W, lam, price)
            if turn == 0:  # modules in units of X; from now on the codes have them
                price = price * X.max()
            W, facts = self._codes(X, U, lam)
            turns.append({**facts, "module_size": effective_size(U), "lam": lam})
            goal = 1 - self.lam  # to explain more than was asked for is no better
            if min(facts["fit"], goal) >= min(turns[kept]["fit"], goal):
                kept = turn
                self._store(U, facts)
            if turns[-1]["module_size"] < self.min_module_size:
                lam /= 2
        history = pd.DataFrame(turns).rename_axis("turn")
        self.history_ = history.assign(kept=np.arange(len(turns)) == kept)
        return self

    @property
    def n_iter_(self):
        """Turns, for scikit-learn."""
        return len(self.history_)

    def _store(self, U, facts):
        """Keep a turn: modules that no sample used are 0."""
        self.components_ = np.zeros((self.n_components, U.shape[1]), dtype=self.dtype)
        self.components_[: len(U)] = as_numpy(U)
        self.n_nonzero_, self.fit_ = facts["n_nonzero"], facts["fit"]

    def _modules(self, X, U, W, lam, price):
        """Return new modules that are not 0, scaled to length 1, and their price."""
        used = W.any(dim=0)
        U, W = U[used], W[:, used]
        energy = X.square().sum(dim=0)
        shared = self.form == "penalised"
        bound = self._bound(energy, len(X), lam)
        how = {"shared": shared, "start": U, "price": price}
        U, price = bounded_lasso(W.T @ W, W.T @ X, energy, bound, **how)
        U = U[U.any(dim=1)]
        return U / U.norm(dim=1, keepdim=True), price

    def _bound(self, energy, n_samples, lam):
        """Return what may be left unexplained: of all genes, or of each."""
        per = 1 if self.form == "penalised" else n_samples
        return lam * float(energy.sum()) / per

    def _codes(self, X, U, lam):
        """Return codes of the fewest modules that explain enough, and facts of them."""
        k = min(self.n_nonzero, *U.shape)
        where = {"device": self.device, "dtype": self.dtype}
        path = pursuit_path(as_numpy(U), as_numpy(X), k, **where)
        energy = float(X.square().sum())
        fits = [1 - path.residual(j).sum() / energy for j in range(1, k + 1)]
        few = next((j for j in range(FEWEST, k) if fits[j - 1] >= 1 - lam), k)
        W = as_tensor(path.codes(few), **where)
        facts = {"fit": float(fits[few - 1]), "n_nonzero": few, "live": len(U)}
        return W, {**facts, "activity_size": effective_size(W)}

    def _check_parameters(self):
        check_whole(n_components=self.n_components, n_nonzero=self.n_nonzero)
        check_whole(max_iter=self.max_iter)
        check_whole(at_least=0, random_state=self.random_state)
        check_positive(lam=self.lam, min_module_size=self.min_module_size)
        if self.lam >= 1:
            raise ValueError(f"lam must be below 1; got {self.lam!r}")
        check_choice("form", self.form, FORMS)

    def _check_bound(self, X):
        if not (X > 0).any():
            raise ValueError("X must have an entry above 0; got none")
        energy = X.square().sum(dim=0)
        largest = energy.sum() if self.form == "penalised" else energy.max()
        if self._bound(energy, len(X), self.lam) >= largest:
            raise ValueError(
                f"lam must be smaller to leave a gene to explain; got {self.lam!r}: "
                "each gene is below the bound as it is"
            )


def first_modules(X, n_modules, generator):
    """Return samples drawn at random, without what is below 0, as modules.

    Each is drawn once before any is drawn again, then with half of its genes.
    """
    X = X.clamp(min=0)
    X = X[X.any(dim=1)]
    order = torch.randperm(len(X), generator=generator).to(X.device)
    U = X[order.repeat(-(-n_modules // len(X)))[:n_modules]]
    half = rand(*U.shape, generator=generator, like=X) < 0.5
    half[: len(X)] = True
    return torch.where(half, U, 0)
