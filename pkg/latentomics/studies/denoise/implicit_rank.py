"""What descent on a product of matrices learns, and in which order."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from latentomics.arrays import as_mask, as_numpy, as_tensor, binary_unit, generator
from latentomics.base import check_mask, check_size
from latentomics.checks import check_not_negative, check_positive, check_whole
from latentomics.denoise.chain import balanced_start, chain_gradient, tails
from latentomics.matrices import aligned_like, as_labels, check_dense, read_matrix
from latentomics.metrics import first_near_best


@dataclass
class Paths:
    """The course of one descent: one row per look, the start first.

    Parameters
    ----------
    iteration : ndarray of shape (n_looks,)
    sizes : ndarray of shape (n_looks, min(n, p))
        Singular values of the product, in the units of `X`, largest first.
    error : ndarray of shape (n_looks,)
        Root mean squared error on the held-out entries, in the units of `X`.
    """

    iteration: np.ndarray
    sizes: np.ndarray
    error: np.ndarray

    @property
    def best(self):
        """Last look whose held-out error is within a millionth of the lowest."""
        return len(self.error) - 1 - int(first_near_best(self.error[::-1]))


def singular_value_paths(
    X,
    held,
    hidden=(),
    *,
    init_scale=1e-3,
    learning_rate=0.1,
    weight_decay=0.0,
    n_iter=1000,
    look_every=10,
    random_state=0,
    device="auto",
):
    r"""Follow the singular values of a product while plain gradient descent fits it.

    .. math::
        \min_{M_1, \dots, M_N} \tfrac12 \|P_\Omega(X - M_1 \cdots M_N)\|_F^2
        + \frac{\mu}{2} \sum_i \|M_i\|_F^2

    The start is balanced (book: ``eq-balanced-start``) and there is no momentum, so
    that the steps follow the flow of ``eq-singular-flow`` as closely as their size
    allows. A product of one matrix, which :class:`DeepMatrixFactorization` does not
    offer, is the matrix itself.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        NaN marks a gap.
    held : array of bool of shape (n_samples, n_features)
        Measured entries to leave out of the fit; a table is matched to `X` by name.
    hidden : tuple of int, default=()
        Inner sizes, one fewer than factors; if empty, X is fitted by one matrix.
    init_scale : float, default=1e-3
        Size of the product at the start, in the units of `X`.
    learning_rate : float, default=0.1
        Should stay below :math:`2 / (N \sigma_1^{2 - 2/N})`, above which steps
        overshoot the minimum.
    weight_decay : float, default=0.0
        :math:`\mu \ge 0`, in the units of `X` for two factors.
    n_iter, look_every : int, default=1000, 10
    random_state : int, default=0
        Seed of the start.
    device : {"auto", "cpu", "cuda"}, default="auto"

    Returns
    -------
    Paths

    Raises
    ------
    ValueError
        If a number or a mask is invalid.
    FloatingPointError
        If the steps are so large that the product overflows.
    """
    check_positive(init_scale=init_scale, learning_rate=learning_rate)
    check_not_negative(weight_decay=weight_decay)
    check_whole(n_iter=n_iter, look_every=look_every)
    check_whole(at_least=0, random_state=random_state)
    table, X = X, read_matrix(X, gaps=True)
    check_size(X, "float64")
    held = check_mask(held, table, "held") & ~np.isnan(X)
    fitted = as_mask(~np.isnan(X) & ~held, device=device)
    X, held = as_tensor(np.nan_to_num(X), device=device), as_mask(held, device=device)
    sizes = [X.shape[0], *hidden, X.shape[1]]
    start = balanced_start(sizes, init_scale, generator(random_state))
    factors = [M.to(X) for M in start]
    looks = []
    for k in range(n_iter + 1):  # the path itself is the result; it never stops early
        products = tails(factors)
        R = products[0] - X
        if k % look_every == 0:
            if not torch.isfinite(R).all():
                raise FloatingPointError(f"no finite product at iteration {k}")
            s = as_numpy(torch.linalg.svdvals(products[0]))
            looks.append((k, s, float(R[held].square().mean().sqrt())))
        gradients = chain_gradient(factors, products, torch.where(fitted, R, 0))
        moves = zip(factors, gradients, strict=True)
        factors = [M - learning_rate * (g + weight_decay * M) for M, g in moves]
    return Paths(*(np.array(column) for column in zip(*looks, strict=True)))


def effective_rank(s):
    r"""Return the effective rank: :math:`e^H`, H the entropy of the shares.

    r equal values, the others 0, give r (book: ``eq-effective-rank``).

    Parameters
    ----------
    s : array of shape (..., k)
        Singular values, not all of them 0; any units.
    """
    check_dense(s, "s")
    share = np.asarray(s) / np.sum(s, axis=-1, keepdims=True)
    log = np.log(np.where(share > 0, share, 1))
    return np.exp(-np.sum(share * log, axis=-1))


def eta_squared(Z, groups):
    """Return the share of the variance of each column that lies between groups.

    Parameters
    ----------
    Z : array of shape (n_samples, k)
    groups : array-like of shape (n_samples,)
        A label for each row, matched by name if both have names (book:
        ``eq-eta-squared``).

    Returns
    -------
    ndarray of shape (k,), from 0 to 1
    """
    groups = aligned_like(groups, Z, name="groups", by="Z", axes=[0])
    Z = read_matrix(Z, "Z")
    Z = Z / binary_unit(Z, axis=0)  # or squares overflow, or vanish
    groups = as_labels(groups, "groups", len(Z))
    Z = pd.DataFrame(Z - np.mean(Z, axis=0))
    means = Z.groupby(groups).transform("mean")
    return ((means**2).sum() / (Z**2).sum()).to_numpy()
