import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from latentomics.solvers import elastic_backends
from latentomics.solvers.elastic_backends import BACKENDS, gap, settled, solve_path


@pytest.fixture
def drug(rng):
    """40 lines of 60 features, centred, and a response of mean 0 and variance 1."""
    X = rng.normal(size=(40, 60))
    y = X[:, :5].sum(axis=1) + rng.normal(size=40)
    X -= X.mean(axis=0)
    return np.asfortranarray(X), (y - y.mean()) / y.std()


def broken_conditions(X, y, ratio, lam, w):
    """How far the optimality conditions are from holding, as a share of the fee."""
    fee = ratio * lam
    worth = X.T @ (y - X @ w) / len(y) - (1 - ratio) * lam * w
    off = np.where(w, worth - fee * np.sign(w), np.maximum(np.abs(worth) - fee, 0))
    return np.abs(off).max() / fee


@pytest.mark.parametrize(
    ("ratio", "lam", "dense"), [(1.0, 0.1, False), (0.3, 0.2, False), (0.001, 1, True)]
)
def test_a_path_is_exact_wherever_the_backend_stopped(drug, ratio, lam, dense):
    X, y = drug
    lams = np.array([2 * lam, lam])
    paths = [
        solve_path(backend, tol, X, y, ratio, lams)
        for backend, tol in (("celer", 1e-8), ("celer", 1e-10), ("sklearn", 1e-9))
    ]
    assert (np.count_nonzero(paths[0][:, 1]) > len(y)) == dense
    assert broken_conditions(X, y, ratio, lam, paths[0][:, 1]) < 1e-10
    for other in paths[1:]:
        assert_allclose(other, paths[0], atol=1e-11)


def test_a_poor_start_with_the_right_features_becomes_exact(drug):
    X, y = drug
    w = solve_path("celer", 1e-10, X, y, 0.5, np.array([0.2]))[:, 0]
    assert_allclose(settled(X, y, 0.5, 0.2, 3 * w), w, atol=1e-12)


@pytest.mark.parametrize("change", ["one too few", "one too many", "sign"])
def test_one_wrong_feature_is_set_right(drug, change):
    X, y = drug
    w = solve_path("celer", 1e-10, X, y, 0.5, np.array([0.2]))[:, 0]
    weakest = np.where(w, np.abs(w), np.inf).argmin()
    outside = np.flatnonzero(w == 0)[0]
    cases = {"one too few": (weakest, 0), "one too many": (outside, 1e-3)}
    place, value = cases.get(change, (outside, -1e-3))
    start = w.copy()
    start[place] = value
    assert_allclose(settled(X, y, 0.5, 0.2, start), w, atol=1e-12)


def test_a_start_that_is_far_off_is_left_as_it_came(drug):
    X, y = drug
    start = -X.T @ y
    assert settled(X, y, 0.5, 0.2, start) is start


def test_twins_share_in_the_lasso(drug):
    X, y = drug
    X = np.asfortranarray(np.column_stack([X, X[:, 0]]))
    w = solve_path("celer", 1e-10, X[:, :-1], y, 1.0, np.array([0.1]))[:, 0]
    start = np.append(w, 0.1 * w[0])
    found = settled(X, y, 1.0, 0.1, start)
    assert_allclose(found[[0, -1]], w[0] / 2, rtol=1e-9)
    assert_allclose(found[1:-1], w[1:], atol=1e-11)


@pytest.mark.parametrize("ratio", [0.3, 1.0])
def test_the_gap_is_that_of_the_dual(drug, ratio, rng):
    X, y = drug
    n, lam = len(y), 0.1
    best = solve_path("celer", 1e-10, X, y, ratio, np.array([lam]))[:, 0]

    def loss(w):  # eq-elastic-net
        price = ratio * np.abs(w).sum() + (1 - ratio) / 2 * (w @ w)
        return np.square(y - X @ w).sum() / (2 * n) + lam * price

    zero = loss(0 * best)
    assert abs(gap(X, y, ratio, lam, best)) < 1e-12
    for size in (1e-3, 1e-1, 1):
        w = best + size * rng.normal(size=len(best))
        assert gap(X, y, ratio, lam, w) >= (loss(w) - loss(best)) / zero  # a bound
    top = np.abs(X.T @ y).max() / n / ratio
    assert abs(gap(X, y, ratio, 1.1 * top, 0 * best)) < 1e-12
    assert_allclose(gap(X, y, ratio, 0.4 * top, 0 * best), 0.6**2)  # by hand


def test_weights_within_the_tolerance_are_no_reason_to_warn(drug, monkeypatch):
    X, y = drug
    lams = np.array([0.2])
    w = solve_path("celer", 1e-10, X, y, 0.5, lams)
    near = w + 1e-5 * np.sign(X.T @ y)[:, None]  # of which none is 0
    monkeypatch.setattr(elastic_backends, "ROUNDS", 0)  # none becomes exact
    for name in ("celer", "sklearn"):
        monkeypatch.setitem(BACKENDS, name, lambda *given: near)
    size = gap(X, y, 0.5, 0.2, near[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve_path("celer", 1.01 * size, X, y, 0.5, lams)
    with pytest.warns(ConvergenceWarning, match="was not reached"):
        solve_path("celer", 0.99 * size, X, y, 0.5, lams)


@pytest.mark.parametrize(
    ("factor", "names", "told"),
    [(3, ["celer"], 0), (-1, ["celer"], 0), (-1, ["celer", "sklearn"], 1)],
)
def test_a_backend_that_gives_up_is_replaced_or_told(
    drug, monkeypatch, factor, names, told
):
    X, y = drug
    lams = np.array([0.2])
    w = solve_path("celer", 1e-10, X, y, 0.5, lams)

    def give_up(*given):
        warnings.warn("no convergence, gap 1.234e-05", ConvergenceWarning, stacklevel=2)
        return factor * w

    for name in names:
        monkeypatch.setitem(BACKENDS, name, give_up)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        again = solve_path("celer", 1e-6, X, y, 0.5, lams)
    texts = [str(warning.message) for warning in found]
    assert (
        texts
        == ["tol=1e-06 was not reached at every penalty; larger ones may be"] * told
    )
    assert np.allclose(again, w, atol=1e-12) == (not told)
