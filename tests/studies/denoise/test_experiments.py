import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from latentomics.denoise import CellSearch, Huber, SoftImpute, StablePCP
from latentomics.metrics import spike_scores
from latentomics.studies.denoise import experiments
from latentomics.studies.denoise.simulate import planted_blocks


@pytest.fixture(scope="module")
def made():
    return planted_blocks(60, 30, rank=2, block=8, random_state=0)


def test_visible_hides_test_cells_and_no_others(made):
    X = experiments.visible(made)
    assert_array_equal(np.isnan(X), made.test)
    assert_array_equal(X[~made.test], made.D[~made.test])


def test_oracle_threshold_is_never_worse_than_the_fixed_one(made):
    # everything lies .05 too high, so a threshold of .2 flags what .15 should
    scores = experiments.score_recovery(made, made.L_true - 0.05)
    assert scores["re_oracle"] < scores["re_15"]
    assert scores["test_mse"] == pytest.approx(
        np.mean((made.D - made.L_true + 0.05)[made.test] ** 2)
    )


def test_reference_rows_are_the_median_of_seen_cells_and_the_truth(made):
    runs = experiments.reference_methods(made)
    assert_array_equal(runs["perfect"](), made.L_true)
    assert np.unique(runs["constant"]()) == np.median(made.D[made.seen])


@pytest.mark.parametrize("which", ["convex_methods", "deep_methods"])
def test_no_method_sees_a_test_cell(made, which, monkeypatch):
    monkeypatch.setattr(experiments, "RT_GRID", {"eta": [0.15], "hidden": [(20,)]})
    monkeypatch.setattr(
        experiments, "HUBER_GRID", {"loss__eta": [0.15], "hidden": [(20,)]}
    )
    monkeypatch.setattr(experiments, "LAM_SHARES", (0.5, 0.3))
    monkeypatch.setattr(experiments, "GAMMAS", (0.1,))
    changed = planted_blocks(60, 30, rank=2, block=8, random_state=0)
    changed.D[changed.test] = 1e3
    arguments = {"convex_methods": (), "deep_methods": (0,)}[which]
    options = {"convex_methods": {}, "deep_methods": {"published": False}}[which]
    make = getattr(experiments, which)
    before, after = (make(p, *arguments, **options) for p in (made, changed))
    for name in before:
        assert_array_equal(before[name](), after[name]())


def test_published_recipe_is_what_the_paper_describes(made, monkeypatch):
    # a few steps of it: five factors, raw data, squared loss
    monkeypatch.setitem(experiments.PUBLISHED, "max_iter", 20)
    run = experiments.deep_methods(made, 0)["dmf_published"]
    assert run.args[0].loss == "squared"
    with pytest.warns(match="max_iter=20"):
        L = run()
    assert np.abs(L).max() < 1e-6  # the zero saddle: nothing has moved yet


def test_table_has_a_row_for_every_set_method_and_start(made):
    ticks = []

    def progress(points):
        for point in points:
            ticks.append(point)
            yield point

    def methods(planted, start):
        return {"shifted": lambda: planted.L_true + start}

    table = experiments.simulation_table(
        {"a": made, "b": made}, methods, [0, 1], progress=progress
    )
    assert ticks == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    expected = pd.DataFrame(ticks, columns=["set", "start"])
    pd.testing.assert_frame_equal(table[["set", "start"]], expected)
    assert set(table["method"]) == {"shifted"}
    # one unit too high: nothing is flagged, and the test error is about 1
    assert table["recall"][1] == 0
    assert table["test_mse"][1] > 0.5


def test_scores_are_those_of_the_threshold_they_are_named_after(made):
    # everything lies .05 too high, so that no two thresholds score alike
    L = made.L_true - 0.05
    truth = {"seen": made.seen, "block": made.block}
    at = {
        eta: spike_scores(made.D, L, made.S_true, eta=eta, **truth)
        for eta in (0.05, 0.1, 0.15, 0.2)
    }
    best = min(at.values(), key=lambda scores: scores["re"])
    fixed = at[0.15]
    assert best["ibre"] != fixed["ibre"]
    scores = experiments.score_recovery(made, L)
    del scores["test_mse"]
    assert scores == {
        "re_15": fixed["re"],
        "ibre_15": fixed["ibre"],
        "f1_15": fixed["f1"],
        "re_oracle": best["re"],
        "ibre_oracle": best["ibre"],
        "precision": fixed["precision"],
        "recall": fixed["recall"],
    }


def test_convex_rivals_are_fitted_to_centred_data_and_given_back_whole(
    made, monkeypatch
):
    monkeypatch.setattr(experiments, "LAM_SHARES", (0.3,))
    monkeypatch.setattr(experiments, "GAMMAS", (0.1,))
    center = np.median(made.D[made.seen])
    X = experiments.visible(made) - center
    lam = 0.3 * np.linalg.norm(np.where(made.seen, made.D - center, 0), 2)
    runs = experiments.convex_methods(made)
    held = {"validation": made.validation}
    soft = SoftImpute(lam, tol=1e-5).fit(X, **held).low_rank_
    pcp = StablePCP(lam, 0.1, tol=1e-5).fit(X, **held).low_rank_
    assert_array_equal(runs["soft_impute"](), center + soft)
    assert_array_equal(runs["stable_pcp"](), center + pcp)


def test_every_search_is_by_the_error_it_is_said_to_be(made, monkeypatch):
    searches = []
    spy = lambda *args, **options: searches.append((args, options))  # noqa: E731
    monkeypatch.setattr(experiments, "CellSearch", spy)
    experiments.convex_methods(made)
    experiments.deep_methods(made, 3)
    by = {type(args[0]).__name__: options for args, options in searches}
    assert by.pop("SoftImpute") == by.pop("NuclearNormBall") == {"scoring": "mse"}
    assert by == {
        "RobustPCA": {},
        "StablePCP": {},  # that is, by absolute error
        "ResidualThresholdedDMF": {},
        "DeepMatrixFactorization": {},
    }
    models = [args[0] for args, _ in searches[4:]]
    assert all(m.random_state == 3 and m.scale is None for m in models)
    grids = [args[1] for args, _ in searches[4:]]
    assert [list(grid) for grid in grids] == [
        ["loss__eta", "hidden"],
        ["eta", "hidden"],
    ]
    assert isinstance(models[0].loss, Huber)
    assert grids[0]["loss__eta"] == [0.025, 0.05, 0.075, 0.1, 0.15]
    assert CellSearch(SoftImpute(), {"lam": [1.0]}).scoring == "mae"


def test_the_published_recipe_field_by_field():
    assert experiments.PUBLISHED == {
        "hidden": (500, 500, 500, 500),
        "init": "gaussian",
        "learning_rate": 1e-3,
        "scale": "raw",
        "scoring": "mse",
        "max_iter": 20_000,
    }


def test_the_mean_of_starts_takes_starts_of_its_own(made):
    runs = [experiments.deep_methods(made, k)["rt_dmf_mean"] for k in (0, 1)]
    first, second = (run.args[0] for run in runs)
    assert (first.eta, first.eta_unit, first.scale) == (2.5, "noise", None)
    assert second.random_state == first.random_state + first.n_starts


def test_the_quick_methods_are_methods(made):
    found = {**experiments.reference_methods(made), **experiments.convex_methods(made)}
    found |= experiments.deep_methods(made, 0)
    assert set(experiments.SCALABLE) < set(found)
