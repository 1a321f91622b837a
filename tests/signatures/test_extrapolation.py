"""Runs without labels: never uphill, as low as the plain updates, in less time."""

import numpy as np
import pytest
import torch
from labelled_problems import planted
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import NMF

from latentomics.arrays import as_tensor
from latentomics.data import load
from latentomics.signatures import (
    PseudoLabelNMF,
    SemiSupervisedNMF,
    SupervisedNMF,
)
from latentomics.signatures.blocks import losses, step
from latentomics.signatures.extrapolation import extrapolated_step
from latentomics.signatures.runs import Setting, settle, start_runs, warm_up
from latentomics.signatures.together import fit_together

THREE, FIVE = Setting(3, 0.0, 1.0), Setting(5, 0.0, 1.0)


def start(X, settings=(FIVE,), dtype="float64"):
    none = {"Y": np.zeros((2, len(X))), "labelled": np.zeros(len(X), bool)}
    how = {"unlabelled": 0.0, "device": "cpu", "dtype": dtype, "seed": 0}
    return start_runs(X, settings=list(settings), n_runs=4, **none, **how)


@pytest.fixture(scope="module")
def X():
    mixed = planted(n=60)[0]
    noisy = np.random.default_rng(0).poisson(60 * mixed / mixed.sum(1, keepdims=True))
    return noisy / noisy.sum(axis=1, keepdims=True)


def test_no_step_leads_uphill_and_some_are_refused(X):
    runs = start(X)
    problem, state, refused = runs.problem, runs.state, 0
    loss = losses(problem, state)
    for _ in range(200):
        before, state = state, extrapolated_step(problem, state)
        new = losses(problem, state)
        assert (new <= loss + 1e-12).all()
        stays = (state.S == before.S).all(dim=(1, 2))
        assert torch.equal(new[stays], loss[stays])
        refused, loss = refused + int(stays.sum()), new
    assert 0 < refused < 400
    assert_allclose(state.loss + problem.X.square().sum(), loss, rtol=1e-9)


def test_a_refused_step_stays_and_the_next_reaches_less_far(X):
    problem, state = start(X).problem, start(X).state
    ahead = extrapolated_step(problem, extrapolated_step(problem, state))
    ahead.loss[1] = -1e9  # nothing can be below
    after = extrapolated_step(problem, ahead)
    for old, new in [(ahead.S, after.S), (ahead.E, after.E)]:
        stays = (old == new).all(dim=(1, 2))
        assert_array_equal(stays, [False, True, False, False])
    assert torch.equal(after.E_ahead[1], ahead.E[1])
    assert torch.equal(after.S_plain[1], ahead.S[1])
    assert_allclose(after.share / ahead.share, [1.05, 1 / 1.5, 1.05, 1.05])
    assert_allclose(after.cap, [1, ahead.share[1], 1, 1])


def test_one_step_is_the_formula(X):
    problem, state = start(X).problem, start(X).state
    first = extrapolated_step(problem, state)
    S, E = by_hand(X, state.S[0], state.E[0], state.S[0], 0.5)[:2]
    assert_allclose(first.S[0], S, atol=1e-12)
    assert_allclose(first.E[0], E, atol=1e-12)
    ahead = (first.E + 0.5 * (first.E - state.E)).clamp(min=0)
    assert_allclose(first.E_ahead, ahead, atol=1e-12)
    second = extrapolated_step(problem, first)
    share = float(first.share[0])
    assert share == 0.5 * 1.05
    S, E = by_hand(X, first.S[0], first.E_ahead[0], first.S_plain[0], share)[:2]
    assert_allclose(second.S[0], S, atol=1e-12)
    assert_allclose(second.E[0], E, atol=1e-12)


def by_hand(X, S, E, S_before, share):
    """One sweep over S, on towards where it leads, and one over E; in plain loops."""
    S, E, S_before = (M.numpy().copy() for M in (S, E, S_before))
    for k in range(len(S)):
        rest = X.T - S.T @ E + np.outer(S[k], E[k])
        S[k] = nearest_on_simplex(rest @ E[k] / (E[k] @ E[k]))
    S = np.array([nearest_on_simplex(s) for s in S + share * (S - S_before)])
    for k in range(len(S)):
        rest = X.T - S.T @ E + np.outer(S[k], E[k])
        E[k] = np.maximum(S[k] @ rest / (S[k] @ S[k]), 0)
    return S, E


def nearest_on_simplex(v):
    low, high = v.min() - 1, v.max()
    for _ in range(100):
        middle = (low + high) / 2
        over = np.clip(v - middle, 0, None).sum() > 1
        low, high = (middle, high) if over else (low, middle)
    return np.clip(v - low, 0, None)


def test_it_ends_as_low_as_scikit_learn_and_sooner_than_plain_steps(X):
    fast, plain = start(X), start(X)
    for runs in (fast, plain):
        warm_up(runs, 5)
    how = {"phase": 0, "tol": 1e-5, "max_iter": 5000}
    settle(fast, range(4), update=extrapolated_step, **how)
    settle(plain, range(4), update=lambda p, s: step(p, s, labels=False), **how)
    assert fast.settled.all()
    low, usual = losses(fast.problem, fast.state), losses(plain.problem, plain.state)
    assert low.min() < usual.min() * (1 + 1e-3)
    assert fast.n_iter.sum() < plain.n_iter.sum()  # and each has half the sweeps
    given = {"init": "random", "tol": 1e-6, "max_iter": 5000}
    theirs = [NMF(5, random_state=r, **given).fit(X) for r in range(4)]
    best = min(model.reconstruction_err_**2 for model in theirs)
    assert abs(low.min() / best - 1) < 1e-3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_the_runs_asked_for_move_and_padding_stays_empty(X, dtype):
    runs = start(X, [THREE, FIVE], dtype)
    settle(runs, [0, 2, 5], phase=0, tol=1e-4, max_iter=900, update=extrapolated_step)
    S, E = runs.state.S, runs.state.E
    assert S.dtype == E.dtype == getattr(torch, dtype)
    assert_allclose(S.sum(dim=2), 1, rtol=1e-12 if dtype == "float64" else 1e-6)
    assert (S >= 0).all()
    assert (E >= 0).all()
    assert not E[:4, 3:].any()
    assert runs.settled.all()
    untouched = start(X, [THREE, FIVE], dtype).state
    for r in (1, 3, 4, 6, 7):
        assert torch.equal(S[r], untouched.S[r])


def test_single_precision_goes_on_as_far_as_it_can(X):
    # rounding must not refuse every step, or runs would seem to be at rest
    ends = {}
    for dtype in ("float32", "float64"):
        runs = start(X, dtype=dtype)
        settle(runs, range(4), phase=0, tol=0, max_iter=500, update=extrapolated_step)
        ends[dtype] = losses(runs.problem, runs.state).double()
    assert_allclose(ends["float32"], ends["float64"], rtol=1e-4)


@pytest.fixture
def called(monkeypatch):
    """Numbers of runs that settle by extrapolated steps."""
    found = []

    def watched(runs, which, *, update, **how):
        found.extend([len(which)] * (update is extrapolated_step))
        settle(runs, which, update=update, **how)

    monkeypatch.setattr("latentomics.signatures.labelled_nmf.settle", watched)
    return found


def test_runs_without_a_say_of_labels_take_this_way_alone_and_in_a_grid(called):
    counts, labels, _, _ = planted(n=60)
    lam_cs = (0.0, 0.1, 0.0)
    models = [
        SemiSupervisedNMF(3, lam_c=lam_c, lam_2=lam_2, n_runs=2, device="cpu")
        for lam_c, lam_2 in zip(lam_cs, (1.0, 1.0, 0.1), strict=True)
    ]
    fits = fit_together(models, counts, labels)
    assert called == [2]  # settings that differ in lam_2 alone are one
    for model in models:
        alone = SemiSupervisedNMF(**model.get_params()).fit(counts, labels)
        here = fits[models.index(model)]
        assert_allclose(here.components_, alone.components_, atol=1e-6)
        assert_array_equal(here.runs_["n_iter"], alone.runs_["n_iter"])
    slow = SupervisedNMF(3, lam_c=0.0, n_runs=2, update="split", device="cpu")
    called.clear()
    slow.fit(counts, labels)
    half = np.where(np.arange(60) % 2, labels, -1)
    pseudo = PseudoLabelNMF(3, lam_c=0.0, threshold=0.4, n_runs=2, device="cpu")
    assert (pseudo.fit(counts, half).pseudo_labels_ >= 0).any()  # by the weights
    assert not called


def test_real_exomes_come_out_as_low_as_by_scikit_learn():
    X = load("tcga_sbs96").to_numpy(dtype=float)[::10]
    X = X / X.sum(axis=1, keepdims=True)
    runs = start(X, [Setting(10, 0.0, 1.0)])
    warm_up(runs, 5)
    how = {"phase": 0, "tol": 1e-5, "max_iter": 2000}
    settle(runs, range(4), update=extrapolated_step, **how)
    given = {"init": "random", "max_iter": 2000}
    theirs = [NMF(10, random_state=r, **given).fit(X) for r in range(4)]
    best = min(model.reconstruction_err_**2 for model in theirs)
    assert losses(runs.problem, runs.state).min() < best * (1 + 1e-3)
    assert as_tensor(X, device="cpu").equal(runs.problem.X)
