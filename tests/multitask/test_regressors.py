"""What every multitask regressor promises beyond the contract of all estimators."""

import re

import numpy as np
import pandas as pd
import pytest
from house import REGRESSORS, estimator_classes, same_fit
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.multitask import (
    KBMTL,
    ElasticNetPerTask,
    NearestDrug,
    PathSearch,
    ResponseSoftImpute,
    RidgePerTask,
    TaskGroups,
    TraceNormHybrid,
    TraceNormRegressor,
)
from latentomics.studies.multitask.rival_solvers import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ORDERED = {"KBMTL", "PathSearch", "TaskGroups"}  # draws go line by line, drug by drug


def regressors(but=()):
    found = [c for c in estimator_classes(REGRESSORS) if c.__name__ not in but]
    return pytest.mark.parametrize("cls", found, ids=lambda c: c.__name__)


@pytest.fixture
def fit(make):
    return lambda cls, *data: make(cls).fit(*data)


def test_one_task_in_one_dimension_is_the_only_column(regressor_class, fit, responses):
    X, Y = responses
    one, column = (fit(regressor_class, X, y) for y in (Y[:, 0], Y[:, :1]))
    assert one.predict(X).shape == (30,)
    assert column.predict(X).shape == (30, 1)
    assert_array_equal(one.predict(X), column.predict(X)[:, 0])
    series = pd.Series(Y[:, 0], name="drug")
    named = fit(regressor_class, pd.DataFrame(X), series)
    assert same_fit(named, column)
    assert list(named.task_names_in_) == ["drug"]


@regressors(ORDERED)
def test_the_order_of_lines_does_not_matter(cls, fit, responses, rng):
    X, Y = responses
    order = rng.permutation(len(X))
    one, two = fit(cls, X, Y), fit(cls, X[order], Y[order])
    # sums run in another order; a loop may stop a step apart, at a gap of 1e-4
    assert_allclose(two.predict(X[:9]), one.predict(X[:9]), atol=1e-6)


@regressors(ORDERED)
def test_the_order_of_drugs_does_not_matter(cls, fit, responses, rng):
    X, Y = responses
    order = rng.permutation(Y.shape[1])
    one, two = fit(cls, X, Y), fit(cls, X, Y[:, order])
    assert_allclose(two.predict(X), one.predict(X)[:, order], atol=1e-6)


@pytest.mark.parametrize("cls", [PathSearch, TaskGroups, RidgePerTask, NearestDrug])
def test_units_of_the_responses_come_back(cls, make, responses):
    X, Y = responses
    c = 2.0**20  # exact in binary: the same steps, scaled
    one, two = make(cls).fit(X, Y), make(cls).fit(X, c * Y)
    assert_allclose(two.predict(X), c * one.predict(X), rtol=1e-9)


WITH_LAM = [TraceNormRegressor, TraceNormHybrid, ResponseSoftImpute, ElasticNetPerTask]


@pytest.mark.parametrize("cls", WITH_LAM)
def test_a_penalty_in_units_of_the_responses_goes_with_them(cls, responses):
    X, Y = responses
    c = 2.0**20
    one, two = cls(lam=0.3).fit(X, Y), cls(lam=0.3 * c).fit(X, c * Y)
    assert_allclose(two.predict(X), c * one.predict(X), rtol=1e-9)


@pytest.mark.parametrize("cls", WITH_LAM[:3])
def test_rescaled_responses_stop_at_the_same_iteration(cls, responses):
    X, Y = responses
    c = 2.0**20
    one, two = cls(lam=3.0).fit(X, Y), cls(lam=3.0 * c).fit(X, c * Y)
    assert one.trace_.n_iter == two.trace_.n_iter


def test_a_line_never_measured_is_no_burden(regressor_class, fit, responses):
    X, Y = responses
    Y = Y.copy()
    Y[7] = np.nan
    model = fit(regressor_class, X, Y)
    assert np.isfinite(model.predict(X)).all()


LEFT_OUT = {"PathSearch", "TaskGroups", "KBMTL"}  # standardise X, or compare, with it


@regressors(LEFT_OUT)
def test_a_line_never_measured_changes_no_other(cls, fit, responses):
    X, Y = responses
    more = np.vstack([X, X.mean(axis=0) + 3]), np.vstack([Y, Y[0] * np.nan])
    one, two = fit(cls, X, Y), fit(cls, *more)
    assert_allclose(two.predict(X), one.predict(X), atol=1e-6)


def test_lines_may_be_twice_in_the_data(regressor_class, fit, responses):
    X, Y = (np.vstack([M, M[:4]]) for M in responses)
    model = fit(regressor_class, X, Y)
    assert model.predict(X).shape == Y.shape
    assert np.isfinite(model.predict(X)).all()


def test_a_constant_feature_changes_nothing(regressor_class, make, responses):
    X, Y = responses
    # a tenth: the mean of thirty is not one exactly
    more = np.insert(X, 7, 0.1, axis=1)
    one, two = (make(regressor_class).fit(M, Y) for M in (X, more))
    assert_allclose(two.predict(more), one.predict(X), atol=1e-6)
    if hasattr(one, "coef_"):
        expected = np.insert(one.coef_, 7, 0, axis=0)
        assert_allclose(two.coef_, expected, atol=1e-6)
        assert_allclose(two.coef_[7], 0, atol=1e-12)


SLACK = {KBMTL: 0.5}  # its kernel of constant features is 1, a second intercept
# What looks at no feature, or knows a line by it
BLIND = {"NearestDrug", "DrugAndLineEffects", "ResponseSoftImpute", "TraceNormHybrid"}


@regressors(BLIND)
def test_without_a_feature_that_varies_the_mean_is_predicted(cls, fit, responses):
    Y = responses[1]
    model = fit(cls, np.ones((30, 2)), Y)
    mean = np.nanmean(Y, axis=0)
    assert_allclose(
        model.predict(np.ones((3, 2))), [mean] * 3, atol=SLACK.get(cls, 1e-9)
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_knows_that_constant_features_say_nothing(solver, responses):
    Y = responses[1]
    model = SOLVERS[solver]().fit(np.ones((30, 2)), Y)
    assert_array_equal(model.coef_, 0)
    assert model.rank_ == 0


def test_a_constant_drug_is_no_burden(regressor_class, fit, responses):
    X, Y = responses
    Y = np.where(np.arange(6) == 2, np.where(np.isnan(Y), np.nan, 4.0), Y)
    predicted = fit(regressor_class, X, Y).predict(X)
    assert np.isfinite(predicted).all()


# Lines move all drugs alike, or hidden features do
SHARED = {"DrugAndLineEffects", "KBMTL"}


@regressors(SHARED)
def test_a_constant_drug_among_others_is_predicted_as_such(cls, fit, responses):
    X, Y = responses
    Y = np.where(np.arange(6) == 2, np.where(np.isnan(Y), np.nan, 4.0), Y)
    assert_allclose(fit(cls, X, Y).predict(X)[:, 2], 4, rtol=1e-9)


def test_only_constant_drugs_are_predicted_as_such(regressor_class, fit, responses):
    X, Y = responses
    Y = np.where(np.isnan(Y), np.nan, np.arange(6.0))
    assert_allclose(fit(regressor_class, X, Y).predict(X) - np.arange(6), 0, atol=1e-9)


@pytest.mark.parametrize("shape", [(8, 3, 20), (8, 30, 20), (8, 3, 2)])
def test_more_drugs_or_features_than_lines_are_fine(regressor_class, fit, rng, shape):
    n, p, T = shape
    X, Y = rng.normal(size=(n, p)), rng.normal(size=(n, T))
    Y[0, 0] = np.nan
    predicted = fit(regressor_class, X, Y).predict(X)
    assert predicted.shape == (n, T)
    assert np.isfinite(predicted).all()


def test_a_drug_measured_on_3_lines_is_predicted(regressor_class, fit, responses):
    X, Y = responses
    Y = Y.copy()
    Y[3:, 4] = np.nan
    Y[:3, 4] = [1.0, 2.0, 4.0]
    assert np.isfinite(fit(regressor_class, X, Y).predict(X)).all()


def test_a_drug_measured_on_no_line_is_named(regressor_class, fit, responses):
    X, Y = responses
    Y = np.where(np.isin(np.arange(6), [1, 4]), np.nan, Y)
    says = r"Y must have a measured line for every drug; got none in column \[1, 4\]"
    with pytest.raises(ValueError, match=says):
        fit(regressor_class, X, Y)


def test_tables_must_name_the_same_lines(regressor_class, fit, responses):
    X, Y = map(pd.DataFrame, responses)
    Y = Y.rename(index={4: "line 4"})
    says = "Y must have the same row names as X.*; got none called 4 and 'line 4', whi"
    with pytest.raises(ValueError, match=says):
        fit(regressor_class, X, Y)


def test_an_array_beside_a_table_names_no_lines(regressor_class, fit, responses):
    X, Y = responses
    one = fit(regressor_class, pd.DataFrame(X).add_prefix("gene "), Y)
    two = fit(
        regressor_class, X, pd.DataFrame(Y, index=[f"line {i}" for i in range(30)])
    )
    assert same_fit(one, two)


BAD_NEW = {
    "a gap": (np.nan, "X must be finite, without NaN; got nan in row 3, column 2"),
    "inf": (np.inf, "X must be finite, without NaN; got inf in row 3, column 2"),
    "text": ("low", "X must hold numbers; got 'low' in row 3, column 'gene 2'"),
}


@pytest.mark.parametrize("case", BAD_NEW)
def test_bad_lines_to_predict_are_refused(regressor_class, fit, responses, case):
    X, Y = pd.DataFrame(responses[0]).add_prefix("gene "), responses[1]
    model = fit(regressor_class, X, Y)
    value, says = BAD_NEW[case]
    bad = X.astype(object)
    bad.iloc[3, 2] = value
    with pytest.raises(ValueError, match=re.escape(says)):
        model.predict(bad)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X.rename(columns={"gene 3": "other"}))
