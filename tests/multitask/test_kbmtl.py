import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import digamma, gammaln

from latentomics.multitask import kbmtl
from latentomics.multitask.kbmtl import KBMTL, WIDTHS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
R = 3
PRIORS = {
    "sigma_h": 0.3,
    "sigma_w": 0.8,
    "precision_prior": (1.5, 0.7),
    "noise_prior": (2.0, 0.6),
}


@pytest.fixture
def data(rng):
    """20 lines, 4 drugs, gaps; line 5 was never measured, drug 2 on one line only."""
    X = rng.normal(size=(20, 6)) + 2
    Y = np.sin(X[:, :4]) + 0.2 * rng.normal(size=(20, 4)) + [3, 0, 0, -1]
    Y[rng.random(Y.shape) < 0.25] = np.nan
    Y[5] = Y[:, 2] = np.nan
    Y[7, 2] = 1.5
    return X, Y


def fit(X, Y, **given):
    return KBMTL(
        **{"n_components": R, **PRIORS, "tol": 0, "max_iter": 30, **given}
    ).fit(X, Y)


def kernel(X, width=1.0):
    n = len(X)
    D = np.array([[np.linalg.norm(X[i] - X[j]) for j in range(n)] for i in range(n)])
    w = width * np.mean([D[i, j] for i in range(n) for j in range(i)])
    return np.exp(-(D**2) / (2 * w**2)), w


class Literal:
    """The formulas of the paper, one scalar or small matrix at a time."""

    def __init__(self, K, Y, seed=0):
        (self.n, self.T), self.K, self.Y = Y.shape, K, Y
        self.seen = ~np.isnan(Y)
        draws = torch.Generator().manual_seed(seed)
        self.A, self.H, self.W = (
            torch.randn(m, R, generator=draws, dtype=torch.float64).numpy()
            for m in (self.n, self.n, self.T)
        )
        self.SA = [np.eye(self.n) for _ in range(R)]
        self.SH = [np.eye(R) for _ in range(self.n)]
        self.SW = [np.eye(R) for _ in range(self.T)]
        self.sh, self.sw = PRIORS["sigma_h"] ** 2, PRIORS["sigma_w"] ** 2
        (self.a, self.b), (self.ae, self.be) = (
            PRIORS[name] for name in ("precision_prior", "noise_prior")
        )
        self.alpha = [self.ae + self.seen[:, t].sum() / 2 for t in range(self.T)]
        self.beta = [self.be] * self.T
        self.beta_l = np.empty((self.n, R))

    def step(self):
        n, K, Y = self.n, self.K, self.Y
        for s in range(R):
            for d in range(n):
                square = self.A[d, s] ** 2 + self.SA[s][d, d]
                self.beta_l[d, s] = 1 / (1 / self.b + square / 2)
            lam = (self.a + 0.5) * self.beta_l[:, s]
            self.SA[s] = np.linalg.inv(np.diag(lam) + K @ K.T / self.sh)
            self.A[:, s] = self.SA[s] @ K @ self.H[:, s] / self.sh
        g = [a * b for a, b in zip(self.alpha, self.beta, strict=True)]
        for i in range(n):
            P, target = np.eye(R) / self.sh, self.A.T @ K[:, i] / self.sh
            for t in np.flatnonzero(self.seen[i]):
                P = P + g[t] * (np.outer(self.W[t], self.W[t]) + self.SW[t])
                target = target + g[t] * Y[i, t] * self.W[t]
            self.SH[i] = np.linalg.inv(P)
            self.H[i] = self.SH[i] @ target
        for t in range(self.T):
            self.beta[t] = 1 / (1 / self.be + self.misfit(t) / 2)
        for t in range(self.T):
            g = self.alpha[t] * self.beta[t]
            P, target = np.eye(R) / self.sw, np.zeros(R)
            for i in np.flatnonzero(self.seen[:, t]):
                P = P + g * (np.outer(self.H[i], self.H[i]) + self.SH[i])
                target = target + g * Y[i, t] * self.H[i]
            self.SW[t] = np.linalg.inv(P)
            self.W[t] = self.SW[t] @ target

    def misfit(self, t):
        """Expected squared misfit of drug t."""
        total, ww = 0, np.outer(self.W[t], self.W[t]) + self.SW[t]
        for i in np.flatnonzero(self.seen[:, t]):
            hh, y = np.outer(self.H[i], self.H[i]) + self.SH[i], self.Y[i, t]
            total += y * y - 2 * y * self.H[i] @ self.W[t] + np.trace(hh @ ww)
        return total

    def bound(self):
        """E log p(everything) + entropies, one factor after the other."""
        n, T, log2pi = self.n, self.T, np.log(2 * np.pi)
        total = 0
        for s in range(R):
            for d in range(n):
                shape, scale = self.a + 0.5, self.beta_l[d, s]
                total += gamma_parts(shape, scale, self.a, self.b)
                square = self.A[d, s] ** 2 + self.SA[s][d, d]
                log = digamma(shape) + np.log(scale)
                total += (log - log2pi - shape * scale * square) / 2
            total += entropy(self.SA[s])
            for i in range(n):
                k = self.K[:, i]
                square = (self.H[i, s] - self.A[:, s] @ k) ** 2
                square += self.SH[i][s, s] + k @ self.SA[s] @ k
                total -= (np.log(self.sh) + log2pi + square / self.sh) / 2
        total += sum(entropy(S) for S in self.SH + self.SW)
        for t in range(T):
            shape, scale = self.alpha[t], self.beta[t]
            total += gamma_parts(shape, scale, self.ae, self.be)
            size = self.W[t] @ self.W[t] + np.trace(self.SW[t])
            total -= (R * (np.log(self.sw) + log2pi) + size / self.sw) / 2
            log = digamma(shape) + np.log(scale) - log2pi
            total += (
                self.seen[:, t].sum() * log / 2 - shape * scale * self.misfit(t) / 2
            )
        return total


def entropy(S):
    return np.linalg.slogdet(2 * np.pi * np.e * S)[1] / 2


def gamma_parts(shape, scale, a, b):
    mean, log = shape * scale, digamma(shape) + np.log(scale)
    prior = (a - 1) * log - mean / b - gammaln(a) - a * np.log(b)
    return prior + shape + np.log(scale) + gammaln(shape) + (1 - shape) * digamma(shape)


@pytest.mark.parametrize("n_steps", [1, 2, 25])
def test_a_literal_loop_says_the_same(data, device, n_steps):
    X, Y = data
    K, width = kernel(X, 0.9)
    loop = Literal(K, Y - np.nanmean(Y, axis=0), seed=4)
    for _ in range(n_steps):
        loop.step()
    model = fit(X, Y, max_iter=n_steps, random_state=4, width=0.9, device=device)
    assert_allclose(model.width_, width, rtol=1e-12)
    assert_allclose(model.projection_, loop.A, atol=1e-10)
    assert_allclose(model.hidden_, loop.H, atol=1e-10)
    assert_allclose(model.weights_, loop.W.T, atol=1e-10)
    assert_allclose(model.weights_cov_, loop.SW, atol=1e-10)
    g = np.multiply(loop.alpha, loop.beta)
    assert_allclose(model.noise_, g**-0.5, rtol=1e-10)
    assert_allclose(model.trace_.objective[-1], -loop.bound(), rtol=1e-10)


def test_it_predicts_by_the_formulas(data):
    X, Y = data
    model = fit(X[:15], Y[:15])
    mean, std = model.predict(X, return_std=True)
    for i, x in enumerate(X):
        squares = ((x - X[:15]) ** 2).sum(axis=1)
        h = model.projection_.T @ np.exp(-squares / (2 * model.width_**2))
        for t in range(4):
            b = np.nanmean(Y[:15, t])
            assert_allclose(mean[i, t], b + h @ model.weights_[:, t], rtol=1e-10)
            variance = model.noise_[t] ** 2 + h @ model.weights_cov_[t] @ h
            assert_allclose(std[i, t], variance**0.5, rtol=1e-10)
    assert_array_equal(model.predict(X), mean)


def test_the_bound_rises_at_each_step(data, device):
    losses = [
        fit(*data, max_iter=k, device=device).trace_.objective[-1] for k in range(1, 40)
    ]
    # sums of some hundred terms of order 100 round at about 1e-12
    assert np.all(np.diff(losses) <= 1e-10)
    assert losses[0] - losses[-1] > 10


def test_predictive_intervals_hold_on_data_of_the_model():
    inside = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(150, 2))
        K, _ = kernel(X)
        H = K @ (rng.normal(size=(150, R)) / rng.gamma(1, 1, (150, R)) ** 0.5) / 10
        H += 0.01 * rng.normal(size=H.shape)
        truth = H @ rng.normal(size=(R, 20))
        Y = truth + rng.normal(size=truth.shape) / rng.gamma(1, 1, 20) ** 0.5
        Y[rng.random(Y.shape) < 0.2] = np.nan
        model = KBMTL(R, sigma_h=0.01, device="cpu").fit(X[:100], Y[:100])
        mean, std = model.predict(X[100:], return_std=True)
        off = abs(Y[100:] - mean) / std
        inside.append([np.nanmean(off[~np.isnan(off)] < z) for z in (0.6745, 1.96)])
    inside = np.array(inside)
    assert abs(inside[:, 0].mean() - 0.5) < 0.05
    assert abs(inside[:, 1].mean() - 0.95) < 0.03


def test_it_beats_the_mean_where_the_kernel_knows(rng):
    X = rng.normal(size=(120, 2))
    F = np.stack([np.sin(X[:, 0]), np.cos(X[:, 1])], axis=1)
    Y = F @ rng.normal(size=(2, 8)) + 0.1 * rng.normal(size=(120, 8))
    gappy = np.where(rng.random(Y.shape) < 0.2, np.nan, Y)
    model = KBMTL(5, device="cpu").fit(X[:100], gappy[:100])
    error = ((model.predict(X[100:]) - Y[100:]) ** 2).mean()
    assert error < 0.05 * Y[100:].var(axis=0).mean()


def test_single_precision_is_close(data, device):
    double, single = (
        fit(*data, dtype=dtype, device=device).predict(data[0])
        for dtype in ("float64", "float32")
    )
    assert_allclose(single, double, atol=2e-3)
    assert not np.array_equal(single, double)


@pytest.mark.parametrize("at_once", [1, 2, R])
def test_components_may_be_taken_together(data, at_once):
    """A GPU is handed all, the CPU one."""
    X, Y = data
    seen = torch.from_numpy(~np.isnan(Y))
    K = torch.from_numpy(kernel(X)[0])
    priors = tuple(PRIORS.values())
    posterior = kbmtl.Posterior(K, torch.from_numpy(np.nan_to_num(Y)), seen, priors)
    lam, H = torch.rand(20, R).double() + 0.1, torch.rand(20, R).double()
    A, A_var, logdet = posterior._projection(lam, H, at_once)
    covs = [np.linalg.inv(np.diag(d) + (K @ K.T).numpy() / 0.09) for d in lam.T]
    for s, cov in enumerate(covs):
        assert_allclose(A[:, s], cov @ (K @ H[:, s]).numpy() / 0.09, rtol=1e-8)
        assert_allclose(A_var[:, s], np.diag(cov), rtol=1e-8)
    assert_allclose(logdet, sum(np.linalg.slogdet(cov)[1] for cov in covs))


def test_the_order_of_drugs_and_lines_does_not_matter(data, rng):
    X, Y = data
    lines, drugs = rng.permutation(20), rng.permutation(4)
    (K, _), seen = kernel(X), ~np.isnan(Y)
    Y = np.nan_to_num(Y - np.nanmean(Y, axis=0))

    def run(K, Y, seen, order, of_drugs):
        parts = (torch.from_numpy(np.array(part)) for part in (K, Y, seen))
        posterior = kbmtl.Posterior(*parts, tuple(PRIORS.values()))
        q = posterior.start(R, torch.Generator().manual_seed(0))
        q = q._replace(A=q.A[order], H=q.H[order], W=q.W[of_drugs])
        for _ in range(20):
            q = posterior.step(q)
        return q.fitted.numpy(), float(posterior.loss(q))

    fitted, loss = run(K, Y, seen, np.arange(20), np.arange(4))
    cells = np.ix_(lines, drugs)
    other = run(K[np.ix_(lines, lines)], Y[cells], seen[cells], lines, drugs)
    assert_allclose(other[0], fitted[cells], atol=1e-10)
    assert_allclose(other[1], loss, rtol=1e-10)


@pytest.mark.parametrize("scale", [2.0**-20, 2.0**20])
def test_units_of_the_features_do_not_matter(data, scale):
    X, Y = data
    one, other = fit(X, Y), fit(X * scale, Y)
    assert_allclose(other.predict(X * scale), one.predict(X), rtol=1e-8)
    assert_allclose(other.width_, one.width_ * scale, rtol=1e-12)


def test_a_level_added_to_a_drug_is_added_to_its_predictions(data):
    X, Y = data
    one, other = fit(X, Y), fit(X, Y + [10, -10, 0, 3])
    assert_allclose(other.predict(X), one.predict(X) + [10, -10, 0, 3], rtol=1e-9)
    assert_allclose(one.intercept_, np.nanmean(Y, axis=0))


def test_a_line_never_measured_still_shapes_the_kernel(data):
    X, Y = data
    model, kept = fit(X, Y), np.arange(20) != 5
    assert np.isfinite(model.predict(X)).all()
    without = fit(X[kept], Y[kept])
    assert model.lines_.shape == (20, 6)
    assert not np.allclose(model.predict(X), without.predict(X))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_components", 2),
        ("width", 1.2),
        ("sigma_h", 0.5),
        ("sigma_w", 1.0),
        ("precision_prior", (1.0, 0.7)),
        ("precision_prior", (1.5, 1.0)),
        ("noise_prior", (1.0, 0.6)),
        ("noise_prior", (2.0, 1.0)),
        ("tol", 0.1),
        ("max_iter", 29),
        ("random_state", 1),
    ],
)
def test_every_parameter_matters(data, name, value):
    X, Y = data
    one = fit(X, Y)
    other = KBMTL(**{**one.get_params(), name: value}).fit(X, Y)
    assert abs(other.predict(X) - one.predict(X)).max() > 1e-4


def test_a_start_is_drawn_from_its_seed(data):
    X, Y = data
    assert_array_equal(fit(X, Y).predict(X), fit(X, Y).predict(X))


def test_tol_is_when_the_fit_stops_changing(data):
    model = fit(*data, tol=1e-2, max_iter=200)
    assert model.trace_.status == "converged"
    assert model.trace_.gap[-1] <= 1e-2 < model.trace_.gap[-2]
    short = (fit(*data, max_iter=model.trace_.n_iter - k) for k in (0, 1))
    new, old = (m.hidden_ @ m.weights_ for m in short)
    change = np.linalg.norm(new - old) / np.linalg.norm(new)
    assert_allclose(model.trace_.gap[-1], change, rtol=1e-8)


def test_the_path_is_the_single_fits(data):
    X, Y = data
    path = KBMTL(R, max_iter=20).fit_path(X, Y, [{"width": w} for w in WIDTHS])
    assert [point["width"] for point in path.points] == [0.8, 0.9, 1.0, 1.1, 1.2]
    single = KBMTL(R, 1.1, max_iter=20).fit(X, Y)
    assert_array_equal(path.predict(X)[3], single.predict(X))


def test_one_response_may_come_as_a_vector(data):
    X, y = data[0], data[0][:, 0]
    mean, std = fit(X, y).predict(X, return_std=True)
    assert mean.shape == std.shape == (20,)


def test_lines_may_all_be_the_same():
    Y = np.arange(8.0).reshape(4, 2)
    model = KBMTL(2, max_iter=10).fit(np.ones((4, 3)), Y)
    assert np.isfinite(model.predict(np.ones((2, 3)))).all()
    assert_allclose(model.predict(np.zeros((1, 3)))[0], Y.mean(axis=0))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"n_components": 0},
            "n_components must be a whole number of at least 1; got 0",
        ),
        ({"width": 0}, "width must be a positive number; got 0"),
        ({"sigma_h": -1}, "sigma_h must be a positive number; got -1"),
        ({"sigma_w": 0}, "sigma_w must be a positive number; got 0"),
        ({"precision_prior": 1}, "precision_prior must be a shape and a scale; got 1"),
        ({"noise_prior": (1, 0)}, "noise_prior must be a positive number; got 0"),
        ({"noise_prior": (0, 1)}, "noise_prior must be a positive number; got 0"),
        ({"tol": -1}, "tol must be a non-negative number; got -1"),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1; got 0"),
        (
            {"random_state": -1},
            "random_state must be a whole number of at least 0; got -1",
        ),
        ({"device": "tpu"}, "device must be one of ('auto', 'cpu', 'cuda'); got 'tpu'"),
        ({"dtype": "int"}, "dtype must be one of ('float64', 'float32'); got 'int'"),
    ],
)
def test_a_bad_parameter_is_said(data, given, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(*data, **given)
