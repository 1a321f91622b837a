"""The three blocks by hand, by autograd, by a convex solver, and on random problems."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_problems import literal_loss, random_problem
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

from latentomics.arrays import as_tensor
from latentomics.linalg.nnls import nnls
from latentomics.signatures.blocks import (
    State,
    label_losses,
    label_slope,
    logits,
    losses,
    step,
    update_exposures,
    update_signatures,
    update_weights,
)

seeds = pytest.mark.parametrize("seed", range(6))
BLOCKS = {"S": update_signatures, "E": update_exposures, "W": update_weights}


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_loss_is_the_formula(seed):
    problem, state = random_problem(seed)
    by_hand = [literal_loss(problem, state, r) for r in range(2)]
    assert_allclose(losses(problem, state), by_hand, rtol=1e-11)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_slopes_are_those_of_autograd(seed):
    problem, state = random_problem(seed)
    parts = [A.clone().requires_grad_() for A in (state.S, state.E, state.W)]
    losses(problem, State(*parts)).sum().backward()
    S, E, W = state.S, state.E, state.W
    G, lam_c = label_slope(problem, state), problem.lam_c[:, None, None]
    left = problem.X - E.mT @ S
    slopes = (
        -2 * E @ left,
        -2 * S @ left.mT + lam_c * W @ G,
        lam_c * (E @ G.mT + 2 * problem.lam_2[:, None, None] * W),
    )
    for part, slope in zip(parts, slopes, strict=True):
        size = max(1, float(part.grad.abs().max()))
        assert_allclose(slope, part.grad, atol=1e-12 * size)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_no_block_raises_the_loss(seed):
    problem, state = random_problem(seed)
    for _ in range(3):
        for name, update in BLOCKS.items():
            before = losses(problem, state)
            state = replace(state, **{name: update(problem, state)})
            rounding = 1e-13 * (before.abs() + problem.X.square().sum())
            assert (losses(problem, state) <= before + rounding).all(), name
        assert (state.E >= 0).all()
        assert (state.S >= 0).all()
        assert_allclose(state.S.sum(dim=2), 1, rtol=1e-12)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_without_labels_the_fit_alone_never_gets_worse(seed):
    problem, state = random_problem(seed, lam_c=0.0)
    for _ in range(3):
        before, state = losses(problem, state), step(problem, state, labels=False)
        assert (losses(problem, state) <= before + 1e-12).all()


@seeds
def test_the_last_signature_is_the_best_on_the_simplex(seed):
    problem, state = random_problem(seed, N=9, M=8)
    S = update_signatures(problem, state)
    for r in range(2):
        E = state.E[r].numpy()
        left = problem.X.numpy() - E[:-1].T @ S[r, :-1].numpy()
        s = cp.Variable((1, 8), nonneg=True)
        fit = cp.sum_squares(left - E[-1][:, None] @ s)
        cp.Problem(cp.Minimize(fit), [cp.sum(s) == 1]).solve(
            solver="CLARABEL", tol_gap_abs=1e-13, tol_gap_rel=1e-13, tol_feas=1e-13
        )
        assert_allclose(S[r, -1], s.value[0], atol=1e-5)  # the root of its gap
        slope = E[-1] @ (np.outer(E[-1], S[r, -1]) - left)
        assert_allclose(slope[S[r, -1] > 0], slope.min(), atol=1e-12)


@seeds
def test_exposures_without_labels_are_the_non_negative_least_squares(seed):
    problem, state = random_problem(seed, M=12, K=4)
    for _ in range(1000):
        state = replace(state, E=update_exposures(problem, state, labels=False))
    for r in range(2):
        assert_allclose(state.E[r].T, nnls(problem.X, state.S[r]), atol=1e-9)


def curves(z, bounded):
    """Second derivatives in z of a label's term and of the dustbin's, or bounds."""
    if bounded:
        half = np.eye(len(z)) / 2
        return half - 1 / (2 * len(z)), half
    tables = (softmax(z), np.exp(z) / (1 + np.exp(z).sum()))
    return [np.diag(p) - np.outer(p, p) for p in tables]


def literal_exposures(problem, state, r, n, bounded):
    """Coordinate descent of one sample, entry by entry, on a quadratic."""
    S, E, W = (A[r].numpy() for A in (state.S, state.E, state.W))
    x, y, z = problem.X[n].numpy(), problem.Y[r, :, n].numpy(), E[:, n] @ W
    known, u = float(problem.labelled[r, n]), problem.unlabelled
    curve, free = curves(z, bounded)
    none = np.exp(z) / (1 + np.exp(z).sum())
    slope = W @ (known * (softmax(z) - y) + u * (1 - known) * none)
    bend = W @ (known * curve + u * (1 - known) * free) @ W.T
    e, lam = E[:, n].copy(), float(problem.lam_c[r])
    for k in range(len(e)):
        pull = 2 * S[k] @ (e @ S - x) + lam * (slope + bend @ (e - E[:, n]))[k]
        e[k] = max(e[k] - pull / (2 * S[k] @ S[k] + lam * bend[k, k]), 0)
    return e


def one_sample(problem, state, r, n, e):
    """The loss of a problem that has one run and one sample."""
    few = replace(
        problem.of([r]),
        X=problem.X[n : n + 1],
        Y=problem.Y[[r]][:, :, [n]],
        labelled=problem.labelled[[r]][:, [n]],
    )
    E = as_tensor(e[None, :, None], device="cpu")
    return float(losses(few, State(state.S[[r]], E, state.W[[r]])))


def test_exposures_take_the_local_quadratic_or_where_it_rises_the_bound():
    overshot = 0
    for seed in range(60):
        problem, state = random_problem(seed, n_runs=1)
        E = update_exposures(problem, state)[0].numpy()
        for n in range(E.shape[1]):
            here = [literal_exposures(problem, state, 0, n, b) for b in (False, True)]
            before = one_sample(problem, state, 0, n, state.E[0, :, n].numpy())
            worse = one_sample(problem, state, 0, n, here[0]) - before
            overshot += worse > 0
            if abs(worse) > 1e-12 * abs(before):  # or rounding decides
                size = 1e-9 * max(1, here[worse > 0].max())
                assert_allclose(E[:, n], here[worse > 0], atol=size, err_msg=str(seed))
    assert overshot >= 10  # both are seen


def literal_weights(problem, state, r, bounded):
    """One Newton step with all of the Hessian, or of its bound, K O x K O."""
    E, W = state.E[r].numpy(), state.W[r].numpy()
    lam_2 = float(problem.lam_2[r])
    slope = E @ label_slope(problem, state)[r].numpy().T + 2 * lam_2 * W
    H = 2 * lam_2 * np.eye(W.size)
    for n in range(E.shape[1]):
        known = float(problem.labelled[r, n])
        curve, free = curves(E[:, n] @ W, bounded)
        curve = known * curve + problem.unlabelled * (1 - known) * free
        H += np.kron(np.outer(E[:, n], E[:, n]), curve)
    return W - np.linalg.solve(H, slope.ravel()).reshape(W.shape)


def test_weights_take_newtons_step_or_where_it_overshoots_the_bounds():
    overshot = 0
    for seed in range(60):
        problem, state = random_problem(seed)
        state.W -= state.W.mean(dim=2, keepdim=True)  # as in any run: it starts at 0
        W, before = update_weights(problem, state), label_losses(problem, state)
        for r in range(2):
            both = [literal_weights(problem, state, r, bounded) for bounded in (0, 1)]
            tried = replace(state, W=state.W.clone())
            tried.W[r] = as_tensor(both[0], device="cpu")
            worse = bool(label_losses(problem, tried)[r] > before[r])
            overshot += worse
            size = max(1, abs(both[worse]).max())
            assert_allclose(W[r], both[worse], atol=1e-6 * size, err_msg=str(seed))
    assert 5 < overshot < 60  # of 120: both are seen


@pytest.mark.parametrize("seed", range(3))
def test_where_exposures_and_weights_stay_the_slopes_are_0(seed):
    problem, state = random_problem(seed, K=3, lam_c=0.3)
    problem = replace(problem, lam_2=problem.lam_2 + 0.1)
    state.W -= state.W.mean(dim=2, keepdim=True)
    for _ in range(300):
        state = replace(state, E=update_exposures(problem, state))
        state = replace(state, W=update_weights(problem, state))
    E, W = state.E.clone().requires_grad_(), state.W.clone().requires_grad_()
    losses(problem, State(state.S, E, W)).sum().backward()
    assert_allclose(W.grad, 0, atol=1e-7)
    assert_allclose(E.grad[E > 0], 0, atol=1e-6)
    assert (E.grad > -1e-6).all()


@seeds
def test_runs_side_by_side_are_each_run_alone(seed):
    problem, state = random_problem(seed, n_runs=5)
    alone = [(problem.of([r]), state.of([r])) for r in range(5)]
    for _ in range(15):
        state = step(problem, state)
        alone = [(p, step(p, s)) for p, s in alone]
    for r, (p, s) in enumerate(alone):
        for name in "SEW":
            one, many = getattr(s, name)[0], getattr(state, name)[r]
            assert_allclose(many, one, atol=1e-9 * max(1, float(one.abs().max())))
        assert_allclose(losses(p, s), losses(problem, state)[r], rtol=1e-9)


@seeds
@pytest.mark.parametrize("labels", [True, False])
def test_signatures_that_are_not_alive_change_nothing(seed, labels):
    problem, state = random_problem(seed, K=3)
    n_runs, _, M = state.S.shape

    def padded(A, value=0.0):
        return torch.cat([A, torch.full_like(A[:, :2], value)], dim=1)

    wide = replace(problem, alive=padded(problem.alive))
    # exposures of theirs and weights must not matter even if there are some
    more = State(padded(state.S, 1 / M), padded(state.E), padded(state.W))
    for _ in range(10):
        state, more = step(problem, state, labels), step(wide, more, labels)
        assert_array_equal(more.E[:, 3:], 0)
        assert_allclose(more.S[:, 3:], 1 / M)
        assert_allclose(more.W[:, 3:], 0, atol=1e-15)
        assert_allclose(losses(wide, more), losses(problem, state), rtol=1e-9)
    for name in "SEW":
        one, other = getattr(state, name), getattr(more, name)[:, :3]
        assert_allclose(other, one, atol=1e-9 * max(1, float(one.abs().max())))


@seeds
def test_with_lam_c_0_labels_do_not_matter(seed):
    problem, state = random_problem(seed, lam_c=0.0)
    plain = state
    for _ in range(10):
        state, plain = step(problem, state), step(problem, plain, labels=False)
    assert_allclose(state.S, plain.S, atol=1e-12)
    assert_allclose(state.E, plain.E, atol=1e-12)
    assert (plain.W - state.W).abs().max() > 1e-3  # they still learn who is who


@seeds
def test_the_dustbin_pulls_unlabelled_samples_alone(seed):
    free, state = random_problem(seed, unlabelled=0.0, N=8)
    free = replace(free, labelled=torch.ones_like(free.labelled).tril(3))
    slope = label_slope(replace(free, unlabelled=0.4), state) - label_slope(free, state)
    z = logits(state).numpy()
    expected = 0.4 * np.exp(z) / (1 + np.exp(z).sum(axis=1, keepdims=True))
    known = free.labelled.numpy().astype(bool)
    assert_allclose(slope.swapaxes(1, 2)[~known], expected.swapaxes(1, 2)[~known])
    assert_array_equal(slope.swapaxes(1, 2)[known], 0)


def test_logits_far_from_0_do_not_overflow():
    problem, state = random_problem(3, unlabelled=0.5)
    state.W *= 1e4
    assert torch.isfinite(label_losses(problem, state)).all()
    assert torch.isfinite(label_slope(problem, state)).all()
    assert all(
        torch.isfinite(getattr(step(problem, state), name)).all() for name in "SEW"
    )


def test_what_is_next_to_nothing_stops_no_block():
    for dtype in (torch.float32, torch.float64):
        problem, state = random_problem(5, N=4, K=5, unlabelled=0.0)
        names = ("X", "lam_c", "lam_2", "alive", "Y", "labelled")
        problem = replace(problem, **{n: getattr(problem, n).to(dtype) for n in names})
        problem.lam_2[:] = 1e-12
        state = State(*(getattr(state, name).to(dtype) for name in "SEW"))
        state.E[:, 0], state.E[:, 1] = 1e-15, 0  # one all but unused, one unused
        for _ in range(3):
            state = step(problem, state)
        assert all(torch.isfinite(getattr(state, name)).all() for name in "SEW")
        assert_allclose(state.S.sum(dim=2), 1, rtol=1e-5)
