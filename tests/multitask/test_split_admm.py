"""What the trace norm's solver is made of: coordinates of lines, and a warm path."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from latentomics.arrays import as_mask, as_tensor
from latentomics.multitask import TraceNormRegressor
from latentomics.multitask.problem import TraceNormProblem
from latentomics.multitask.ridge import Ridges
from latentomics.multitask.sample_space import read_problem, sample_space
from latentomics.multitask.split_admm import split_path

every_shape = pytest.mark.parametrize("shape", [(6, 15), (15, 6), (8, 8)])


@pytest.fixture
def X(rng, shape):
    return as_tensor(rng.normal(size=shape) + 3)


@every_shape
def test_the_coordinates_are_singular_vectors(X):
    space = sample_space(X)
    centred = X - X.mean(dim=0)
    rank = min(len(X) - 1, X.shape[1])  # centring costs one
    assert len(space.s) == rank
    assert_allclose(space.U.T @ space.U, np.eye(rank), atol=1e-12)
    assert_allclose(space.s, np.linalg.svd(centred)[1][:rank], rtol=1e-10)
    Q = space.lift(torch.eye(rank).to(X))
    assert_allclose(Q.T @ Q, np.eye(rank), atol=1e-10)
    assert_allclose(space.basis @ Q.T, centred, atol=1e-10)


@every_shape
def test_there_and_back_again(X, rng):
    space = sample_space(X)
    A = as_tensor(rng.normal(size=(len(space.s), 3)))
    W = space.lift(A)
    assert W.shape == (X.shape[1], 3)
    assert_allclose(space.coordinates(W), A, atol=1e-10)
    assert_allclose(np.linalg.svd(W)[1], np.linalg.svd(A)[1], rtol=1e-9)
    new = as_tensor(rng.normal(size=(4, X.shape[1])))
    assert_allclose(space.project(new) @ A, (new - X.mean(dim=0)) @ W, atol=1e-9)
    assert_allclose(space.project(X), space.basis, atol=1e-9)


@pytest.mark.parametrize("shape", [(6, 15), (15, 6)])
def test_a_direction_that_is_rounding_is_left_out(X):
    X[1] = X[0]  # one line twice, and one feature
    X[:, 2] = X[:, 3]
    space = sample_space(X)
    assert len(space.s) == np.linalg.matrix_rank(X - X.mean(dim=0))
    assert float(space.s[-1]) > 1e-3


def test_lines_never_measured_are_left_out_of_the_problem(rng):
    X, Y = rng.normal(size=(9, 5)), rng.normal(size=(9, 3))
    Y[2, 1] = np.nan
    less = read_problem(X[1:], Y[1:], device="cpu", dtype="float64")
    Y[0] = np.nan
    more = read_problem(X, Y, device="cpu", dtype="float64")
    assert_allclose(more[0].mean, less[0].mean)
    assert_allclose(more[1].Y, less[1].Y)
    assert len(more[1].seen) == 8


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_the_fast_path_of_full_data_ends_where_the_other_does(rng, share):
    X, Y = rng.normal(size=(15, 40)), rng.normal(size=(15, 9))
    space, problem = read_problem(X, Y, device="cpu", dtype="float64")
    lams = [share * float(problem.lam_max())]
    answers = []
    for full in (True, False):
        problem.full = full
        ((A, trace),) = split_path(
            problem, space.U, space.s, lams, tol=1e-10, max_iter=5000
        )
        answers.append((A, trace.objective[-1]))
    assert_allclose(answers[1][1], answers[0][1], rtol=1e-10)
    assert_allclose(answers[1][0], answers[0][0], atol=1e-4)


def test_a_warm_start_saves_iterations(rng):
    X, Y = rng.normal(size=(15, 40)), rng.normal(size=(15, 9))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    Y[0] = 0.0
    space, problem = read_problem(X, Y, device="cpu", dtype="float64")
    lams = [f * float(problem.lam_max()) for f in np.geomspace(1, 0.05, 10)]

    def solve(lams):
        return split_path(problem, space.U, space.s, lams, tol=1e-4, max_iter=5000)

    warm, cold = solve(lams), [solve([lam])[0] for lam in lams]
    n_warm, n_cold = (sum(trace.n_iter for _, trace in p) for p in (warm, cold))
    assert n_warm <= 0.8 * n_cold  # measured: 0.5 to 0.7 on five seeds


@pytest.mark.parametrize("p", [4, 30])  # d x d, n_t x n_t
def test_ridges_around_a_centre_have_no_slope(rng, p):
    X, Y = rng.normal(size=(12, p)), rng.normal(size=(12, 5))
    seen = rng.random(Y.shape) < 0.8
    seen[:, 3] = seen[:, 1]  # one pattern twice
    problem = TraceNormProblem(as_tensor(X), as_tensor(Y), as_mask(seen))
    centre = as_tensor(rng.normal(size=(p, 5)))
    W = Ridges(problem).solve(centre, 0.7).requires_grad_()
    loss = problem.residual(W).square().sum() / 2
    loss = loss + 0.35 * (W - centre).square().sum()
    (slope,) = torch.autograd.grad(loss, W)
    assert_allclose(slope, 0, atol=1e-10)


def test_many_gaps_do_not_make_it_crawl():
    # with penalties that stay as they begin, the smallest lam takes over 1,000
    rng = np.random.default_rng(0)
    Y = np.where(rng.random((20, 5)) < 0.6, np.nan, rng.normal(size=(20, 5)))
    Y[0] = rng.normal(size=5)
    grid = [{"fraction": float(f)} for f in np.geomspace(1, 0.01, 12)]
    path = TraceNormRegressor(device="cpu").fit_path(np.eye(20), Y, grid)
    assert max(trace.n_iter for trace in path.traces) <= 250
