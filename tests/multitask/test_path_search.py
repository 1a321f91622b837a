"""Choosing a point of a path: nothing held out is ever seen, and units come back."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from latentomics.metrics import edge_distance
from latentomics.multitask import (
    ElasticNetPerTask,
    InductiveKFold,
    NearestDrug,
    PathSearch,
    ResponseSoftImpute,
    RidgePerTask,
    TaskGroups,
    TraceNormHybrid,
    TraceNormRegressor,
    TransductiveKFold,
)
from latentomics.multitask.path_search import SETTINGS, Units, held_out
from latentomics.multitask.regressor import LinearRegressor, ModelPath
from latentomics.params import parameter

FRACTIONS = [{"fraction": f} for f in (0.8, 0.2, 0.05)]
MULTIPLES = [{"multiple": m} for m in (10.0, 1.0, 0.1)]
every_setting = pytest.mark.parametrize("setting", SETTINGS)


class Spy(LinearRegressor):
    """Keeps what it is given, and predicts `level`, in standardised units."""

    level: float = parameter(0.0, kind="float")

    seen = []  # (X, Y) of each fit of any of them

    def fit(self, X, Y):
        X, Y = self._read(X, Y)
        self.seen.append((X, Y))
        self.coef_ = np.zeros((X.shape[1], Y.shape[1]))
        self.intercept_ = np.full(Y.shape[1], self.level)
        return self


class SpyPerTask(Spy):
    per_task = True


@pytest.fixture
def seen():
    Spy.seen.clear()
    return Spy.seen


@pytest.fixture
def data(rng):
    """Features far from 0 and of different sizes; drugs too."""
    X = rng.normal(size=(20, 8)) * np.geomspace(0.1, 10, 8) + 30
    Y = (X - 30) @ rng.normal(size=(8, 5)) / 10 + rng.normal(size=(20, 5))
    Y[rng.random(Y.shape) < 0.2] = np.nan
    return X, Y * [1, 10, 0.1, 1, 1] + 7


def standardised(M):
    return (M - np.nanmean(M, axis=0)) / np.nanstd(M, axis=0)


@every_setting
def test_a_fit_sees_what_is_not_held_out_in_standard_units(seen, data, setting):
    X, Y = data
    grid = [{"level": 0.0}, {"level": 1.0}]
    PathSearch(Spy(), grid, setting=setting, n_splits=4, random_state=3).fit(X, Y)
    splits = list(held_out(X, Y, setting, 4, 3))
    assert len(seen) == 2 * (1 + 4)
    assert_allclose(seen[0][0], standardised(X), atol=1e-10)
    assert_allclose(seen[0][1], standardised(Y), atol=1e-10)
    for k, (rows, Y_train, held) in enumerate(splits):
        assert_array_equal(np.isnan(Y_train), (np.isnan(Y) | held)[rows])
        for X_seen, Y_seen in seen[2 * k + 2 : 2 * k + 4]:
            assert_allclose(X_seen, standardised(X[rows]), atol=1e-10)
            assert_allclose(Y_seen, standardised(Y_train), atol=1e-10)


@every_setting
def test_each_measured_cell_is_held_out_once(data, setting):
    X, Y = data
    splits = list(held_out(X, Y, setting, 4, 3))
    assert_array_equal(sum(held.astype(int) for *_, held in splits), ~np.isnan(Y))


def test_the_splits_are_those_of_the_splitters(data):
    X, Y = data
    cells = TransductiveKFold(3, random_state=5).split(Y)
    for (_, test), (rows, _, held) in zip(
        cells, held_out(X, Y, "transductive", 3, 5), strict=True
    ):
        assert_array_equal(np.flatnonzero(held), test)
        assert rows == slice(None)
    lines = InductiveKFold(3, random_state=5).split(X)
    for (train, test), (rows, _, held) in zip(
        lines, held_out(X, Y, "inductive", 3, 5), strict=True
    ):
        assert_array_equal(rows, train)
        assert_array_equal(np.flatnonzero(held.any(axis=1)), test)


def errors_by_hand(model, grid, X, Y, setting):
    squares = np.zeros((len(grid), Y.shape[1]))
    for rows, Y_train, held in held_out(X, Y, setting, 3, 0):
        center, scale = np.nanmean(Y_train, axis=0), np.nanstd(Y_train, axis=0)
        mean, spread = X[rows].mean(axis=0), X[rows].std(axis=0)
        path = model.fit_path(
            (X[rows] - mean) / spread, (Y_train - center) / scale, grid
        )
        Y_hat = path.predict((X - mean) / spread) * scale + center
        squares += np.where(held, (Y_hat - Y) ** 2, 0).sum(axis=1)
    return squares / (~np.isnan(Y)).sum(axis=0) / np.nanvar(Y, axis=0)


@every_setting
@pytest.mark.parametrize(
    ("model", "grid"),
    [(TraceNormRegressor(), FRACTIONS), (RidgePerTask(), MULTIPLES)],
)
def test_errors_and_choice_are_those_by_hand(data, setting, model, grid):
    X, Y = data
    search = PathSearch(model, grid, setting=setting, n_splits=3).fit(X, Y)
    by_hand = errors_by_hand(model, grid, X, Y, setting)
    assert_allclose(search.errors_, by_hand, rtol=1e-9)
    each, joint = by_hand.argmin(axis=0), by_hand.mean(axis=1).argmin()
    expected = each if model.per_task else np.full(5, joint)
    assert_array_equal(search.choice_, expected)
    assert_allclose(search.points_["error"], by_hand[expected, np.arange(5)])
    (name,) = grid[0]
    assert list(search.points_[name]) == [grid[c][name] for c in expected]


def test_drugs_choose_together_or_each_its_own(seen, rng):
    X, Y = rng.normal(size=(30, 3)), rng.normal(size=(30, 4))
    # skewed: held out of little data, some drugs are better off above their mean
    Y = np.exp(2 * Y)
    grid = [{"level": level} for level in (-0.2, 0.0, 0.2)]
    joint = PathSearch(Spy(), grid, n_splits=2).fit(X, Y)
    each = PathSearch(SpyPerTask(), grid, n_splits=2).fit(X, Y)
    assert_array_equal(joint.errors_, each.errors_)
    assert len(set(joint.choice_)) == 1
    assert len(set(each.choice_)) > 1


@every_setting
def test_what_is_held_out_cannot_reach_the_prediction(data, setting):
    X, Y = data
    model = PathSearch(TraceNormHybrid(), n_splits=3, setting=setting)
    grid = [{"fraction": 0.5, "shrinkage": 0.2}, {"fraction": 0.1, "shrinkage": 0.4}]
    rows, Y_train, held = next(held_out(X, Y, setting, 4, 0))
    changed = np.where(held, Y + 1000, Y)
    again = next(held_out(X, changed, setting, 4, 0))[1]
    lines = held.any(axis=1)
    one, two = (
        model.set_params(grid=grid).fit(X[rows], given).predict(X[lines])
        for given in (Y_train, again)
    )
    assert_array_equal(one, two)


PER_POINT = [
    (TraceNormRegressor(tol=1e-8), FRACTIONS),
    (RidgePerTask(), MULTIPLES),
    (ElasticNetPerTask(), [{"l1_ratio": 0.5, "fraction": f} for f in (0.5, 0.1)]),
    (TraceNormHybrid(), [{"fraction": 0.3, "shrinkage": s} for s in (0.2, 0.6)]),
    (ResponseSoftImpute(), FRACTIONS),
    (NearestDrug(), None),
]


@pytest.mark.parametrize(("model", "grid"), PER_POINT)
def test_units_of_x_and_y_come_back(data, model, grid):
    X, Y = data
    search = PathSearch(model, grid, n_splits=2)
    # powers of 2: exact in binary, and the same path exactly
    x_scale, y_scale = 2.0 ** np.arange(-4, 4), 2.0 ** np.array([3, -2, 0, 1, 20])
    one = search.fit(X, Y).predict(X)
    two = search.fit(X * x_scale, Y * y_scale).predict(X * x_scale)
    assert_allclose(two, one * y_scale, rtol=1e-10)


@pytest.mark.parametrize("search", [PathSearch, TaskGroups])
def test_without_weights_there_is_no_coef(data, search):
    search = search(NearestDrug())
    with pytest.raises(NotFittedError):
        _ = search.coef_
    search.fit(*data)
    for name in ("coef_", "intercept_"):
        with pytest.raises(AttributeError, match="NearestDrug has no weights of feat"):
            getattr(search, name)


def test_weights_of_the_hybrid_predict_lines_that_are_new(data):
    X, Y = data
    grid = [{"fraction": f, "shrinkage": s} for s in (0.2, 0.6) for f in (0.5, 0.1)]
    search = PathSearch(TraceNormHybrid(), grid, n_splits=2).fit(X, Y)
    new = X + 1
    assert_allclose(new @ search.coef_ + search.intercept_, search.predict(new))


@pytest.mark.parametrize(("model", "grid"), PER_POINT[:3])
def test_weights_in_the_units_given_make_the_predictions(data, model, grid):
    X, Y = data
    search = PathSearch(model, grid, n_splits=2).fit(X, Y)
    assert search.coef_.shape == (8, 5)
    assert_allclose(X @ search.coef_ + search.intercept_, search.predict(X), rtol=1e-9)


def test_the_point_chosen_is_refitted_to_everything(data):
    X, Y = data
    search = PathSearch(RidgePerTask(), MULTIPLES, n_splits=2).fit(X, Y)
    path = RidgePerTask().fit_path(standardised(X), standardised(Y), MULTIPLES)
    Y_hat = path.predict(standardised(X))[search.choice_, :, np.arange(5)].T
    Y_hat = Y_hat * np.nanstd(Y, axis=0) + np.nanmean(Y, axis=0)
    assert_allclose(search.predict(X), Y_hat, rtol=1e-9)


def test_nothing_to_choose_needs_no_split(seen, data):
    search = PathSearch(Spy()).fit(*data)
    assert len(seen) == 1
    assert_array_equal(search.choice_, 0)
    assert np.isnan(search.errors_).all()
    assert search.points_["error"].isna().all()


def test_points_are_named_by_drug(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcde"))
    search = PathSearch(RidgePerTask(), MULTIPLES, n_splits=2).fit(X, Y)
    assert list(search.points_.index) == list("abcde")
    assert {"multiple", "lam", "error"} <= set(search.points_.columns)


def test_progress_is_asked_for_every_split(data):
    asked = []
    search = PathSearch(RidgePerTask(), MULTIPLES, n_splits=4)
    search.set_params(progress=lambda splits: asked.append(splits) or splits)
    search.fit(*data)
    assert [len(splits) for splits in asked] == [4]


def test_the_estimator_given_is_left_alone(data):
    model = RidgePerTask()
    PathSearch(model, MULTIPLES, n_splits=2).fit(*data)
    assert vars(model) == vars(RidgePerTask())


def test_a_grid_sets_the_parameters_of_a_model_without_a_path(data):
    path = NearestDrug().fit_path(*data, [{"min_lines": 3}, {"min_lines": 9}])
    assert isinstance(path, ModelPath)
    for k, n in enumerate((3, 9)):
        single = NearestDrug(n).fit(*data)
        assert_array_equal(path.predict(data[0])[k], single.fitted_)


def test_units_without_spread_are_1(rng):
    X = np.column_stack([rng.normal(size=9), np.full(9, 0.1), np.zeros(9)])
    Y = np.column_stack([np.full(9, 1e6 + 0.1), rng.normal(size=9)])
    Y[2] = np.nan
    units = Units.of(X, Y)
    assert_array_equal(units.x_scale[1:], 1)
    assert units.y_scale[0] == 1
    assert_allclose(units.features(X)[:, 1:], 0, atol=1e-12)
    assert_allclose(units.back(np.zeros((1, 2))), [np.nanmean(Y, axis=0)])


def test_groups_are_searches_on_their_own(data):
    X, Y = data
    given = {"grid": FRACTIONS, "n_splits": 2, "random_state": 4}
    model = TaskGroups(TraceNormRegressor(), group_size=2, **given).fit(X, Y)
    assert sorted(map(len, model.groups_)) == [1, 2, 2]
    assert sorted(np.concatenate(model.groups_)) == list(range(5))
    for columns in model.groups_:
        alone = PathSearch(TraceNormRegressor(), **given).fit(X, Y[:, columns])
        assert_array_equal(model.predict(X)[:, columns], alone.predict(X))
        for name in ("coef_", "intercept_", "errors_", "choice_"):
            joined = getattr(model, name)[..., columns]
            assert_array_equal(joined, getattr(alone, name))
        assert_array_equal(model.points_.iloc[columns], alone.points_)


def test_points_of_groups_are_named_by_drug(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcde"))
    model = TaskGroups(RidgePerTask(), MULTIPLES, group_size=2, n_splits=2).fit(X, Y)
    assert list(model.points_.index) == list("abcde")


def test_a_drug_that_a_fold_takes_away_is_named(data):
    X, Y = data
    Y[0, 2], Y[1:, 2] = 1, np.nan
    Y = pd.DataFrame(Y, columns=list("abcde"))
    search = PathSearch(RidgePerTask(), MULTIPLES)
    with pytest.raises(ValueError, match=r"got fewer in column \[2\]"):
        search.fit(X, Y)
    search.set_params(setting="inductive")
    with pytest.raises(ValueError, match=r"in column \['c'\], with n_splits=5"):
        search.fit(X, Y)
    with pytest.raises(ValueError, match=r"got fewer in column \['c'\]"):
        next(TransductiveKFold().split(Y))


@pytest.mark.parametrize("model", [SpyPerTask(), Spy()])
def test_the_margin_is_that_of_the_errors_that_decide(data, model):
    grid = [{"level": v} for v in (0.5, 0.0, 1.0)]
    search = PathSearch(model, grid, n_splits=2).fit(*data)
    errors = search.errors_ if model.per_task else search.errors_.mean(axis=1)
    assert_array_equal(search.margin_, np.broadcast_to(edge_distance(errors), 5))
    alone = PathSearch(model, grid[:1], n_splits=2).fit(*data)
    assert_array_equal(alone.margin_, np.full(5, np.inf))


def test_margins_of_groups_stand_in_the_order_of_the_drugs(data):
    search = TaskGroups(SpyPerTask(), [{"level": 0.5}, {"level": 0.0}], group_size=2)
    search.fit(*data)
    assert_array_equal(search.margin_, edge_distance(search.errors_))
