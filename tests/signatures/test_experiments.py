"""Two domains: nothing of a test sample is in a fit, and scores are those by hand."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import f1_score

from latentomics.signatures import PseudoLabelNMF, SupervisedNMF
from latentomics.signatures.channels import CHANNELS
from latentomics.signatures.experiments import (
    RawLogistic,
    judged,
    judged_methods,
    made_domains,
    two_domains,
)
from latentomics.signatures.simulate import PROCESSES, planted_domains

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FAST = {"n_runs": 2, "max_iter": 40, "warm_up": 20, "device": "cpu"}


@pytest.fixture
def made(rng):
    """Each line and each patient has a channel of its own, and mutations in it."""
    lines = np.eye(24, 60, dtype=int) * 50 + np.r_[np.zeros(54, int), np.full(6, 3)]
    patients = np.eye(30, 60, 24, dtype=int) * 50 + np.r_[np.full(60, 1)]
    return lines, np.arange(24) % 3, patients, np.arange(30) % 3


def origins(X, among):
    return set(X[:, among].argmax(axis=1))


def test_lines_and_patients_are_on_one_side_only(made):
    d = two_domains(*made, n_lines=60, fraction=0.25, random_state=3)
    fit = origins(d.X[d.labelled], slice(0, 24))
    held = origins(d.tests["cell_line"][0], slice(0, 24))
    assert not fit & held
    assert len(fit) + len(held) <= 24
    assert len(held) >= 3
    ours = origins(d.X[~d.labelled], slice(24, 54))
    theirs = origins(d.tests["patient"][0], slice(24, 54))
    assert not ours & theirs
    assert len(ours) == 20
    assert len(theirs) == 10


def test_lines_that_belong_together_stay_together(made):
    groups = np.repeat(np.arange(8), 3)
    labels = np.repeat(np.arange(4) % 2, 6)
    for seed in range(5):
        d = two_domains(
            made[0], labels, *made[2:], line_groups=groups, random_state=seed
        )
        fit = {groups[i] for i in origins(d.X[d.labelled], slice(0, 24))}
        held = {groups[i] for i in origins(d.tests["cell_line"][0], slice(0, 24))}
        assert not fit & held
        assert set(d.groups[d.labelled]) == {str(g) for g in fit}


def test_labels_follow_their_samples(made):
    d = two_domains(*made, n_lines=60, fraction=1 / 3)
    line = d.X[:, :24].argmax(axis=1)
    assert_array_equal(d.y[d.labelled], made[1][line[d.labelled]])
    assert_array_equal(d.truth[d.labelled], d.y[d.labelled])
    patient = d.X[:, 24:54].argmax(axis=1)
    assert_array_equal(d.truth[~d.labelled], made[3][patient[~d.labelled]])
    assert (d.y[~d.labelled] == -1).all()
    for (X, y), of, labels in zip(
        d.tests.values(), (slice(0, 24), slice(24, 54)), (made[1], made[3]), strict=True
    ):
        assert_array_equal(y, labels[X[:, of].argmax(axis=1)])


def test_resamples_have_the_depth_of_their_line_and_classes_are_even(made):
    d = two_domains(*made, n_lines=60)
    line = d.X[d.labelled][:, :24].argmax(axis=1)
    assert_array_equal(d.X[d.labelled].sum(axis=1), made[0].sum(axis=1)[line])
    assert_array_equal(np.bincount(d.y[d.labelled]), [20, 20, 20])


@pytest.mark.parametrize(("fraction", "n"), [(0.5, 12), (1 / 3, 6)])
def test_the_fraction_is_that_of_patients_in_the_fit(made, fraction, n):
    d = two_domains(*made, n_lines=12, fraction=fraction)
    assert (~d.labelled).sum() == n
    assert np.isclose((~d.labelled).mean(), fraction)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fraction": 0}, "fraction must be between 0 and 1; got 0"),
        ({"fraction": 1}, "fraction must be between 0 and 1; got 1"),
        ({"n_lines": 0}, "n_lines must be a whole number from 1 up; got 0"),
    ],
)
def test_bad_sizes_are_refused(made, given, says):
    with pytest.raises(ValueError, match=says):
        two_domains(*made, **given)


@pytest.fixture
def easy(rng):
    """Classes that are easy to tell apart, in both domains."""
    S = rng.dirichlet(np.full(20, 0.2), 3)

    def draw(n):
        y = np.arange(n) % 3
        return rng.multinomial(300, 0.8 * S[y] + 0.2 / 20), y

    return two_domains(*draw(48), *draw(90), n_lines=60, n_test=40)


def test_scores_are_those_by_hand(easy):
    model = SupervisedNMF(3, **FAST).fit(easy.X, easy.y)
    found = judged("ours", model, easy, classes=[0, 1]).set_index("domain")
    assert set(found.index) == {"cell_line", "patient"}
    for domain, (X, y) in easy.tests.items():
        row, P = found.loc[domain], model.predict_proba(X)
        guess = P.argmax(axis=1)
        assert_allclose(row["accuracy"], (guess == y).mean())
        each = f1_score(y, guess, average=None)
        assert_allclose(row["macro_f1"], each[:2].mean())
        assert_allclose(row["mean_prob"], P.max(axis=1).mean())
    assert (found["stability"] == model.stability_).all()
    assert found["pseudo_precision"].isna().all()


def test_pseudo_labels_are_judged_by_the_truth(easy):
    model = PseudoLabelNMF(3, threshold=0.4, lam_c=0.3, **FAST).fit(easy.X, easy.y)
    found = judged("ours", model, easy).iloc[0]
    given = model.pseudo_labels_
    assert found["n_pseudo"] == (given >= 0).sum(axis=1).mean() > 0
    right = [given[r, i] == easy.truth[i] for r, i in np.argwhere(given >= 0)]
    assert_allclose(found["pseudo_precision"], np.mean(right))


def test_raw_profiles_tell_easy_classes_apart(easy):
    model = RawLogistic().fit(easy)
    found = judged("raw96_logistic", model, easy)
    assert (found["accuracy"] > 0.9).all()
    scaled = easy.tests["patient"][0] * 7
    assert_allclose(model.predict_proba(scaled), model.predict_proba(scaled / 7))


def test_raw_profiles_of_patients_have_no_say(easy):
    one = RawLogistic().fit(easy).predict_proba(easy.X)
    easy.X[~easy.labelled] = 1
    two = RawLogistic().fit(easy)
    labelled = easy.X[easy.labelled]
    assert_allclose(two.predict_proba(labelled), one[easy.labelled])


@pytest.fixture
def made_world(rng):
    names = [*PROCESSES]
    table = pd.DataFrame(rng.dirichlet(np.full(96, 0.1), len(names)), names, CHANNELS)
    return planted_domains(table, n_lines=8, n_patients=6, n_parents=4)


def test_planted_domains_hide_the_labels_of_the_pool(made_world):
    d = made_domains(made_world)
    assert_array_equal(d.labelled, np.arange(56) < 32)
    classes = np.unique(made_world.train.labels)
    assert_array_equal(classes[d.truth[:32]], made_world.train.labels)
    assert_array_equal(classes[d.truth[32:]], made_world.pool.labels)
    assert_array_equal(d.X[32:], made_world.pool.counts)
    assert_array_equal(d.groups[:32], made_world.train.parents)
    X, y = d.tests["patient"]
    assert_array_equal(X, made_world.patients.counts)
    assert_array_equal(classes[y], made_world.patients.labels)
    assert_array_equal(d.tests["cell_line"][0], made_world.test.counts)


def test_every_method_is_selected_fitted_and_judged(made_world):
    d = made_domains(made_world)
    grid = {"n_components": (4, 5), "lam_c": (0.1,), "lam_2": (0.01,)}
    scores, selections = judged_methods(d, grid, **FAST)
    assert len(scores) == 2 * 6
    by_method = scores.set_index(["method", "domain"])
    for name in ("s_nmf", "ss_nmf", "lam_c_0"):
        params = selections[name].params
        assert (by_method.loc[name, list(params)] == pd.Series(params)).all(axis=None)
    assert (by_method.loc["lam_c_0", "lam_c"] == 0).all()
    theirs = by_method.loc["ss_nmf", list(grid)]
    assert by_method.loc["pss_nmf", list(grid)].equals(theirs)
    assert by_method.loc["raw96_logistic", list(grid)].isna().all(axis=None)
    alone = SupervisedNMF(**FAST, **selections["s_nmf"].params).fit(d.X, d.y)
    row = judged("s_nmf", alone, d).set_index("domain").loc["patient"]
    assert_allclose(by_method.loc[("s_nmf", "patient"), "macro_f1"], row["macro_f1"])
