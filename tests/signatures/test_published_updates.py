"""The two other updates by hand, and what becomes of the loss under each."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from labelled_problems import planted, random_problem
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning

from latentomics.signatures import SupervisedNMF
from latentomics.signatures.blocks import (
    losses,
    update_signatures,
    update_weights,
)
from latentomics.signatures.published_updates import (
    FLOOR,
    LEARNING_RATE,
    UPDATES,
    literal_step,
    split_step,
)

seeds = pytest.mark.parametrize("seed", range(8))


def in_numpy(problem, state, r):
    parts = (problem.X, problem.Y[r], problem.labelled[r], state.S[r], state.E[r])
    lam_c, lam_2 = float(problem.lam_c[r]), float(problem.lam_2[r])
    return *(A.numpy() for A in (*parts, state.W[r])), lam_c, lam_2


@seeds
def test_the_published_update_is_equations_5_to_7_and_a_rescaling(seed):
    problem, state = random_problem(seed, unlabelled=0.0)
    found = literal_step(problem, state)
    for r in range(2):
        X, Y, known, S, E, W, lam_c, lam_2 = in_numpy(problem, state, r)
        G = known * (softmax(W.T @ E, axis=0) - Y)
        S = S * (E @ X) / np.maximum(E @ E.T @ S, FLOOR)
        E = E * (S @ X.T - lam_c / 2 * W @ G) / np.maximum(S @ S.T @ E, FLOOR)
        size = S.sum(axis=1, keepdims=True)
        S, E, W = S / size, np.maximum(E, FLOOR) * size, W / size
        G = known * (softmax(W.T @ E, axis=0) - Y)
        W = W - LEARNING_RATE * (E @ G.T + 2 * lam_2 * W)
        for name, expected in (("S", S), ("E", E), ("W", W)):
            assert_allclose(getattr(found, name)[r], expected, rtol=1e-9, atol=1e-20)
    assert LEARNING_RATE == 5e-3


@seeds
def test_the_split_update_by_hand(seed):
    problem, state = random_problem(seed, unlabelled=0.0)
    found = split_step(problem, state)
    S_all = update_signatures(problem, state)
    assert_array_equal(found.S, S_all)
    for r in range(2):
        X, Y, known, _, E, W, lam_c, _ = in_numpy(problem, state, r)
        S, P = S_all[r].numpy(), softmax(W.T @ E, axis=0)
        slope_parts = []
        for sign in (1, -1):  # of each product in W (P - Y): to the one, to the other
            part = np.zeros_like(E)
            for k, row in enumerate(W):
                for o, w in enumerate(row):
                    for factor in (P[o], -Y[o]):
                        part[k] += known * np.maximum(sign * w * factor, 0)
            slope_parts.append(part)
        above, below = slope_parts
        up, down = 2 * S @ X.T + lam_c * below, 2 * S @ S.T @ E + lam_c * above
        expected = np.where(E > 0, E * up / np.maximum(down, 1e-300), 0)
        assert_allclose(found.E[r], expected, rtol=1e-9)
    assert_array_equal(found.W, update_weights(problem, replace(found, W=state.W)))


@pytest.mark.parametrize(
    ("lam_c", "least", "most"), [(0.0, 0, 0), (0.1, 0, 0), (0.5, 1, 9), (10.0, 9, 90)]
)
def test_the_split_update_keeps_signs_and_mostly_lowers_the_loss(lam_c, least, most):
    """Without labels it must; with them no bound holds: rises are counted, of 900."""
    rises = 0
    for seed in range(150):
        problem, state = random_problem(seed, unlabelled=0.0, lam_c=lam_c)
        for _ in range(3):
            before, zero = losses(problem, state), state.E == 0
            state = split_step(problem, state)
            assert (state.E >= 0).all()
            assert (state.E[zero] == 0).all()
            rises += int((losses(problem, state) > before * (1 + 1e-12)).sum())
    assert least <= rises <= most


def test_the_rescaled_update_raises_the_loss_and_locks_exposures_at_0():
    """A stated example: one class, one signature that speaks for it."""
    problem, state = random_problem(0, N=6, M=8, K=2, O=2, unlabelled=0.0, lam_c=5.0)
    problem = replace(problem, labelled=torch.ones_like(problem.labelled))
    problem.Y[:, 0], problem.Y[:, 1] = 1, 0
    state.E[:] = 0.5
    state.W[:] = torch.tensor([[-3.0, 3.0], [0.0, 0.0]])  # it speaks against it
    before = losses(problem, state)
    after = literal_step(problem, state)
    assert (after.E[:, 0] <= 2 * FLOOR).all()  # eq. 6 was negative
    for _ in range(50):
        after = literal_step(problem, after)
    assert (after.E[:, 0] < 1e-20).all()
    # from where the labels are known, it goes up
    state.W[:] = torch.tensor([[0.5, -0.5], [-0.5, 0.5]])
    before = losses(problem, state)
    after = losses(problem, literal_step(problem, state))
    assert after[0] > 1.5 * before[0]
    assert (losses(problem, UPDATES["mm"](problem, state)) < before).all()


@pytest.mark.parametrize("lam_2", [1e-3, 0.1])
def test_a_fit_with_the_rescaled_update_rises_and_is_not_called_settled(lam_2):
    counts, labels, _, _ = planted(n=30)
    how = {"n_runs": 2, "warm_up": 10, "lam_c": 0.5, "lam_2": lam_2, "device": "cpu"}
    paper = SupervisedNMF(3, update="paper", max_iter=200, **how)
    with pytest.warns(ConvergenceWarning, match="2 of 2 runs have not settled"):
        paper.fit(counts, labels)
    assert not paper.runs_["settled"].any()
    loss = paper.history_.groupby("run")["loss"]
    assert ((loss.diff() > 0).groupby(paper.history_["run"]).sum() >= 10).all()
    assert (loss.last() > loss.min() * 1.01).all()


def test_padded_signatures_stay_out_of_both():
    for update in (split_step, literal_step):
        problem, state = random_problem(2, K=4, unlabelled=0.0)
        problem.alive[:, 3] = 0
        state.E[:, 3], state.W[:, 3] = 0, 0
        for _ in range(3):
            state = update(problem, state)
        assert_array_equal(state.E[:, 3], 0)
