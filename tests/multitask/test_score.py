"""R² of responses with gaps: by hand, scikit-learn's without, and in its searches."""

import numpy as np
import pandas as pd
import pytest
from house import REGRESSORS, estimator_classes
from numpy.testing import assert_allclose
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from latentomics.multitask import RidgePerTask, TraceNormRegressor
from latentomics.multitask.regressor import LinearRegressor
from latentomics.multitask.transductive import TransductiveRegressor
from latentomics.studies.multitask.rival_solvers import SOLVERS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
every_regressor = pytest.mark.parametrize(
    "cls", estimator_classes(REGRESSORS), ids=lambda cls: cls.__name__
)
OTHERS = {  # of those without lam: a parameter to choose
    "DrugAndLineEffects": {"penalty": [0.1, 10.0]},
    "KBMTL": {"width": [0.5, 1.0]},
    "NearestDrug": {"min_lines": [3, 25]},
    "PathSearch": {"grid": [[{"fraction": f}] for f in (0.5, 0.1)]},
    "TaskGroups": {"grid": [[{"fraction": f}] for f in (0.5, 0.1)]},
}
GAP = np.nan
Y_HAT = np.array([[1.0, 0], [2, 0], [3, 1], [4, 5]])
Y_GAPS = np.array([[1.0, GAP], [2, 0], [4, GAP], [GAP, 2]])


class Echo(LinearRegressor):
    """Predicts its features."""

    def fit(self, X, Y):
        X, Y = self._read(X, Y)
        self.coef_, self.intercept_ = np.eye(X.shape[1]), np.zeros(X.shape[1])
        return self


@pytest.fixture
def echo():
    return Echo().fit(Y_HAT, Y_HAT)


BY_HAND = {  # weights -> the R² of the two drugs
    None: (1 - 1 / (14 / 3), 1 - 9 / 2),
    (1, 1, 2, 3): (1 - 2 / (27 / 4), 1 - 27 / 3),
    (3, 3, 3, 3): (1 - 1 / (14 / 3), 1 - 9 / 2),
}


@pytest.mark.parametrize("weights", BY_HAND)
def test_the_score_is_the_mean_over_drugs_on_their_measured_lines(echo, weights):
    score = echo.score(Y_HAT, Y_GAPS, weights)
    assert score == pytest.approx(np.mean(BY_HAND[weights]))
    assert type(score) is float


def test_weight_2_is_a_line_twice_and_weight_0_none(echo):
    double = np.repeat(np.arange(4), (1, 2, 0, 1))
    known = echo.score(Y_HAT[double], Y_GAPS[double])
    assert echo.score(Y_HAT, Y_GAPS, [1, 2, 0, 1]) == pytest.approx(known)


def test_a_drug_measured_on_one_line_is_left_out(echo):
    known = pytest.approx(BY_HAND[None][0])
    for last in (GAP, 7.0):  # on no line, on one
        Y = Y_GAPS.copy()
        Y[:, 1] = [GAP, GAP, GAP, last]
        assert echo.score(Y_HAT, Y) == known
    assert echo.score(Y_HAT, Y_GAPS, [1, 1, 1, 0]) == known  # one of two without weight


def test_without_a_drug_on_two_lines_there_is_no_score(echo):
    says = "Y must have a drug measured on two lines; got none"
    with pytest.raises(ValueError, match=says):
        echo.score(Y_HAT[:2], [[1, GAP], [GAP, 2]])
    with pytest.raises(ValueError, match=says):
        echo.score(Y_HAT, Y_GAPS, [0, 0, 0, 0])
    with pytest.warns(UndefinedMetricWarning):  # scikit-learn's answer without gaps
        assert np.isnan(echo.score(Y_HAT[:1], Y_HAT[:1]))


def test_a_constant_drug_is_scored_as_scikit_learn_does(echo):
    Y = np.array([[2.0, 0], [2, 0], [GAP, 1], [2, 5]])
    # 0 for a constant that is missed, 1 for no error
    assert echo.score(Y_HAT, Y) == 0.5


@pytest.mark.parametrize("Y", [Y_HAT, Y_GAPS], ids=["complete", "gaps"])
def test_weights_must_fit_the_lines(echo, Y):
    for wrong in ([1, 1, 1], [1]):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            echo.score(Y_HAT, Y, wrong)


@pytest.mark.parametrize("Y", [Y_HAT, Y_GAPS], ids=["complete", "gaps"])
def test_infinite_responses_are_refused(echo, Y):
    with pytest.raises(ValueError, match="Y must be finite, or NaN for a gap; got inf"):
        echo.score(Y_HAT, np.where(Y == 2, np.inf, Y))


@every_regressor
def test_complete_responses_have_scikit_learns_score_to_the_last_bit(
    cls, make, responses
):
    X, Y = responses
    model = make(cls).fit(X, Y)
    for weights in (None, np.arange(30.0)):
        known = r2_score(np.nan_to_num(Y), model.predict(X), sample_weight=weights)
        assert model.score(X, np.nan_to_num(Y), weights) == known


@every_regressor
def test_gaps_are_scored_drug_by_drug(cls, make, responses):
    X, Y = responses
    model = make(cls).fit(X, Y)
    drugs = zip(Y.T, model.predict(X).T, strict=True)
    known = [r2_score(y[~np.isnan(y)], y_hat[~np.isnan(y)]) for y, y_hat in drugs]
    assert model.score(X, Y) == pytest.approx(np.mean(known))
    one = make(cls).fit(X, Y[:, 0])
    on = ~np.isnan(Y[:, 0])
    known = r2_score(Y[on, 0], one.predict(X)[on])
    assert one.score(X, Y[:, 0]) == pytest.approx(known)


@every_regressor
def test_scikit_learns_search_takes_gaps(cls, make, responses):
    X, Y = responses
    grid = OTHERS.get(cls.__name__, {"lam": [0.5, 2.0]})
    known_lines_only = issubclass(cls, TransductiveRegressor)
    cv = [(np.arange(30),) * 2] if known_lines_only else KFold(3)
    search = GridSearchCV(make(cls), grid, cv=cv, error_score="raise").fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
    assert search.score(X, Y) == search.best_estimator_.score(X, Y)


def test_scikit_learns_search_averages_the_scores_of_folds(responses):
    X, Y = map(pd.DataFrame, responses)
    X = X.add_prefix("gene ")
    lams = [0.5, 50.0]
    search = GridSearchCV(RidgePerTask(), {"lam": lams}, cv=KFold(4)).fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    for lam, found in zip(lams, scores, strict=True):
        by_hand = [
            RidgePerTask(lam).fit(X.iloc[a], Y.iloc[a]).score(X.iloc[b], Y.iloc[b])
            for a, b in KFold(4).split(X)
        ]
        assert_allclose(found, np.mean(by_hand))
        assert_allclose(cross_val_score(RidgePerTask(lam), X, Y, cv=KFold(4)), by_hand)


@pytest.mark.parametrize("cls", [*estimator_classes(REGRESSORS), *SOLVERS.values()])
def test_before_a_fit_there_is_no_prediction_and_no_score(cls, make, responses):
    X, Y = responses
    for call in (lambda: make(cls).predict(X), lambda: make(cls).score(X, Y)):
        with pytest.raises(NotFittedError, match=f"This {cls.__name__} instance is"):
            call()


def test_a_fit_that_failed_leaves_nothing_to_predict_with(rng):
    X = pd.DataFrame(rng.normal(size=(9, 4))).rename(columns="gene {}".format)
    Y = pd.DataFrame({"a": rng.normal(size=9), "b": np.nan})
    model = TraceNormRegressor()
    with pytest.raises(ValueError, match="Y must"):
        model.fit(X, Y)
    with pytest.raises(NotFittedError):
        model.predict(X)
