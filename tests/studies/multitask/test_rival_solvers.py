"""The rivals of the trace norm's solver: the same answers, on other ways."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

from latentomics.multitask import TraceNormRegressor, trace_norm_grid
from latentomics.studies.multitask.rival_solvers import (
    SOLVERS,
    PaperADMM,
    SampleSpaceADMM,
)

RIVALS = [solver for solver in SOLVERS.values() if solver is not TraceNormRegressor]


@parametrize_with_checks([rival(max_iter=50, device="cpu") for rival in RIVALS])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("rival", RIVALS)
def test_a_rival_ends_where_the_default_does(rival, responses):
    X, Y = responses
    ours, theirs = (c(5.0, tol=1e-11).fit(X, Y) for c in (TraceNormRegressor, rival))
    assert_allclose(theirs.coef_, ours.coef_, atol=1e-5)
    assert_allclose(theirs.intercept_, ours.intercept_, atol=1e-5)
    assert theirs.trace_.n_iter != ours.trace_.n_iter  # on another way


def test_the_paper_s_problem_is_in_features(rng):
    X, Y = rng.normal(size=(9, 5)), rng.normal(size=(9, 3))
    space, problem = PaperADMM()._pose(X, Y)
    assert_allclose(problem.basis, X - X.mean(axis=0))
    assert_allclose(problem.basis, space.centred)


def test_the_paper_walks_in_step_with_its_sample_space(responses):
    paper, space = (
        c(tol=1e-8).fit_path(*responses, trace_norm_grid(5))
        for c in (PaperADMM, SampleSpaceADMM)
    )
    assert_array_equal(*([t.n_iter for t in p.traces] for p in (paper, space)))
    assert_allclose(paper.coef([4]), space.coef([4]), atol=1e-9)
    assert np.abs(space.coef([4])).max() > 0.01
