"""Choosing by held-out labels and stability: no patient has a say."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.signatures import SemiSupervisedNMF
from latentomics.signatures.selection import pareto_front, select

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FAST = {"n_runs": 3, "max_iter": 40, "warm_up": 20, "device": "cpu"}
GRID = {"n_components": (3, 4), "lam_c": (0.001, 0.3), "lam_2": (0.001,)}


@pytest.fixture
def data(rng):
    S = rng.dirichlet(np.full(12, 0.3), 3)
    E = rng.dirichlet(np.full(3, 0.4), 60)
    X = rng.poisson(200 * E @ S) + (np.arange(12) == 0)
    y = E.argmax(axis=1)
    y[45:] = -1
    return X, y


def test_scores_are_those_of_fits_without_what_is_held_out(data):
    X, y = data
    groups = np.arange(60) // 3
    model = SemiSupervisedNMF(**FAST)
    found = select(model, X, y, GRID, groups=groups).table
    assert len(found) == 4
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    for row in found.itertuples():
        point = {name: getattr(row, name) for name in GRID}
        scores = []
        for _, held in folds.split(X[:45], y[:45], groups[:45]):
            rest = np.setdiff1d(np.arange(60), held)
            alone = clone(model).set_params(**point).fit(X[rest], y[rest])
            f1 = f1_score(y[held], alone.predict(X[held]), average="macro")
            scores.append([f1, alone.stability_])
        assert np.allclose(np.mean(scores, axis=0), [row.macro_f1, row.stability])


def test_labels_of_patients_cannot_be_seen(data):
    X, y = data
    found = select(SemiSupervisedNMF(**FAST), X, y, GRID)
    assert set(y[45:]) == {-1}
    assert found.table["macro_f1"].between(0, 1).all()


@pytest.mark.parametrize("min_stability", [-1.0, 0.9, 2.0])
def test_the_best_of_the_stable_ones_is_chosen(data, min_stability):
    chosen = select(SemiSupervisedNMF(**FAST), *data, GRID, min_stability=min_stability)
    table = chosen.table
    steady = table[table["stability"] >= min_stability]
    if len(steady):
        best = steady.sort_values(["macro_f1", "stability"]).iloc[-1]
    else:
        best = table.sort_values(["stability", "macro_f1"]).iloc[-1]
    assert chosen.params == {name: best[name] for name in GRID}
    SemiSupervisedNMF(**FAST).set_params(**chosen.params).fit(*data)


def test_samples_of_a_group_are_held_out_together(data, monkeypatch):
    X, y = data
    seen = []
    module = select.__module__
    spy = lambda model, points, X, y, held: (  # noqa: E731
        seen.append(held) or [p | {"macro_f1": 0.0, "stability": 1.0} for p in points]
    )
    monkeypatch.setattr(f"{module}._scored", spy)
    groups = np.arange(60) % 9
    select(SemiSupervisedNMF(), X, y, GRID, groups=groups)
    for held in seen:
        assert not set(groups[held]) & set(groups[np.setdiff1d(np.arange(45), held)])
    assert_array_equal(np.sort(np.concatenate(seen)), np.arange(45))


def test_progress_is_told_of_every_fit(data):
    totals = []

    def progress(jobs, total):
        totals.append(total)
        return jobs

    select(SemiSupervisedNMF(**FAST), *data, GRID, progress=progress)
    assert totals == [3]


def test_the_front_is_what_nothing_beats():
    values = [[1, 0], [0, 1], [0.5, 0.5], [0.4, 0.5], [0.5, 0.4], [1, 0]]
    assert_array_equal(pareto_front(values), [1, 1, 1, 0, 0, 1])


def test_a_bad_number_of_folds_is_refused(data):
    with pytest.raises(ValueError, match="n_splits must be a whole number from 2 up"):
        select(SemiSupervisedNMF(**FAST), *data, GRID, n_splits=1)
