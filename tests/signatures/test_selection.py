"""Choosing by held-out labels, balance and stability: no patient's label has a say."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold

from latentomics.signatures import PseudoLabelNMF, SemiSupervisedNMF
from latentomics.signatures.selection import (
    Selection,
    balance,
    fit_selected,
    pareto_front,
    select,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FAST = {"n_runs": 3, "max_iter": 40, "warm_up": 20, "device": "cpu"}
SCORES = ("macro_f1", "log_loss", "balance", "stability")
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
            P = alone.predict_proba(X[held])
            loss = -np.log(P[range(len(held)), y[held]]).mean()
            even = balance(alone, X[45:])
            scores.append([f1, loss, even, alone.stability_])
        ours = [row.macro_f1, row.log_loss, row.balance, row.stability]
        assert np.allclose(np.mean(scores, axis=0), ours)


def test_labels_of_patients_cannot_be_seen(data):
    X, y = data
    found = select(SemiSupervisedNMF(**FAST), X, y, GRID)
    assert set(y[45:]) == {-1}
    assert found.table["macro_f1"].between(0, 1).all()


@pytest.mark.parametrize("min_stability", [-1.0, 0.9, 2.0])
def test_the_surest_of_the_stable_ones_is_chosen(data, min_stability):
    chosen = select(SemiSupervisedNMF(**FAST), *data, GRID, min_stability=min_stability)
    table = chosen.table
    steady = table[table["stability"] >= min_stability]
    if len(steady):
        best = steady.sort_values("log_loss").iloc[0]
    else:
        best = table.sort_values("stability").iloc[-1]
    assert chosen.params == {name: best[name] for name in GRID}
    SemiSupervisedNMF(**FAST).set_params(**chosen.params).fit(*data)


def test_the_pool_chooses_among_points_that_know_the_lines():
    def chosen(*rows, criterion="pool"):
        names = ["n_components", "stability", "macro_f1", "log_loss", "balance"]
        table = pd.DataFrame(rows, columns=names)
        found = Selection(table, {"n_components": None}).by(criterion)
        return found.params["n_components"]

    best, worse = (5, 0.95, 0.80, 0.4, 0.7), (6, 0.95, 0.76, 0.5, 0.9)
    assert chosen(best, worse) == 6
    assert chosen(best, worse, criterion="lines") == 5
    assert chosen(best, (7, 0.95, 0.74, 0.5, 0.99)) == 5  # knows the lines too little
    assert chosen(best, (8, 0.85, 0.80, 0.1, 0.99)) == 5  # does not come back
    assert chosen((5, 0.5, 0.9, 0.1, 0.9), (6, 0.6, 0.1, 0.9, 0.1)) == 6


def test_points_are_ranked_by_stability_then_lines_then_the_criterion():
    rows = [  # stability, macro F1, log loss, balance
        (1, 0.70, 0.99, 0.01, 0.99),  # not stable
        (2, 0.95, 0.80, 0.40, 0.70),
        (3, 0.95, 0.60, 0.30, 0.99),  # knows the lines too little for the pool
        (4, 0.95, 0.80, 0.50, 0.80),
        (5, 0.80, 0.99, 0.02, 0.99),  # hardly stable
    ]
    names = ["n_components", "stability", "macro_f1", "log_loss", "balance"]
    found = Selection(pd.DataFrame(rows, columns=names), {"n_components": None})

    def order(criterion):
        return [p["n_components"] for p in found.by(criterion).ranked()]

    assert order("pool") == [4, 2, 3, 5, 1]
    assert order("lines") == [3, 2, 4, 5, 1]
    found.table["balance"] = found.table["balance"].replace(0.99, 0.5)
    assert order("pool") == [4, 2, 3, 5, 1]  # stability before balance
    assert found.by("pool").criterion == "pool"


def test_rounding_ranks_nothing():
    rows = [  # stability, macro F1, log loss, balance
        (1, 0.9 - 1e-12, 0.75 - 1e-12, 0.4 + 1e-12, 0.7 - 1e-12),
        (2, 0.9, 0.80, 0.4, 0.7),
        (3, 0.5 - 1e-12, 0.80, 0.4, 0.7),
        (4, 0.5, 0.80, 0.3, 0.9),
    ]
    names = ["n_components", "stability", "macro_f1", "log_loss", "balance"]
    found = Selection(pd.DataFrame(rows, columns=names), {"n_components": None})
    for criterion in ("lines", "pool"):
        ranked = found.by(criterion).ranked()
        assert [p["n_components"] for p in ranked] == [1, 2, 3, 4]


@pytest.mark.parametrize("higher", [1e-12, 1e-3])
def test_of_fits_as_unstable_the_first_is_taken(data, monkeypatch, higher):
    names = ["n_components", "stability", "macro_f1", "log_loss", "balance"]
    rows = [(3, 0.9, 1, 0.1, 1), (4, 0.9, 1, 0.2, 1)]
    found = Selection(pd.DataFrame(rows, columns=names), {"n_components": None})
    fit = SemiSupervisedNMF.fit

    def made_up(self, X, y):
        fit(self, X, y).stability_ = 0.3 + higher * (self.n_components == 4)
        return self

    monkeypatch.setattr(SemiSupervisedNMF, "fit", made_up)
    _, params = fit_selected(found.by("lines"), SemiSupervisedNMF(**FAST), *data)
    assert params == {"n_components": 4 if higher > 1e-6 else 3}


@pytest.mark.parametrize(("least", "taken"), [(0.0, 4), (0.8, 2), (2.0, 2)])
def test_the_fit_to_everything_has_to_be_stable_too(data, monkeypatch, least, taken):
    names = ["n_components", "stability", "macro_f1", "log_loss", "balance"]
    rows = [(3, 0.9, 1, 0.2, 1), (4, 0.9, 1, 0.1, 1), (2, 0.9, 1, 0.3, 1)]
    table = pd.DataFrame(rows, columns=names)
    found = Selection(table, {"n_components": None}).by("lines", min_stability=least)
    fit, stable = SemiSupervisedNMF.fit, {4: 0.3, 3: 0.7, 2: 0.85}

    def made_up(self, X, y):
        fit(self, X, y).stability_ = stable[self.n_components]
        return self

    monkeypatch.setattr(SemiSupervisedNMF, "fit", made_up)
    model, params = fit_selected(found, SemiSupervisedNMF(**FAST), *data)
    assert params == {"n_components": taken}
    assert model.n_components == taken
    assert len(model.components_) == taken


def test_thresholds_are_chosen_with_runs_that_are_shared(data):
    model = PseudoLabelNMF(3, lam_c=0.3, **FAST)
    grid = {"threshold": (0.3, 0.6, 0.95), "vote": (False, True)}
    together = select(model, *data, grid).table
    assert len(together) == 6
    for (threshold, vote), row in together.groupby(["threshold", "vote"]):
        one = {"threshold": (threshold,), "vote": (vote,)}
        alone = select(model, *data, one).table
        assert np.allclose(row[list(SCORES)], alone[list(SCORES)])
    assert together["log_loss"].nunique() > 2


def test_labels_may_be_text_with_gaps(data):
    X, y = data
    text = np.array(["a", "b", "c", "-1"])[y]
    gaps = np.where(y < 0, None, text)
    grid = GRID | {"n_components": (3,)}
    numbers, *others = (
        select(SemiSupervisedNMF(**FAST), X, v, grid).table for v in (y, text, gaps)
    )
    for other in others:
        pd.testing.assert_frame_equal(numbers, other)


def test_points_of_a_list_are_completed_by_the_estimator(data):
    estimator = SemiSupervisedNMF(**FAST)
    grid = [{"lam_c": 0.1}, {"lam_2": [0.5]}]
    table = select(estimator, *data, grid).table
    assert table["lam_c"].tolist() == [0.1, estimator.lam_c]
    assert table["lam_2"].tolist() == [estimator.lam_2, 0.5]


def negative(X):
    X = X.astype(float)
    X[50, 2] = -1
    return X


REFUSED = {
    "empty": ({"grid": {}}, r"grid must have at least one point; got \{\}"),
    "word": ({"grid": {"lam_c": "0.1"}}, "lam_c must be a non-negative number; got '0"),
    "name": ({"grid": {"tol": (1e-3,)}}, r"grid must name some of .*; got \{'tol'"),
    "later": ({"grid": {"vote": (True,)}}, r"grid must name some of .*; got \{'vote'"),
    "value": (
        {"grid": {"lam_c": (-1,)}},
        "lam_c must be a non-negative number; got -1",
    ),
    "K": ({"grid": {"n_components": (3, 13)}}, "at most the 12 feature.*; got 13"),
    "short": ({"y": lambda y: y[:-1]}, "y must have a label for each of the 60"),
    "none": ({"y": lambda y: None}, "the target y is None"),
    "free": ({"y": lambda y: 0 * y - 1}, "y must label some samples; got -1 for all"),
    "groups": ({"groups": np.arange(59)}, r"a list of 60 labels; got shape \(59,\)"),
    "gap": ({"groups": [None] * 60}, "for each labelled sample; got none in row"),
    "one": (
        {"groups": np.ones(60)},
        "at least 2 groups of each class, .*; got 1 and 1",
    ),
    "least": ({"min_stability": np.nan}, "min_stability must be a number; got nan"),
    "row": ({"X": negative}, "in row 50, column 2"),
    "splits": ({"n_splits": 1}, "n_splits must be a whole number of at least 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(data, case):
    given, says = REFUSED[case]
    how = {"grid": GRID} | given
    X, y = (how.pop(k, lambda v: v)(v) for k, v in zip("Xy", data, strict=True))
    with pytest.raises(ValueError, match=says) as refusal:
        select(SemiSupervisedNMF(**FAST), X, y, **how)
    assert "\n" not in str(refusal.value)


def test_no_fold_may_hold_out_all_of_a_class(data, monkeypatch):
    def unlucky(self, X, y, groups):
        return [(np.flatnonzero(y != c), np.flatnonzero(y == c)) for c in range(3)]

    monkeypatch.setattr(StratifiedGroupKFold, "split", unlucky)
    with pytest.raises(ValueError, match="a fold of 3, n_splits, that holds out all"):
        select(SemiSupervisedNMF(**FAST), *data, GRID)


def test_balance_is_the_entropy_of_the_classes_called(data):
    X, y = data
    model = SemiSupervisedNMF(3, **FAST).fit(X, y)
    h = np.bincount(model.predict(X), minlength=3) / 60
    by_hand = -sum(v * np.log(v) for v in h if v) / np.log(3)
    assert np.isclose(balance(model, X), by_hand)
    assert balance(model, X[:1]) == 0
    assert np.isnan(balance(model, X[:0]))


def test_a_pool_is_needed_where_it_chooses(data):
    X, y = data
    with pytest.raises(ValueError, match="criterion 'pool' needs unlabelled samples"):
        select(SemiSupervisedNMF(), X[:45], y[:45], criterion="pool")
    with pytest.raises(ValueError, match="criterion must be one of"):
        select(SemiSupervisedNMF(), X, y, criterion="patients")


def test_samples_of_a_group_are_held_out_together(data, monkeypatch):
    X, y = data
    seen = []
    module = select.__module__
    spy = lambda model, points, X, y, held: (  # noqa: E731
        seen.append(held) or [p | dict.fromkeys(SCORES, 1.0) for p in points]
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
