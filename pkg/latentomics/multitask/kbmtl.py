"""A Bayesian baseline: a few hidden features per line, shared by all drugs."""

import math
from dataclasses import KW_ONLY
from typing import NamedTuple

import numpy as np
import torch

from latentomics.arrays import as_mask, as_numpy, as_tensor, generator, randn
from latentomics.checks import check_positive
from latentomics.multitask.regressor import MultitaskRegressor
from latentomics.params import (
    InPrecision,
    Iterative,
    OnDevice,
    Seeded,
    not_negative,
    parameter,
    positive,
    whole,
)
from latentomics.solvers import iterate

WIDTHS = (0.8, 0.9, 1.0, 1.1, 1.2)  # of Yuan et al.: the mean distance and +-10, 20 %


def _check_prior(name, value):
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name} must be a shape and a scale; got {value!r}")
    for part in value:
        check_positive(**{name: part})


class KBMTL(MultitaskRegressor, Iterative, Seeded, OnDevice, InPrecision):
    r"""Kernelised Bayesian multitask learning, by variational inference.

    .. math::
        y_{it} \sim N(h_i^\top w_t, \varepsilon_t^{-1}), \quad
        h_{is} \sim N(a_s^\top k_i, \sigma_h^2), \quad
        w_{ts} \sim N(0, \sigma_w^2), \quad a_{ds} \sim N(0, \lambda_{ds}^{-1})

    :math:`k_i` holds the similarities of line i to all lines, :math:`\exp(-\|x_i -
    x_j\|^2 / 2 w^2)`; :math:`\lambda` and :math:`\varepsilon` have gamma priors; only
    measured cells enter. The posterior is approximated by independent factors, each
    updated in turn to its optimum given the others (model and updates of [1]; book:
    ``eq-kbmtl``), so that a lower bound on the evidence (book: ``eq-kbmtl-bound``)
    increases at each step. `Y` is first centred per drug over its measured lines. The
    priors have units: standardise `Y`. The scale of `X` does not matter. With hundreds
    of lines, rounding in float32 has the effect of another seed.

    Attributes
    ----------
    lines_ : ndarray of shape (n_samples, n_features)
        Training lines, to which new ones are compared, in units of X.
    width_ : float
        w, in units of X.
    projection_ : ndarray of shape (n_samples, n_components)
        Posterior mean of A.
    hidden_ : ndarray of shape (n_samples, n_components)
        Posterior mean of H, which also depends on the responses of a line.
    weights_ : ndarray of shape (n_components, n_tasks)
        Posterior mean of W, in units of Y.
    weights_cov_ : ndarray of shape (n_tasks, n_components, n_components)
        Posterior covariance of the weights of each drug.
    noise_ : ndarray of shape (n_tasks,)
        Noise level, 1 / sqrt of its mean precision g, in units of Y.
    intercept_ : ndarray of shape (n_tasks,)
        Mean of the measured responses, in units of Y.
    trace_ : Trace
        Minus the bound, in nats, and gap at each look, iterations, why it stopped.

    Raises
    ------
    ValueError
        In `fit`: as :class:`MultitaskRegressor`, or a parameter is out of its range.

    References
    ----------
    [1] Gonen & Margolin (2014). Bioinformatics 30:i556-i563.
    """

    n_components: int = whole(20)
    """Number of hidden features of a line."""
    width: float = positive(1.0)
    """Kernel width w, as a fraction of the mean distance between two lines. The
    paper's five are ``WIDTHS``: ``grid=[{"width": w} for w in WIDTHS]``."""
    _: KW_ONLY
    sigma_h: float = positive(0.1)
    """Standard deviation of the hidden features given the kernel. No units."""
    sigma_w: float = positive(1.0)
    """Prior standard deviation of the weights, in units of Y."""
    precision_prior: tuple = parameter((1.0, 1.0), kind="tuple", check=_check_prior)
    r"""Shape and scale of the gamma prior of each :math:`\lambda_{ds}`."""
    noise_prior: tuple = parameter((1.0, 1.0), kind="tuple", check=_check_prior)
    r"""The same for each :math:`\varepsilon_t`; its scale in units of 1 / Y squared."""
    tol: float = not_negative(1e-3)
    """Stop once one iteration changes the fitted responses by at most `tol` of their
    norm. No units."""
    max_iter: int = whole(200)
    """The default is the paper's. The cost per iteration is n_components n_samples
    cubed; memory is about three n_samples x n_samples arrays, times n_components on
    a GPU."""
    random_state: int = whole(0, at_least=0)
    """Seed of the start. The bound has many maxima with different predictions."""

    def fit(self, X, Y):
        """Fit to features and responses; NaN in `Y` marks missing responses."""
        X, Y = self._read(X, Y)
        self.lines_, self.intercept_ = X, np.nanmean(Y, axis=0)
        distances = np.sqrt(_squared_distances(X, X))
        self.width_ = self.width * distances[np.triu_indices(len(X), 1)].mean()
        centred = np.nan_to_num(Y - self.intercept_)
        posterior = Posterior(
            as_tensor(self._kernel(X), device=self.device, dtype=self.dtype),
            as_tensor(centred, device=self.device, dtype=self.dtype),
            as_mask(~np.isnan(Y), device=self.device),
            (self.sigma_h, self.sigma_w, self.precision_prior, self.noise_prior),
        )
        start = posterior.start(self.n_components, generator(self.random_state))
        q, self.trace_ = iterate(
            posterior.step, start, posterior.loss, tol=self.tol, max_iter=self.max_iter
        )
        self.projection_, self.hidden_ = as_numpy(q.A), as_numpy(q.H)
        self.weights_, self.weights_cov_ = as_numpy(q.W.T), as_numpy(q.W_cov)
        self.noise_ = as_numpy(posterior.precision(q).rsqrt())
        return self

    def predict(self, X, return_std=False):
        r"""Return the predicted responses of lines with features `X`, in units of Y.

        With `return_std`, also return their standard deviations, of the same shape:
        noise and uncertainty of the weights, :math:`1/g_t + h_*^\top \Sigma_t h_*`. As
        in [1], uncertainty of h is ignored. On real data that is the larger part: the
        nominal 95% intervals cover 46% of held-out CCLE cells.
        """
        hidden = self._kernel(self._read_new(X)) @ self.projection_
        mean = self._shaped(hidden @ self.weights_ + self.intercept_)
        if not return_std:
            return mean
        spread = np.einsum("ir,trs,is->it", hidden, self.weights_cov_, hidden)
        return mean, self._shaped(np.sqrt(self.noise_**2 + spread))

    def _kernel(self, X):
        """Return similarities to the lines of the fit, shape (n, n_samples)."""
        width = self.width_ or 1.0  # 0 if all lines are the same
        return np.exp(-_squared_distances(X, self.lines_) / (2 * width**2))


class State(NamedTuple):
    """The factors of the approximate posterior; n lines, R components, T drugs."""

    fitted: torch.Tensor  # (n, T), H W', on which convergence is checked
    scale: torch.Tensor  # (n, R), of the gamma factors of lambda
    A: torch.Tensor  # (n, R)
    A_var: torch.Tensor  # (n, R), diagonals of the R covariances
    A_logdet: torch.Tensor  # (), of all R together
    H: torch.Tensor  # (n, R)
    H_cov: torch.Tensor  # (n, R, R)
    noise: torch.Tensor  # (T,), scales of the gamma factors of epsilon
    W: torch.Tensor  # (T, R)
    W_cov: torch.Tensor  # (T, R, R)


class Posterior:
    """Updates and bound for a kernel (n, n) and centred responses (n, T), 0 at gaps."""

    def __init__(self, K, Y, seen, priors):
        self.K, self.Y, self.seen = K, Y, seen.to(Y)
        sigma_h, sigma_w, self.prior_a, self.prior_e = priors
        self.tau_h, self.tau_w = sigma_h**-2, sigma_w**-2
        self.KK = self.tau_h * (K @ K.T)
        self.shape_a = self.prior_a[0] + 0.5
        self.shape_e = self.prior_e[0] + self.seen.sum(dim=0) / 2

    def start(self, R, generator):
        """Return a random state, as in [1]: A, H, W standard normal, in this order."""
        (n, T), like = self.Y.shape, self.Y
        A, H, W = (randn(m, R, generator=generator, like=like) for m in (n, n, T))
        scale, ones = torch.full_like(A, self.prior_a[1]), torch.ones_like(A)
        noise = torch.full_like(self.shape_e, self.prior_e[1])
        H_cov, W_cov = (torch.eye(R).to(like).expand(m, R, R) for m in (n, T))
        logdet = A.new_zeros(())
        return State(H @ W.T, scale, A, ones, logdet, H, H_cov, noise, W, W_cov)

    def step(self, q):
        """Update each factor in turn to its optimum given the others; eq-kbmtl-step."""
        scale = 1 / (1 / self.prior_a[1] + (q.A.square() + q.A_var) / 2)
        # one component at a time stays in a CPU's cache; a GPU wants them all
        at_once = 1 if scale.device.type == "cpu" else scale.shape[1]
        A, A_var, A_logdet = self._projection(self.shape_a * scale, q.H, at_once)
        WW = _outer(q.W) + q.W_cov
        g = self.precision(q)
        target = self.tau_h * self.K @ A + (self.Y * g) @ q.W
        H, H_cov = _gaussian(self._over(self.seen * g, WW), self.tau_h, target)
        HH = self._over(self.seen.T, _outer(H) + H_cov)
        rate = 1 / self.prior_e[1] + self._misfit(H, HH, q.W, WW) / 2
        g = self.shape_e / rate
        W, W_cov = _gaussian(g[:, None, None] * HH, self.tau_w, (self.Y * g).T @ H)
        return State(H @ W.T, scale, A, A_var, A_logdet, H, H_cov, 1 / rate, W, W_cov)

    def precision(self, q):
        """Return each drug's mean noise precision g, shape (T,)."""
        return self.shape_e * q.noise

    def loss(self, q):
        """Return minus the evidence bound, eq-kbmtl-bound."""
        lam, (n, R), T = self.shape_a * q.scale, q.A.shape, len(q.W)
        log_lam = torch.digamma(lam.new_tensor(self.shape_a)) + q.scale.log()
        known = lam * q.A_var  # sums to n R - tau_h sum_s tr(K Sigma_s K)
        bound = _gamma_bound(self.shape_a, q.scale, *self.prior_a)
        bound += (log_lam - lam * q.A.square() - known + 1).sum() / 2 + q.A_logdet / 2
        miss = (q.H - self.K @ q.A).square().sum() + _trace(q.H_cov)
        bound += (known.sum() - self.tau_h * miss + n * R * math.log(self.tau_h)) / 2
        bound += torch.logdet(q.H_cov).sum() / 2
        bound += _gamma_bound(self.shape_e, q.noise, *self.prior_e)
        size = self.tau_w * (q.W.square().sum() + _trace(q.W_cov))
        bound += (T * R * (1 + math.log(self.tau_w)) - size) / 2
        bound += torch.logdet(q.W_cov).sum() / 2
        HH = self._over(self.seen.T, _outer(q.H) + q.H_cov)
        misfit = self._misfit(q.H, HH, q.W, _outer(q.W) + q.W_cov)
        log_e = torch.digamma(self.shape_e) + q.noise.log() - math.log(2 * math.pi)
        cells = self.seen.sum(dim=0) * log_e - self.precision(q) * misfit
        return -(bound + cells.sum() / 2)

    def _projection(self, lam, H, at_once):
        """Return A, variances and log-determinant for mean precisions `lam` (n, R)."""
        target = self.tau_h * self.K @ H
        parts = []
        for d, b in zip(lam.T.split(at_once), target.T.split(at_once), strict=True):
            L = torch.linalg.cholesky(self.KK + torch.diag_embed(d))
            eye = torch.eye(len(self.KK)).to(L)
            inverse = torch.linalg.solve_triangular(L, eye, upper=False)
            mean = torch.cholesky_solve(b[..., None], L)[..., 0]
            logdet = -2 * L.diagonal(dim1=1, dim2=2).log().sum(dim=1)
            parts.append((mean, inverse.square().sum(dim=1), logdet))
        A, A_var, logdet = (torch.cat(part) for part in zip(*parts, strict=True))
        return A.T, A_var.T, logdet.sum()

    def _misfit(self, H, HH, W, WW):
        """Return the expected squared misfit of each drug, shape (T,)."""
        cross = (self.Y * (self.Y - 2 * H @ W.T)).sum(dim=0)
        return cross + (HH * WW).sum(dim=(1, 2))

    @staticmethod
    def _over(weights, blocks):
        """Return weighted sums, (a, R, R), of blocks (b, R, R); weights (a, b)."""
        return (weights @ blocks.flatten(1)).unflatten(1, blocks.shape[1:])


def _gaussian(blocks, tau, target):
    """Return means (m, R) and covariances for precisions ``blocks + tau I``."""
    eye = torch.eye(blocks.shape[1]).to(blocks)
    L = torch.linalg.cholesky(blocks + tau * eye)
    return torch.cholesky_solve(target[..., None], L)[..., 0], torch.cholesky_inverse(L)


def _gamma_bound(shape, scale, prior_shape, prior_scale):
    """Return E log p - E log q, summed, of gamma factors against their prior."""
    shape = torch.zeros_like(scale) + shape
    log = torch.digamma(shape) + scale.log()
    prior = (prior_shape - 1) * log - shape * scale / prior_scale
    prior = prior - math.lgamma(prior_shape) - prior_shape * math.log(prior_scale)
    entropy = shape + scale.log() + torch.lgamma(shape)
    return (prior + entropy + (1 - shape) * torch.digamma(shape)).sum()


def _outer(T):
    return T[:, :, None] * T[:, None, :]


def _trace(covs):
    return covs.diagonal(dim1=1, dim2=2).sum()


def _squared_distances(X, Z):
    """Return squared distances of rows, shape (len(X), len(Z)); 0 for the same row."""
    centre = Z.mean(axis=0)
    X, Z = X - centre, Z - centre
    squares = (X**2).sum(axis=1)[:, None] + (Z**2).sum(axis=1) - 2 * X @ Z.T
    return squares.clip(min=0)
