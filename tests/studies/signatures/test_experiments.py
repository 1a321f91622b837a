"""Methods on two domains: scores are those by hand, and each is chosen as it says."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError
from sklearn.metrics import f1_score

from latentomics.signatures import PseudoLabelNMF, SupervisedNMF
from latentomics.signatures.channels import to_profiles
from latentomics.signatures.selection import fit_selected, select
from latentomics.studies.signatures.domains import made_domains, two_domains
from latentomics.studies.signatures.experiments import (
    OURS,
    PUBLISHED,
    QUANTILES,
    DomainLogistic,
    judged,
    judged_methods,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
FAST = {"n_runs": 2, "max_iter": 40, "warm_up": 20, "device": "cpu"}


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
    nobody = np.where(easy.labelled, easy.truth, -1)
    unknown = judged("ours", model, replace(easy, truth=nobody)).iloc[0]
    assert unknown["n_pseudo"] == found["n_pseudo"]
    assert np.isnan(unknown["pseudo_precision"])


def test_raw_profiles_tell_easy_classes_apart(easy):
    model = DomainLogistic(to_profiles).fit(easy)
    found = judged("raw96_logistic", model, easy)
    assert (found["accuracy"] > 0.9).all()
    scaled = easy.tests["patient"][0] * 7
    assert_allclose(model.predict_proba(scaled), model.predict_proba(scaled / 7))


def test_a_logistic_regression_is_fitted_first(easy):
    with pytest.raises(NotFittedError, match="This DomainLogistic instance is not"):
        DomainLogistic(to_profiles).predict_proba(easy.X)


def test_raw_profiles_of_patients_have_no_say(easy):
    one = DomainLogistic(to_profiles).fit(easy).predict_proba(easy.X)
    easy.X[~easy.labelled] = 1
    two = DomainLogistic(to_profiles).fit(easy)
    labelled = easy.X[easy.labelled]
    assert_allclose(two.predict_proba(labelled), one[easy.labelled])


def test_alignment_takes_off_what_all_patients_have_more_of(easy):
    plain, aligned = (DomainLogistic(to_profiles, a).fit(easy) for a in (False, True))
    X, _ = easy.tests["cell_line"]
    assert_allclose(aligned.predict_proba(X, "cell_line"), plain.predict_proba(X))

    def features(counts):
        return to_profiles(counts) @ np.eye(20)[:, :4]

    lines = {tuple(x) for x in easy.X[easy.labelled]}

    def shifted(counts):  # all patients have more of the same
        foreign = [tuple(x) not in lines for x in counts]
        return features(counts) + 5.0 * np.array(foreign)[:, None]

    X, _ = easy.tests["patient"]
    one, two = (DomainLogistic(f, True).fit(easy) for f in (features, shifted))
    assert_allclose(two.predict_proba(X), one.predict_proba(X), atol=1e-9)


def test_every_method_is_selected_fitted_and_judged(made_world):
    d = made_domains(made_world)
    grid = {"n_components": (4, 5), "lam_c": (0.1,), "lam_2": (0.01,)}
    scores, selections = judged_methods(d, grid, **FAST)
    assert len(scores) == 2 * 14
    by_method = scores.set_index(["method", "domain"])
    for name, found in selections.items():
        params = found.params
        assert (by_method.loc[name, list(params)] == pd.Series(params)).all(axis=None)
    assert (by_method.loc["lam_c_0", "lam_c"] == 0).all()
    theirs = by_method.loc["ss_nmf", list(grid)]
    for name in ("pss_nmf", "pss_nmf_published", "ss_nmf_dustbin", "pss_nmf_vote"):
        assert by_method.loc[name, list(grid)].equals(theirs)
    assert by_method.loc["raw96_logistic", list(grid)].isna().all(axis=None)
    alone = SupervisedNMF(**FAST, **selections["s_nmf"].params).fit(d.X, d.y)
    row = judged("s_nmf", alone, d).set_index("domain").loc["patient"]
    assert_allclose(by_method.loc[("s_nmf", "patient"), "macro_f1"], row["macro_f1"])


def test_thresholds_are_chosen_as_everything_else_is(made_world):
    d = made_domains(made_world)
    grid = {"n_components": (4,), "lam_c": (0.1,), "lam_2": (0.01,)}
    scores, selections = judged_methods(d, grid, **FAST)
    params = selections["ss_nmf"].params
    for name, rule, values in (
        ("pss_nmf_published", {}, PUBLISHED),
        ("pss_nmf", OURS, QUANTILES),
    ):
        model = PseudoLabelNMF(**FAST, **params, **rule)
        how = {"groups": d.groups, "criterion": "pool"}
        found = select(model, d.X, d.y, values, **how)
        pd.testing.assert_frame_equal(found.table, selections[name].table)
        model, chosen = fit_selected(found, model, d.X, d.y)
        assert chosen == selections[name].params
        rows = scores[scores["method"] == name].set_index("domain")
        assert (rows["threshold"] == chosen["threshold"]).all()
        again = judged(name, model, d).set_index("domain")
        assert_allclose(rows["macro_f1"], again["macro_f1"])
    parts = scores.set_index(["method", "domain"])["threshold"].unstack()["patient"]
    ours = [name for name in parts.index if name.startswith("pss")]
    assert parts[ours].drop("pss_nmf_published").nunique() == 1


def test_an_uneven_pool_has_no_say(made_world):
    d = made_domains(made_world)
    grid = {"n_components": (4, 5), "lam_c": (0.1,), "lam_2": (0.01,)}
    uneven, selections = judged_methods(d, grid, even=False, **FAST)
    assert "ss_nmf_by_lines" not in set(uneven["method"])
    assert {found.criterion for found in selections.values()} == {"lines"}


def test_recovery_is_the_mean_of_the_best_cosines(made_world):
    d = made_domains(made_world)
    model = SupervisedNMF(4, **FAST).fit(d.X, d.y)
    wanted = made_world.signatures.loc[np.unique(made_world.train.labels)].to_numpy()
    best = [
        max(s @ t / np.sqrt((s @ s) * (t @ t)) for t in model.components_)
        for s in wanted
    ]
    assert_allclose(judged("s", model, d)["recovery"], np.mean(best))
    unknown = replace(d, planted=None)
    assert judged("s", model, unknown)["recovery"].isna().all()
    raw = DomainLogistic(to_profiles).fit(d)
    assert judged("raw", raw, d)["recovery"].isna().all()
