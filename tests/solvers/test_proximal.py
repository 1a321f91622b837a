import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from latentomics.arrays import as_numpy, as_tensor
from latentomics.linalg import soft_threshold
from latentomics.solvers import iterate, proximal_gradient

LAM = 0.05


def lasso(rng, device, n=40, p=15):
    """A lasso, ill-conditioned, its loss of Lipschitz constant 1: slope, objective."""
    A = rng.normal(size=(n, p)) * np.geomspace(1, 0.1, p)
    A = as_tensor(A / np.linalg.norm(A, 2), device=device)
    y = as_tensor(rng.normal(size=n), device=device)

    def objective(x):
        return (A @ x - y).square().sum() / 2 + LAM * x.abs().sum()

    return A, y, lambda x: A.T @ (A @ x - y), objective


def prox(x):
    return soft_threshold(x, LAM)


def solve(problem, **stop):
    A, _, slope, objective = problem
    return proximal_gradient(slope, prox, A[0] * 0, objective, **stop)


def test_agrees_with_a_long_plain_loop(rng, device):
    problem = lasso(rng, device)
    x, trace = solve(problem, tol=1e-12, max_iter=5000)
    slow = torch.zeros_like(x)
    for _ in range(6000):
        slow = prox(slow - problem[2](slow))
    assert trace.status == "converged"
    assert_allclose(as_numpy(x), as_numpy(slow), atol=1e-9)


def test_satisfies_the_optimality_condition(rng, device):
    problem = lasso(rng, device)
    x, _ = solve(problem, tol=1e-12, max_iter=5000)
    g, x = as_numpy(problem[2](x)), as_numpy(x)
    used = x != 0
    assert 0 < used.sum() < len(x)
    assert_allclose(g[used], -LAM * np.sign(x[used]), atol=1e-10)
    assert np.abs(g[~used]).max() <= LAM


def test_records_the_objective_of_the_iterate(rng, device):
    problem = lasso(rng, device)
    x, trace = solve(problem, tol=1e-8, max_iter=5000)
    assert trace.objective[-1] == float(problem[3](x))


def test_needs_far_fewer_steps_than_without_momentum(rng):
    problem = lasso(rng, "cpu")
    _, fast = solve(problem, tol=1e-7, max_iter=50_000)
    _, slow = iterate(
        lambda x: prox(x - problem[2](x)),
        problem[0][0] * 0,
        problem[3],
        tol=1e-7,
        max_iter=50_000,
    )
    assert fast.n_iter < slow.n_iter / 3
    assert fast.objective[-1] <= slow.objective[-1]


def test_restarting_ends_in_a_straight_line(rng):
    # strongly convex: without the restart, momentum overshoots and swings for long
    problem = lasso(rng, "cpu")
    best = float(problem[3](solve(problem, tol=1e-13, max_iter=9000)[0]))
    with pytest.warns(ConvergenceWarning):
        x, _ = solve(problem, tol=0, max_iter=100)
    Z = Y = torch.zeros_like(x)
    t = 1.0
    for _ in range(100):  # plain FISTA
        Z, old = prox(Y - problem[2](Y)), Z
        t, last = (1 + (1 + 4 * t * t) ** 0.5) / 2, t
        Y = Z + (last - 1) / t * (Z - old)
    assert float(problem[3](x)) - best < (float(problem[3](Z)) - best) / 10


def test_the_first_step_is_a_plain_one(rng):
    A, y, slope, objective = lasso(rng, "cpu")
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        x, _ = proximal_gradient(slope, prox, A[0] * 0, objective, tol=0, max_iter=1)
    assert torch.equal(x, prox(-slope(A[0] * 0)))


def test_a_loss_four_times_as_steep_takes_the_same_steps(rng):
    A, _, slope, objective = lasso(rng, "cpu")
    with pytest.warns(ConvergenceWarning, match="max_iter=30"):
        x, _ = proximal_gradient(slope, prox, A[0] * 0, objective, tol=0, max_iter=30)
    with pytest.warns(ConvergenceWarning, match="max_iter=30"):
        steep, trace = proximal_gradient(
            lambda x: 4 * slope(x),  # of 4 times loss and penalty: the same prox
            prox,
            A[0] * 0,
            lambda x: 4 * objective(x),
            tol=0,
            max_iter=30,
            lipschitz=4.0,
        )
    assert torch.equal(steep, x)
    assert trace.objective[-1] == 4 * float(objective(x))


def test_a_gap_of_its_own_sees_the_variable_and_decides(rng):
    problem, seen = lasso(rng, "cpu"), []

    def gap(Z, previous):
        seen.append((Z, previous))
        return 0.5 ** len(seen)

    x, trace = solve(problem, tol=0.2, max_iter=500, gap=gap)
    assert trace.gap == [0.5, 0.25, 0.125]
    assert torch.equal(seen[-1][0], x)
    assert seen[-1][0].shape == seen[-1][1].shape == x.shape
    assert not torch.equal(*seen[-1])
