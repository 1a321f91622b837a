"""SMAF: sparse non-negative gene modules, with sparse codes."""

from dataclasses import KW_ONLY

import numpy as np
import pandas as pd
import torch

from latentomics.arrays import as_numpy, generator, rand
from latentomics.params import one_of, positive, share, whole
from latentomics.sensing.dictionary_base import PursuedDictionary, unit
from latentomics.sensing.sparse_modules import bounded_lasso, effective_size
from latentomics.solvers.pursuit import pursuit_path

FORMS = ("penalised", "constrained")
FEWEST = 5  # atoms per sample: k is never lowered below this


class SMAF(PursuedDictionary, n_components=500, n_nonzero=15):
    r"""Learn gene modules, each with few genes, and few modules per sample.

    .. math:: \min_{U \ge 0} \|U\|_1
        \quad\text{with}\quad \|X - W U\|_F^2 \le \lambda \|X\|_F^2

    alternating with codes W of at most k modules per sample, found by pursuit (book:
    ``eq-smaf-modules``), as in [1]. Between the two steps, modules (the rows of U, the
    atoms) are scaled to length 1. k is lowered, but not below 5, to the smallest that
    explains :math:`1 - \lambda` of X. While the mean module size (book:
    ``eq-module-size``) is below `min_module_size`, each iteration halves
    :math:`\lambda`.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        U, non-negative, rows of length 1 or, if unused, 0; of the last iteration that
        explains :math:`1 - \lambda`, or otherwise of the one that explains most.
    n_nonzero_ : int
        k of that iteration.
    fit_ : float
        Share of the uncentred X explained by W and U.
    history_ : DataFrame
        One row per iteration: `fit`, `n_nonzero`, `live` modules, `activity_size` (mean
        effective number of modules per sample), `module_size`, `lam`, whether `kept`.

    Raises
    ------
    ValueError
        In `fit`: if `X` is not a matrix of finite numbers, or a parameter is out of
        range.

    References
    ----------
    [1] Cleary, Cong, Cheung, Lander & Regev (2017). Cell 171:1424-1436.
    """

    _: KW_ONLY
    lam: float = share(0.1, above=0, below=1)
    r""":math:`\lambda`, the share of X to leave unexplained."""
    form: str = one_of(FORMS, "penalised")
    r"""With "penalised", minimise :math:`\tfrac12\|X - WU\|_F^2 + \mu\|U\|_1`, with
    the :math:`\mu` at which the bound above is met. "constrained" is the form printed
    in [1]: each gene has its own bound, :math:`\|x_g - W u_g\|^2 \le \lambda
    \|X\|_F^2 / n`, and hence its own :math:`\mu`, near 0 if it cannot be met.
    That bound shrinks as samples are added."""
    min_module_size: float = positive(1.0)
    """Lower bound on the mean effective number of genes per module; 1 has no effect."""
    max_iter: int = whole(10)

    def fit(self, X, y=None):
        """Fit to profiles `X` of shape (n_samples, n_features)."""
        X = self._read(X)
        self._check_bound(X)
        U = first_modules(X, self.n_components, generator(self.random_state))
        W = self._codes(X, U, self.lam)[0]
        lam, price, turns, kept = self.lam, None, [], 0
        # not `iterate`: all iterations run, as published, and the best one is kept
        for turn in range(self.max_iter):
            U, price = self._modules(X, U, W, lam, price)
            if turn == 0:  # so far modules had the units of X; from now on codes do
                price = price * X.max()
            W, facts = self._codes(X, U, lam)
            turns.append(facts | {"module_size": effective_size(U), "lam": lam})
            goal = 1 - self.lam  # explaining more than required is no better
            if min(facts["fit"], goal) >= min(turns[kept]["fit"], goal):
                kept, best = turn, U
            if turns[-1]["module_size"] < self.min_module_size:
                lam /= 2
        self.components_ = np.zeros((self.n_components, X.shape[1]), dtype=self.dtype)
        self.components_[: len(best)] = as_numpy(best)
        self.n_nonzero_, self.fit_ = turns[kept]["n_nonzero"], turns[kept]["fit"]
        history = pd.DataFrame(turns).rename_axis("turn")
        self.history_ = history.assign(kept=np.arange(len(turns)) == kept)
        return self

    @property
    def n_iter_(self):
        """Iterations, for scikit-learn."""
        return len(self.history_)

    def _modules(self, X, U, W, lam, price):
        """Return the new non-zero modules, scaled to length 1, and their price."""
        used = W.any(dim=0)
        U, W = U[used], W[:, used]
        energy, shared = X.square().sum(dim=0), self.form == "penalised"
        bound = self._bound(energy, len(X), lam)
        U, price = bounded_lasso(
            W.T @ W, W.T @ X, energy, bound, shared=shared, start=U, price=price
        )
        return unit(U[U.any(dim=1)]), price

    def _bound(self, energy, n_samples, lam):
        """Return the bound on the squared residual, over all genes or per gene."""
        per = 1 if self.form == "penalised" else n_samples
        return lam * float(energy.sum()) / per

    def _codes(self, X, U, lam):
        """Return codes with the fewest modules that explain enough, and their facts."""
        k = min(self.n_nonzero, *U.shape)
        path = pursuit_path(
            as_numpy(U), as_numpy(X), k, device=self.device, dtype=self.dtype
        )
        energy = float(X.square().sum())
        fits = [1 - path.residual(j).sum() / energy for j in range(1, k + 1)]
        few = next((j for j in range(FEWEST, k) if fits[j - 1] >= 1 - lam), k)
        W = self._tensor(path.codes(few))
        return W, {
            "fit": float(fits[few - 1]),
            "n_nonzero": few,
            "live": len(U),
            "activity_size": effective_size(W),
        }

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
    """Return randomly drawn samples, clipped at 0, as initial modules.

    Samples are reused only after all were drawn, and then with a random half of genes.
    """
    X = X.clamp(min=0)
    X = X[X.any(dim=1)]
    order = torch.randperm(len(X), generator=generator).to(X.device)
    U = X[order.repeat(-(-n_modules // len(X)))[:n_modules]]
    half = rand(*U.shape, generator=generator, like=X) < 0.5
    half[: len(X)] = True
    return torch.where(half, U, 0)
