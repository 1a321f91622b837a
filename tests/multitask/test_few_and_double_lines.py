"""Lines that are twice in the data, and drugs on three of them: answers by hand."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.multitask import (
    DrugAndLineEffects,
    ElasticNetPerTask,
    InductiveKFold,
    NearestDrug,
    PathSearch,
    ResponseSoftImpute,
    RidgePerTask,
    TraceNormRegressor,
)
from latentomics.multitask.path_search import SETTINGS
from latentomics.studies.multitask.experiments import nested_cv
from latentomics.studies.multitask.rival_solvers import SOLVERS

TIGHT = {"tol": 1e-10}
GRID = [{"multiple": m} for m in (10.0, 1.0, 0.1)]
every_setting = pytest.mark.parametrize("setting", SETTINGS)

# Each model, and the one that learns the same when every line is there twice
ONCE_AND_TWICE = {
    "ridge": (RidgePerTask(3.0), RidgePerTask(6.0)),
    **{
        name: [solver(lam, **TIGHT) for lam in (3.0, 6.0)]
        for name, solver in SOLVERS.items()
    },
    "fractions": 2 * [PathSearch(TraceNormRegressor(**TIGHT), [{"fraction": 0.3}])],
    "mean loss": 2 * [ElasticNetPerTask()],
    # L twice has the square root of 2 of its trace norm
    "stacked": [ResponseSoftImpute(lam, **TIGHT) for lam in (1.0, 2.0**0.5)],
    "an effect for each": 2 * [DrugAndLineEffects(0.7)],
    "the same pairs": 2 * [NearestDrug()],
}


@pytest.mark.parametrize("case", ONCE_AND_TWICE)
def test_every_line_twice_is_a_known_penalty(case, responses):
    once, twice = ONCE_AND_TWICE[case]
    expected = once.fit(*responses).predict(responses[0])
    X, Y = (np.vstack([M, M]) for M in responses)
    found = twice.fit(X, Y).predict(X)
    assert_allclose(found, np.vstack([expected, expected]), atol=2e-5)


@pytest.fixture
def sparse(responses, rng):
    """Return data in which drug e was measured on the three lines given."""
    X = rng.normal(size=(30, 40)) + 1

    def measured_on(lines):
        Y = pd.DataFrame(responses[1], columns=list("abcdef"))
        Y["e"] = pd.Series([1.0, 2.0, 4.0], index=lines)
        return X, Y

    return measured_on


def ridge(X, y, lam):
    """Return weights and intercept by least squares, the penalty as more rows."""
    n, p = X.shape
    rows = np.block([[X, np.ones((n, 1))], [lam**0.5 * np.eye(p), np.zeros((p, 1))]])
    return np.linalg.lstsq(rows, np.append(y, np.zeros(p)), rcond=None)[0]


@pytest.mark.parametrize("lam", [0.01, 3.0, 500.0])
def test_ridge_of_a_drug_on_3_lines(sparse, lam):
    X, Y = sparse([0, 1, 2])
    fit = RidgePerTask(lam).fit(X, Y)
    found = [*fit.coef_[:, 4], fit.intercept_[4]]
    assert_allclose(found, ridge(X[:3], [1, 2, 4], lam), atol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("share", [0.5, 0.02])
def test_the_trace_norm_of_one_drug_on_3_lines_is_a_ridge(sparse, solver, share):
    X, Y = sparse([0, 1, 2])
    y = np.array([1, 2, 4])
    lam = share * np.linalg.norm(X[:3].T @ (y - y.mean()))
    fit = SOLVERS[solver](lam, tol=1e-12).fit(X, Y["e"])
    # lam |w| and rho |w|^2 / 2 have the same slope
    rho = lam / np.linalg.norm(fit.coef_)
    found = [*fit.coef_[:, 0], *fit.intercept_]
    assert_allclose(found, ridge(X[:3], y, rho), atol=1e-6)


def left_out(X, y, line, train, multiple):
    """Return the ridge's prediction of one line of a drug, from lines `train`."""
    Z = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
    known = [i for i in train if i != line and not np.isnan(y[i])]
    level, spread = y[known].mean(), y[known].std()
    typical = np.square(Z[train]).sum() / (len(train) - 1)
    *w, b = ridge(Z[known], (y[known] - level) / spread, multiple * typical)
    return (Z[line] @ w + b) * spread + level


def of_three_folds(setting):
    """Return a line of each of three of five folds of lines, and what is fitted."""
    folds = list(InductiveKFold(5).split(np.empty((30, 1))))[:3]
    known = setting == "transductive"
    return [(test[0], np.arange(30) if known else train) for train, test in folds]


@every_setting
def test_five_folds_judge_a_drug_on_each_of_its_3_lines(sparse, setting):
    where = of_three_folds(setting)
    lines = [line for line, _ in where]
    X, Y = sparse(lines)
    search = PathSearch(RidgePerTask(), GRID, setting=setting, n_splits=5).fit(X, Y)
    y = Y["e"].to_numpy()
    predicted = [[left_out(X, y, i, t, m) for i, t in where] for m in (10.0, 1.0, 0.1)]
    expected = ((predicted - y[lines]) ** 2).mean(axis=1) / y[lines].var()
    assert_allclose(search.errors_[:, 4], expected, rtol=1e-9)
    assert search.choice_[4] == expected.argmin()


@every_setting
def test_nested_folds_leave_two_lines_and_the_strongest_penalty(sparse, setting):
    where = of_three_folds(setting)
    lines = [line for line, _ in where]
    X, Y = sparse(lines)
    methods = {"ridge": (PathSearch(RidgePerTask(), GRID, n_splits=5), X)}
    found = nested_cv(methods, Y, setting=setting, n_splits=5, n_repeats=1)
    y = Y["e"].to_numpy()
    # inside, one line is left, which says the same whatever the penalty: a tie
    expected = [left_out(X, y, i, t, 10.0) for i, t in where]
    assert_allclose(found.values["ridge"][0][lines, 4], expected, rtol=1e-9)
    assert_array_equal(np.isnan(found.values["ridge"][0]), Y.isna())


def test_lines_of_a_drug_all_in_one_fold_are_refused_by_its_name(sparse):
    (_, test), *_ = InductiveKFold(5).split(np.empty((30, 1)))
    X, Y = sparse(test[:3])
    search = PathSearch(RidgePerTask(), GRID, setting="inductive", n_splits=5)
    says = r"outside each fold; got none in column \['e'\], with n_splits=5"
    with pytest.raises(ValueError, match=says):
        search.fit(X, Y)
    with pytest.raises(ValueError, match=r"got none in column \['e'\]"):
        nested_cv({"ridge": (search, X)}, Y, setting="inductive", n_repeats=1)
