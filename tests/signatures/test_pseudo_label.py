"""Pseudo-labels inside a fit: a literal loop of the same parts, and each option."""

import numpy as np
import pytest
from labelled_problems import planted
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.arrays import as_numpy
from latentomics.signatures import PseudoLabelNMF, SemiSupervisedNMF
from latentomics.signatures import pseudo_label as module
from latentomics.signatures.labelled_nmf import class_weights
from latentomics.signatures.pseudo_label import draw_pseudo_labels
from latentomics.signatures.refit import refit_exposures

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# so short that runs believe different things
HOW = {"n_runs": 3, "warm_up": 0, "max_iter": 10, "tol": 1e-2, "device": "cpu"}
SURE = 0.9
N = 45


@pytest.fixture(scope="module")
def data():
    """A third of the samples labelled, by letters, in no order."""
    counts, labels, _, _ = planted(5, n=N, n_channels=16)
    names = np.array(["c", "a", "b"])[labels]
    y = np.where(np.arange(N) < 15, names, "-1")
    order = np.random.default_rng(0).permutation(N)
    return counts[order], y[order], names[order]


class Watched(PseudoLabelNMF):
    """Keeps the labels that the runs were given, phase by phase."""

    def _settle(self, runs, which, phase):
        seen = {
            "which": list(which),
            "Y": as_numpy(runs.problem.Y),
            "labelled": as_numpy(runs.problem.labelled).astype(bool),
        }
        super()._settle(runs, which, phase)
        seen["P"] = module.probabilities(runs)
        self.seen = [*([] if phase == 0 else self.seen), seen]


def watched(data, **given):
    return Watched(3, **{**HOW, "threshold": SURE, **given}).fit(*data[:2])


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rule": "quantile", "threshold": 0.5},
        {"vote": True},
        {"max_rounds": 2},
        {"random_state": 3},
    ],
    ids=str,
)
def test_each_phase_is_given_what_algorithm_1_says(data, given):
    model = watched(data, **given)
    codes = np.searchsorted(model.classes_, data[1])
    known = data[1] != "-1"
    seed, vote = given.get("random_state", 0), given.get("vote", False)
    streams = [np.random.default_rng([seed, 0 if vote else r]) for r in range(3)]
    Y = [np.eye(3)[:, codes % 3] * known for _ in range(3)]
    free, ended = [~known for _ in range(3)], set()
    how = {"threshold": SURE}
    how |= {k: given[k] for k in ("rule", "threshold") if k in given}
    for phase, seen in enumerate(model.seen):
        if phase:
            P = model.seen[phase - 1]["P"]
            for r in set(range(3)) - ended:
                belief = P.mean(axis=0) if vote else P[r]
                drawn = draw_pseudo_labels(belief, free[r], streams[r], **how)
                if not sum(map(len, drawn)):
                    ended.add(r)
                    continue
                for o, new in enumerate(drawn):
                    assert (belief[:, new].argmax(axis=0) == o).all()
                    free[r] = free[r] & ~np.isin(np.arange(N), new)
                for i in np.concatenate(drawn):
                    Y[r][:, i] = np.eye(3)[belief[:, i].argmax()]
        assert seen["which"] == sorted(set(range(3)) - ended)
        for r in range(3):
            assert_array_equal(seen["labelled"][r], ~free[r])
            assert_allclose(seen["Y"][r], Y[r], atol=1e-15)
    assert len(model.seen) > 2, "too few rounds to tell"
    if "max_rounds" in given:
        assert len(model.seen) == 3
    else:
        P = model.seen[-1]["P"]
        for r in set(range(3)) - ended:
            belief = P.mean(axis=0) if vote else P[r]
            assert not sum(
                map(len, draw_pseudo_labels(belief, free[r], streams[r], **how))
            )
    got = np.where(np.array(free) | known, -1, np.array(Y).argmax(axis=1))
    assert_array_equal(model.pseudo_labels_, got)
    assert_array_equal(model.runs_["n_pseudo"], (got >= 0).sum(axis=1))
    last = [
        max(i for i, s in enumerate(model.seen) if r in s["which"]) for r in range(3)
    ]
    assert_array_equal(model.runs_["n_rounds"], last)
    assert model.history_.groupby("run")["phase"].max().tolist() == last


def test_each_run_ends_when_it_is_through(data):
    assert watched(data).runs_["n_rounds"].nunique() == 3


def test_the_same_number_of_each_class_and_no_labelled_sample(data):
    model = watched(data, n_runs=4)
    known = data[1] != "-1"
    assert (model.pseudo_labels_[:, known] == -1).all()
    for given in model.pseudo_labels_:
        sizes = [(given == o).sum() for o in range(3)]
        assert sizes[0] == sizes[1] == sizes[2] > 0
    right = model.classes_[model.pseudo_labels_] == data[2]
    assert right[model.pseudo_labels_ >= 0].mean() > 0.8


def test_a_vote_labels_the_same_samples_in_all_runs(data):
    voted, each = watched(data, vote=True), watched(data)
    assert (voted.pseudo_labels_ == voted.pseudo_labels_[0]).all()
    assert (voted.pseudo_labels_ >= 0).any()
    assert not (each.pseudo_labels_ == each.pseudo_labels_[0]).all()


def test_where_no_sample_is_sure_it_is_the_semi_supervised(data):
    model = watched(data, threshold=1 - 1e-15)
    plain = SemiSupervisedNMF(3, **HOW).fit(*data[:2])
    assert (model.pseudo_labels_ == -1).all()
    assert (model.runs_["n_rounds"] == 0).all()
    assert_array_equal(model.components_, plain.components_)
    assert_array_equal(model.weights_, plain.weights_)


def test_with_all_labelled_it_is_the_semi_supervised(data):
    model = PseudoLabelNMF(3, **HOW).fit(data[0], data[2])
    plain = SemiSupervisedNMF(3, **HOW).fit(data[0], data[2])
    assert (model.pseudo_labels_ == -1).all()
    assert_array_equal(model.weights_, plain.weights_)


@pytest.mark.parametrize("vote", [False, True])
def test_the_last_weights_are_fitted_to_labels_voted_for(data, vote):
    model = watched(data, vote=vote)
    codes = np.where(data[1] == "-1", -1, np.searchsorted(model.classes_, data[1]))
    if vote:
        assert (model.pseudo_labels_[0] >= 0).any()
        codes = np.where(codes >= 0, codes, model.pseudo_labels_[0])
    known = codes >= 0
    X = data[0] / data[0].sum(axis=1, keepdims=True)
    E = refit_exposures(X[known], model.components_)
    by_hand = class_weights(E, codes[known], 3, model.lam_2)
    assert_allclose(model.weights_, by_hand, rtol=1e-9)


def test_the_loss_falls_between_two_labellings(data):
    history = watched(data, max_iter=200, tol=1e-3).history_
    assert history["phase"].nunique() > 2
    for _, phase in history.groupby(["run", "phase"]):
        loss = phase["loss"].to_numpy()
        assert (np.diff(loss) <= 1e-12 * loss[0]).all()


def test_at_most_so_many_rounds_unlike_the_default(data):
    assert watched(data, max_rounds=1).runs_["n_rounds"].tolist() == [1, 1, 1]
    assert watched(data).runs_["n_rounds"].max() > 1


@pytest.mark.parametrize("value", [0, 1, -0.5, 1.5, np.nan, "0.5", None, True])
def test_a_threshold_is_between_0_and_1(data, value):
    with pytest.raises(ValueError, match="threshold must be a number between 0 and 1"):
        watched(data, threshold=value)
