import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from latentomics.denoise import (
    CellSearch,
    DeepMatrixFactorization,
    Huber,
    KeepSpikes,
    ResidualThresholdedDMF,
    SoftImpute,
)
from latentomics.denoise import search as module

GRID = {"lam": [0.1, 2.0, 4.0, 20.0]}


@pytest.fixture
def X(gappy, rng):
    """The gappy matrix with so much noise that some shrinkage pays."""
    return gappy[1] + 0.5 * rng.normal(size=gappy[1].shape)


@pytest.fixture
def held(X, rng):
    return (rng.random(X.shape) < 0.15) & ~np.isnan(X)


@pytest.mark.parametrize("score", ["mae", "mse"])
def test_scores_are_the_errors_on_the_held_out_entries(X, held, score):
    search = CellSearch(SoftImpute(), GRID, scoring=score).fit(X, validation=held)
    by_hand = []
    for lam in GRID["lam"]:
        R = X - SoftImpute(lam).fit(np.where(held, np.nan, X)).low_rank_
        by_hand.append(np.mean(np.abs(R[held]) ** {"mae": 1, "mse": 2}[score]))
    assert_allclose(search.results_["score"], by_hand, rtol=1e-12)
    assert search.best_params_ == {"lam": GRID["lam"][int(np.argmin(by_hand))]}
    assert 0 < np.argmin(by_hand) < 3  # neither the first nor the last of them


def test_the_best_estimator_is_the_one_fitted_at_the_best_point(X, held):
    search = CellSearch(SoftImpute(), GRID).fit(X, validation=held)
    lam = search.best_params_["lam"]
    again = SoftImpute(lam).fit(np.where(held, np.nan, X))
    assert search.best_estimator_.lam == lam
    for name in ("low_rank_", "corrected_", "kept_"):
        assert_array_equal(getattr(search, name), getattr(again, name))


def test_absolute_and_squared_errors_choose_differently(X, held):
    # one wild entry among those held out; only the squared score listens to it
    X = X.copy()
    i, j = np.argwhere(held)[0]
    X[i, j] -= 200 * np.sign(SoftImpute(0.1).fit(X).low_rank_[i, j])
    chosen = {
        score: CellSearch(SoftImpute(), GRID, scoring=score)
        .fit(X, validation=held)
        .best_params_["lam"]
        for score in ("mae", "mse")
    }
    assert chosen["mae"] != chosen["mse"]


def test_results_have_a_row_for_each_point_of_each_grid(X, held):
    grid = [{"lam": [1.0, 3.0], "accelerate": [True, False]}, {"lam": [9.0]}]
    search = CellSearch(SoftImpute(), grid).fit(X, validation=held)
    results = search.results_
    assert set(results) == {"lam", "accelerate", "score", "iterations"}
    assert results["lam"].tolist() == [1.0, 1.0, 3.0, 3.0, 9.0]
    assert (results["iterations"] > 0).all()
    best = results.loc[results["score"].idxmin()]
    assert best["lam"] == search.best_params_["lam"]


def test_every_point_is_fitted_once_without_the_same_entries(X, monkeypatch):
    fits = []

    class Spy(SoftImpute):
        def fit(self, X, y=None, *, validation=None):
            fits.append((self.lam, X, validation))
            return super().fit(X, validation=validation)

    CellSearch(Spy(), GRID, validation_fraction=0.2).fit(X)
    assert [lam for lam, _, _ in fits] == GRID["lam"]
    for _, given, validation in fits:
        assert given is X
        assert validation is fits[0][2]
    share = fits[0][2].sum() / (~np.isnan(X)).sum()
    assert 0.12 < share < 0.25  # .2 of 480 entries, 3 standard errors of .018


def test_gaps_of_the_data_are_never_scored(X, held):
    test = np.isnan(X)
    everywhere = held | test
    one = CellSearch(SoftImpute(), GRID).fit(X, validation=held)
    two = CellSearch(SoftImpute(), GRID).fit(X, validation=everywhere)
    pd.testing.assert_frame_equal(one.results_, two.results_)


def test_the_draw_follows_random_state_and_leaves_the_estimators_alone(X):
    estimator = ResidualThresholdedDMF(hidden=(4,), max_iter=20, random_state=5)
    with pytest.warns(UserWarning, match="max_iter=20"):
        one, same, other = (
            CellSearch(estimator, {"eta": [3.0]}, random_state=seed).fit(X)
            for seed in (0, 0, 1)
        )
    assert one.results_["score"][0] == same.results_["score"][0]
    assert one.results_["score"][0] != other.results_["score"][0]
    assert one.best_estimator_.random_state == 5
    assert not hasattr(estimator, "low_rank_")


def test_progress_wraps_the_points(X, held):
    passed = []

    def progress(points):
        for point in points:
            passed.append(point)
            yield point

    search = CellSearch(SoftImpute(), GRID, progress=progress)
    search.fit(X, validation=held)
    assert passed == [{"lam": lam} for lam in GRID["lam"]]
    assert len(search.results_) == 4


def test_a_table_with_names_gives_the_same(X, held):
    table = pd.DataFrame(X).add_prefix("drug ")
    named = CellSearch(SoftImpute(), GRID).fit(table, validation=held)
    plain = CellSearch(SoftImpute(), GRID).fit(X, validation=held)
    assert_array_equal(named.low_rank_, plain.low_rank_)


def test_messages(X, held):
    with pytest.raises(ValueError, match=r"validation must mark a measured.*got none"):
        CellSearch(SoftImpute(), GRID).fit(X, validation=np.isnan(X))
    with pytest.raises(ValueError, match=r"validation must mark .*; got none"):
        CellSearch(SoftImpute(), GRID, validation_fraction=0).fit(X)
    with pytest.raises(ValueError, match=r"validation must be a boolean mask .*got"):
        CellSearch(SoftImpute(), GRID).fit(X, validation=held[:-1])
    with pytest.raises(ValueError, match=r"scoring must be one of .*'mae'.*got 'r2'"):
        CellSearch(SoftImpute(), GRID, scoring="r2").fit(X)
    table = pd.DataFrame(X).astype(object)
    table.iloc[3, 2] = "resistant"
    with pytest.raises(ValueError, match=r"X must hold numbers; got 'resistant' in ro"):
        CellSearch(SoftImpute(), GRID).fit(table)


def test_both_scores_are_the_ones_of_the_deep_factorizations():
    from latentomics.denoise.deep_factorization import SCORES

    assert module.SCORES.keys() == SCORES.keys()


@pytest.mark.parametrize(
    ("lams", "edge"), [([0.1, 0.5, 2.0], "2"), ([2.0, 4.0, 20.0], "2")]
)
def test_a_best_value_at_the_end_of_the_grid_is_warned_of(X, held, lams, edge):
    with pytest.warns(UserWarning, match=rf"the best lam={edge} is at the end of the"):
        CellSearch(SoftImpute(), {"lam": lams}).fit(X, validation=held)


@pytest.mark.parametrize(
    "grid",
    [
        GRID,  # the best is inside
        {"lam": [2.0, 4.0]},  # two have nothing but ends
        {"lam": [2.0], "accelerate": [True, False]},  # not a number
        {"lam": [2.0], "dtype": ["float64", "float32"]},
    ],
)
def test_nothing_is_warned_of_otherwise(X, held, grid):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CellSearch(SoftImpute(), grid).fit(X, validation=held)


@pytest.mark.parametrize("estimator", [None, "SoftImpute", SoftImpute, Ridge()])
def test_what_is_no_denoising_estimator_is_refused(X, estimator):
    with pytest.raises(ValueError, match=r"estimator must be a denoising .*; got "):
        CellSearch(estimator, GRID).fit(X)


@pytest.mark.parametrize(
    ("grid", "says"),
    [
        ({"lamb": [1.0]}, r"grid must name some of accel.* lam, .*; got \{'lamb': 1.0"),
        ({3: [1.0]}, r"grid must name some of accelerate, .* lam, .*; got \{3: 1.0\}"),
        ({"lam": "123"}, "lam must be a positive number; got '123'"),
        (None, "grid must be a dict of names .*; got None"),
    ],
)
def test_what_is_no_grid_is_refused(X, grid, says):
    with pytest.raises(ValueError, match=says):
        CellSearch(SoftImpute(), grid).fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_all_else_goes_to_every_fit(X, held):
    given = {"hidden": (4,), "max_iter": 20, "keep": "enriched"}
    search = CellSearch(ResidualThresholdedDMF(**given), {"eta": [2.0, 3.0]})
    groups = np.array(["skin", "lung"])[np.arange(30) % 2]
    search.fit(X, validation=held, groups=groups)
    alone = clone(search.best_estimator_).fit(X, validation=held, groups=groups)
    pd.testing.assert_frame_equal(search.best_estimator_.enrichment_, alone.enrichment_)
    with pytest.raises(ValueError, match=r"groups must be given to fit"):
        search.fit(X, validation=held)


def test_of_equal_points_the_first_wins(gappy):
    # `tol` beyond what a look can see: both points give one and the same fit
    grid = {"max_iter": [20, 21], "tol": [1e9]}
    search = CellSearch(SoftImpute(1.0), grid).fit(gappy[1])
    assert search.results_["score"].nunique() == 1
    assert search.best_params_ == {"max_iter": 20, "tol": 1e9}


def test_an_empty_grid_is_the_estimator_as_it_is(X, held):
    search = CellSearch(SoftImpute(2.0), {}).fit(X, validation=held)
    assert_allclose(search.low_rank_, SoftImpute(2.0).fit(X, validation=held).low_rank_)
    assert search.best_params_ == {}
    assert len(search.results_) == 1


def test_the_grid_and_what_it_holds_are_left_as_they_were(X, held):
    loss = Huber(9.0)
    grid = {"loss": [loss], "loss__eta": [1.5, 0.02]}
    model = DeepMatrixFactorization(loss=Huber(), hidden=(4,), max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = CellSearch(model, grid).fit(X, validation=held)
    assert loss.eta == 9.0
    assert search.best_estimator_.loss.eta == search.best_params_["loss__eta"]
    assert [each.eta for each in search.results_["loss"]] == [9.0, 9.0]


def test_no_end_of_the_grid_is_warned_of_where_all_points_are_alike(X, held):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = CellSearch(KeepSpikes(SoftImpute(2.0)), {"eta": [1.0, 2.0, 3.0]})
        search.fit(X, validation=held)
    assert search.best_params_ == {"eta": 1.0}
