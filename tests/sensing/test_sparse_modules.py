import cvxpy as cp
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_numpy, as_tensor
from latentomics.sensing import sparse_modules
from latentomics.sensing.sparse_modules import (
    bounded_lasso,
    effective_size,
    nonnegative_lasso,
    unexplained,
)

PRICES = np.array([0.5, 1, 2, 4, 8, 16, 0.1])


@pytest.fixture
def problem(rng):
    """Six atoms D with many samples, and seven signals x in the columns of X."""
    D = rng.normal(size=(6, 30))
    X = D.T @ (rng.gamma(1, size=(6, 7)) * (rng.random((6, 7)) < 0.6))
    return D, X + rng.normal(size=X.shape)


def gram_form(D, X):
    products = (D @ D.T, D @ X, (X * X).sum(axis=0))
    return [as_tensor(M, device="cpu") for M in products]


def by_cvxpy(D, X, goal, bounds):
    U = cp.Variable((len(D), X.shape[1]), nonneg=True)
    problem = cp.Problem(cp.Minimize(goal(U)), bounds(U))
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-9, tol_gap_rel=1e-9)
    return U.value, problem.value


def lasso_gap(gram, target, energy, price, U):
    """Return the objective and the duality gap of each column.

    The dual point is the residual, scaled down until its inner product with every atom
    is at most the price.
    """
    r = unexplained(gram, target, energy, U)
    objective = r / 2 + price * U.sum(dim=0)
    most = (target - gram @ U).amax(dim=0)
    share = torch.where(most > price, price / most, 1)
    dual = share * (energy - (target * U).sum(dim=0)) - share.square() * r / 2
    return objective, objective - dual


def test_orthogonal_atoms_by_hand(device):
    G, b = np.diag([1.0, 4, 0]), np.array([[3.0, -1], [8, 8], [5, 5]])
    G, b, price = (as_tensor(M, device=device) for M in (G, b, [1.0, 9.0]))
    U = as_numpy(nonnegative_lasso(G, b, price))
    assert_array_equal(U, [[2, 0], [1.75, 0], [0, 0]])


def test_at_a_price_it_agrees_with_a_convex_solver(problem):
    D, X = problem
    G, b, energy = gram_form(D, X)
    price = as_tensor(PRICES, device="cpu")
    U = nonnegative_lasso(G, b, price, tol=1e-10, max_sweeps=5000)

    def goal(U):
        return cp.sum_squares(X - D.T @ U) / 2 + cp.sum(U @ PRICES)

    solution, value = by_cvxpy(D, X, goal, lambda U: [])
    objective, gap = (as_numpy(v) for v in lasso_gap(G, b, energy, price, U))
    assert_allclose(objective.sum(), value, rtol=1e-8)
    assert_allclose(as_numpy(U), solution, atol=1e-5)
    assert (np.abs(gap) <= 1e-8 * objective).all()


def test_the_gap_bounds_the_distance_from_the_least(problem):
    D, X = problem
    G, b, energy = gram_form(D, X)
    price = as_tensor(PRICES, device="cpu")
    best = nonnegative_lasso(G, b, price, tol=1e-12, max_sweeps=5000)
    least = lasso_gap(G, b, energy, price, best)[0]
    for sweeps in (1, 2, 4):
        U = nonnegative_lasso(G, b, price, tol=0, max_sweeps=sweeps)
        objective, gap = lasso_gap(G, b, energy, price, U)
        assert (objective - least <= gap + 1e-10).all()
        assert (objective - least > 0).any()


def test_what_is_unexplained_by_hand(problem, rng):
    D, X = problem
    U = rng.random((6, 7))
    by_hand = ((X - D.T @ U) ** 2).sum(axis=0)
    ours = unexplained(*gram_form(D, X), as_tensor(U, device="cpu"))
    assert_allclose(as_numpy(ours), by_hand)


def test_each_sweep_lowers_the_objective(problem):
    G, b, energy = gram_form(*problem)
    price, U, path = b.new_full((1,), 2.0), None, []
    for _ in range(20):
        U = nonnegative_lasso(G, b, price, U, tol=0, max_sweeps=1)
        path.append(lasso_gap(G, b, energy, price, U)[0].sum().item())
    assert np.all(np.diff(path) <= 1e-12 * path[0])


def test_blocks_and_chunks_do_not_show(rng, monkeypatch):
    D, X = rng.normal(size=(50, 60)), rng.normal(size=(60, 40))
    G, b, _ = gram_form(D, X)
    price = b.new_tensor(np.linspace(0.1, 3, 40))
    how = {"tol": 0, "max_sweeps": 3}
    one = nonnegative_lasso(G, b, price, **how)
    for block, chunk in ((7, 512), (50, 9), (1, 1)):
        monkeypatch.setattr(sparse_modules, "BLOCK", block)
        monkeypatch.setattr(sparse_modules, "CHUNK", chunk)
        other = nonnegative_lasso(G, b, price, **how)
        assert_allclose(as_numpy(other), as_numpy(one), atol=1e-12)


def test_a_start_is_used_and_left_alone(problem):
    G, b, _ = gram_form(*problem)
    price = b.new_full((1,), 1.0)
    best = nonnegative_lasso(G, b, price, tol=1e-12, max_sweeps=5000)
    start = best.clone()
    again = nonnegative_lasso(G, b, price, start, max_sweeps=1)
    assert_allclose(as_numpy(again), as_numpy(best), atol=1e-9)
    assert (start == best).all()
    bounded_lasso(G, b, b.new_full((7,), 50.0), 1.0, shared=True, start=start)
    assert (start == best).all()


@pytest.mark.parametrize("bound", [45.0, 90.0])
def test_a_bound_for_each_agrees_with_a_convex_solver(problem, bound):
    D, X = problem
    G, b, energy = gram_form(D, X)
    U, price = bounded_lasso(G, b, energy, bound, shared=False, tol=1e-7)

    def bounds(U):
        return [cp.sum_squares(X[:, j] - D.T @ U[:, j]) <= bound for j in range(7)]

    U, by_cp = as_numpy(U), by_cvxpy(D, X, cp.sum, bounds)[0]
    left = as_numpy(unexplained(G, b, energy, as_tensor(U, device="cpu")))
    assert_allclose(U.sum(axis=0), by_cp.sum(axis=0), rtol=1e-5, atol=1e-5)
    assert_allclose(U, by_cp, atol=1e-3)
    assert (left <= bound * (1 + 1e-6)).all()
    assert price.shape == (7,)


def test_a_shared_bound_agrees_with_a_convex_solver(problem):
    D, X = problem
    G, b, energy = gram_form(D, X)
    bound = 0.2 * (X**2).sum()
    U, price = bounded_lasso(G, b, energy, bound, shared=True, tol=1e-8)
    solution, value = by_cvxpy(
        D, X, cp.sum, lambda U: [cp.sum_squares(X - D.T @ U) <= bound]
    )
    assert_allclose(as_numpy(U).sum(), value, rtol=1e-6)
    assert_allclose(as_numpy(U), solution, atol=1e-3)
    # and by duality with the penalised problem at that price
    again = nonnegative_lasso(G, b, price, tol=1e-12, max_sweeps=5000)
    assert_allclose(as_numpy(again), as_numpy(U), atol=1e-6)


def test_a_signal_within_its_bound_needs_nothing(problem):
    D, X = problem
    X = X.copy()
    X[:, 2] *= 0.01
    U, _ = bounded_lasso(*gram_form(D, X), 20.0, shared=False)
    assert as_numpy(U).any(axis=0).tolist() == [True, True, False] + [True] * 4


def test_out_of_reach_it_is_least_squares(problem):
    D, X = problem
    G, b, energy = gram_form(D, X)
    least = nonnegative_lasso(G, b, b.new_zeros(1), tol=1e-12, max_sweeps=5000)
    for shared in (True, False):
        U, price = bounded_lasso(G, b, energy, 1e-3, shared=shared, tol=1e-6)
        assert_allclose(as_numpy(U), as_numpy(least), atol=1e-4)
        assert (price <= 1e-6 * b.max()).all()


def test_a_price_to_begin_with_changes_only_the_way(problem):
    G, b, energy = gram_form(*problem)
    for shared, n in ((True, 1), (False, 7)):
        how = {"shared": shared, "tol": 1e-8}
        one, two, three = (
            as_numpy(bounded_lasso(G, b, energy, 60.0, price=price, **how)[0])
            for price in (None, b.new_full((n,), 1e-9), b.new_full((n,), 1e9))
        )
        assert_allclose(two, one, atol=1e-5)
        assert_allclose(three, one, atol=1e-5)


@pytest.mark.parametrize(
    ("row", "size"), [([0, 3, 0], 1), ([1, -1, 0], 2), ([2, 2, 2], 3)]
)
def test_effective_size_by_hand(row, size):
    M = as_tensor([row, [0, 0, 0]], device="cpu")
    assert_allclose(effective_size(M), size)


def test_effective_size_is_the_mean_over_rows_that_are_not_0():
    assert_allclose(effective_size(as_tensor([[1, 1], [5, 0], [0, 0]])), 1.5)
    assert effective_size(as_tensor([[0, 0]])) == 0
    uneven = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert_allclose(effective_size(as_tensor([[3, 1]])), np.exp(uneven))
