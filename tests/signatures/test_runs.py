"""Runs side by side: starts, the stop rule on the recorded losses, what is kept."""

import os

import numpy as np
import pandas as pd
import pytest
import torch
from labelled_problems import literal_loss, planted
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.data import load
from latentomics.signatures import SemiSupervisedNMF
from latentomics.signatures import runs as module
from latentomics.signatures.blocks import losses, step
from latentomics.signatures.runs import (
    Setting,
    give_labels,
    probabilities,
    settle,
    start_runs,
    warm_up,
)

HOW = {"unlabelled": 0.0, "device": "cpu", "dtype": "float64"}
THREE, FIVE = Setting(3, 0.1, 1e-3), Setting(5, 0.3, 1e-2)


@pytest.fixture(scope="module")
def data():
    counts, labels, _, _ = planted(n=30)
    X = counts / counts.sum(axis=1, keepdims=True)
    labelled = np.arange(30) < 18
    return X, np.eye(3)[labels].T * labelled, labelled


def start(data, settings=(THREE,), n_runs=3, seed=0, **given):
    return start_runs(
        *data, list(settings), n_runs=n_runs, seed=seed, **{**HOW, **given}
    )


def settled(data, settings=(THREE,), tol=1e-4, max_iter=400, **given):
    runs = start(data, settings, **given)
    warm_up(runs, 5)
    settle(runs, range(len(runs.n_iter)), phase=0, tol=tol, max_iter=max_iter)
    return runs


def test_a_start_is_that_of_its_seed_and_number(data):
    few, many = start(data, n_runs=2), start(data, [FIVE, THREE], n_runs=4)
    for name in "SE":
        one, other = getattr(few.state, name), getattr(many.state, name)
        assert torch.equal(one, other[4:6, :3])
        assert len(torch.unique(one, dim=0)) == 2
        assert not torch.equal(one, getattr(start(data, n_runs=2, seed=1).state, name))
        assert torch.equal(one, getattr(start(data, n_runs=2).state, name))


def test_a_start_is_a_mixture_without_weights(data):
    runs = start(data, [THREE, FIVE], n_runs=2)
    S, E, W = runs.state.S, runs.state.E, runs.state.W
    assert (S.shape, E.shape, W.shape) == ((4, 5, 24), (4, 5, 30), (4, 5, 3))
    assert_allclose(S.sum(dim=2), 1, rtol=1e-12)
    assert (S >= 0).all()
    assert (E >= 0).all()
    assert_allclose(E.sum(dim=1).mean(dim=1), 1, atol=0.15)
    assert_array_equal(W, 0)
    assert_array_equal(E[:2, 3:], 0)
    problem = runs.problem
    assert_array_equal(problem.alive, [[1, 1, 1, 0, 0]] * 2 + [[1] * 5] * 2)
    assert_array_equal(problem.lam_c, [0.1, 0.1, 0.3, 0.3])
    assert_array_equal(problem.lam_2, [1e-3, 1e-3, 1e-2, 1e-2])
    assert_array_equal(problem.Y, np.broadcast_to(data[1], (4, 3, 30)))
    assert_array_equal(problem.labelled, np.broadcast_to(data[2], (4, 30)))
    assert_array_equal(problem.X, data[0])


def test_a_warm_up_leaves_weights_and_labels_alone(data):
    runs, plain = start(data), start((data[0], 0 * data[1], data[2] & False))
    warm_up(runs, 7)
    for _ in range(7):
        plain.state = step(plain.problem, plain.state)
    assert_allclose(runs.state.S, plain.state.S, atol=1e-12)
    assert_allclose(runs.state.E, plain.state.E, atol=1e-12)
    assert_array_equal(runs.state.W, 0)
    assert_array_equal(runs.n_iter, 0)


def test_starts_that_are_alike_are_warmed_up_once(data, monkeypatch):
    settings = [THREE, FIVE, Setting(3, 0.5, 1.0), Setting(5, 0.0, 1.0)]
    plain, shared = start(data, settings, n_runs=2), start(data, settings, n_runs=2)
    warm_up(plain, 6)
    sizes = []

    def counted(problem, state, labels=True):
        sizes.append(len(state.S))
        return step(problem, state, labels)

    monkeypatch.setattr(module, "step", counted)
    warm_up(shared, 6, n_runs=2)
    assert sizes == [4] * 6  # two sizes, two starts
    for name in "SE":
        one, other = getattr(plain.state, name), getattr(shared.state, name)
        assert_allclose(one, other, atol=1e-12)


def literal_stop(losses_seen, iterations, tol, max_iter):
    """Where the rule of the docstring ends, and whether at rest, look by look."""
    calm = 0
    for i in range(1, len(losses_seen)):
        change = abs(losses_seen[i] - losses_seen[i - 1]) / abs(losses_seen[i])
        calm = calm + 1 if change < tol else 0
        if calm == 2:
            return iterations[i], True
        if iterations[i] == max_iter:
            return iterations[i], False
    raise AssertionError("ended before the rule says")


@pytest.mark.parametrize("tol", [0.3, 1e-2, 1e-3, 1e-4, 1e-5, 0])
@pytest.mark.parametrize("max_iter", [1, 10, 20, 45, 250])
def test_each_run_stops_where_the_rule_says(data, tol, max_iter):
    runs = settled(data, [THREE, FIVE], tol, max_iter)
    history = pd.DataFrame(runs.history)
    for r, seen in history.groupby("run"):
        at = seen["iteration"].tolist()
        assert at == [*range(0, at[-1], 10), at[-1]]
        ends, at_rest = literal_stop(seen["loss"].tolist(), at, tol, max_iter)
        assert (at[-1], runs.n_iter[r], runs.settled[r]) == (ends, ends, at_rest)
    assert sorted(history["run"].unique()) == list(range(6))
    assert (history["phase"] == 0).all()


def test_the_last_recorded_loss_is_that_of_what_is_kept(data):
    runs = settled(data, [THREE, FIVE], tol=1e-3)
    last = pd.DataFrame(runs.history).groupby("run")["loss"].last()
    assert len(set(runs.n_iter)) > 1, "no run ends before another"
    assert_allclose(losses(runs.problem, runs.state), last, rtol=1e-12)
    for r in (0, 5):
        assert_allclose(literal_loss(runs.problem, runs.state, r), last[r], rtol=1e-10)


def test_a_grid_in_one_batch_is_its_points_alone(data):
    together = settled(data, [THREE, FIVE])
    for i, setting in enumerate((THREE, FIVE)):
        alone, here = settled(data, [setting]), slice(3 * i, 3 * i + 3)
        assert_array_equal(together.n_iter[here], alone.n_iter)
        for name in "SEW":
            one = getattr(alone.state, name)
            many = getattr(together.state, name)[here, : setting.n_components]
            assert_allclose(many, one, atol=1e-7)


def test_a_later_phase_goes_on_with_some_runs(data):
    runs = settled(data)
    before, n_iter = runs.state.S.clone(), runs.n_iter.copy()
    Y = np.broadcast_to(np.eye(3)[np.arange(30) % 3].T, (3, 3, 30))
    give_labels(runs, Y, np.ones((3, 30), bool))
    assert_array_equal(runs.problem.Y, Y)
    assert_array_equal(runs.problem.labelled, 1)
    settle(runs, [0, 2], phase=1, tol=1e-4, max_iter=30)
    assert_array_equal(runs.state.S[1], before[1])
    assert not torch.equal(runs.state.S[2], before[2])
    assert runs.n_iter[1] == n_iter[1]
    assert (runs.n_iter[[0, 2]] > n_iter[[0, 2]]).all()
    history = pd.DataFrame(runs.history)
    later = history[history["phase"] == 1]
    assert set(later["run"]) == {0, 2}
    first, last = later.groupby("run").first(), later.groupby("run").last()
    assert_array_equal(first["iteration"], n_iter[[0, 2]])
    assert_array_equal(last["iteration"], runs.n_iter[[0, 2]])
    assert_allclose(last["loss"], losses(runs.problem, runs.state)[[0, 2]], rtol=1e-12)


def test_a_run_once_unsettled_stays_so(data):
    runs = settled(data, tol=1e-9, max_iter=10)
    assert not runs.settled.any()
    settle(runs, [1], phase=1, tol=0.5, max_iter=400)
    assert not runs.settled.any()


def test_with_tol_0_not_even_a_loss_that_stays_is_settled(data):
    runs = start(data)
    settle(runs, range(3), phase=0, tol=0, max_iter=30, update=lambda p, s: s)
    assert (runs.n_iter == 30).all()
    assert not runs.settled.any()


@pytest.mark.parametrize(("rise", "fine"), [(1e-14, True), (1e-9, False)])
def test_a_loss_that_rises_is_not_settled(data, rise, fine):
    runs = start(data)
    E = [runs.state.E.clone()]

    def creep(problem, state):
        E[0] = E[0] * (1 + rise)
        state.E[:] = 10 * E[0]
        return state

    runs.state.E *= 10
    settle(runs, range(3), phase=0, tol=1e-3, max_iter=100, update=creep)
    assert (runs.n_iter == 20).all()
    assert (runs.settled == fine).all()


def scripted(data, monkeypatch, told, tol):
    """A run of which nothing is known but its losses, look by look."""
    runs, told = start(data, n_runs=1), iter(told)
    monkeypatch.setattr(
        module, "losses", lambda p, s: torch.tensor([next(told)]).double()
    )
    settle(runs, [0], phase=0, tol=tol, max_iter=50, update=lambda p, s: s)
    return int(runs.n_iter[0]), bool(runs.settled[0])


def test_a_change_is_a_share_of_what_is_left(data, monkeypatch):
    falls = [100.0, 80, 60, 45, 34, 26]  # by a fifth to a quarter of what was before
    assert scripted(data, monkeypatch, falls, 0.26) == (50, False)
    assert scripted(data, monkeypatch, falls, 0.34) == (20, True)


def test_rounding_of_a_perfect_fit_is_no_rise(data, monkeypatch):
    """A loss is a difference of sums as large as the squares of X."""
    for rise, fine in ((1e-13, True), (1e-10, False)):
        told = [1e-6, 1e-6 + rise, 1e-6 + rise]
        assert scripted(data, monkeypatch, told, 1e-3) == (20, fine)


def test_an_update_that_diverges_is_said(data):
    def explode(problem, state):
        state.E *= 1e200
        return state

    with pytest.raises(FloatingPointError, match="no longer finite after 10 iter"):
        settle(start(data), range(3), phase=0, tol=0, max_iter=40, update=explode)


def test_probabilities_are_those_of_the_runs_exposures(data):
    runs = settled(data)
    P = probabilities(runs)
    z = np.einsum("rkn,rko->ron", runs.state.E, runs.state.W)
    assert_allclose(P, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-12)
    assert isinstance(P, np.ndarray)


def test_single_precision_is_close(data, device):
    double = settled(data, tol=0, max_iter=40)
    single = settled(data, tol=0, max_iter=40, dtype="float32", device=device)
    assert single.state.S.dtype == torch.float32
    assert_allclose(single.state.S.cpu(), double.state.S, atol=2e-3)
    loss = losses(single.problem, single.state).cpu()
    assert_allclose(loss, losses(double.problem, double.state), rtol=1e-4)


def assert_falls(history):
    for _, phase in history.groupby(["run", "phase"]):
        loss = phase["loss"].to_numpy()
        assert (np.diff(loss) <= 1e-12 * loss[0]).all()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_no_recorded_loss_rises(data, weight):
    runs = settled(data, [THREE, FIVE, Setting(4, 5.0, 1e-4)], unlabelled=weight)
    assert_falls(pd.DataFrame(runs.history))
    assert_array_equal(runs.settled, runs.n_iter < 400)  # or it would say of a rise


@pytest.mark.skipif(
    not os.path.isdir(os.environ.get("LATENTOMICS_DATA", "")), reason="no real files"
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_no_recorded_loss_rises_on_real_profiles(weight):
    counts = load("tcga_sbs96").iloc[::40]
    types = load("tcga_sbs96", table="samples").loc[counts.index, "type"]
    y = np.where(np.arange(len(types)) % 2, types, "-1")
    model = SemiSupervisedNMF(
        5, n_runs=2, unlabelled_weight=weight, warm_up=10, max_iter=100, tol=1e-3
    )
    assert_falls(model.fit(counts, y).history_)
    assert_array_equal(model.runs_["settled"], model.runs_["n_iter"] < 100)
