"""What blind sensing refuses, and in which words."""

import numpy as np
import pytest
from sklearn.base import clone

from latentomics.sensing.blind_factors import BlindFactors
from latentomics.sensing.blind_modules import BlindModules

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BLIND = {"factors": BlindFactors(1), "modules": BlindModules(1, n_nonzero=1)}


@pytest.fixture(params=BLIND)
def model(request):
    return clone(BLIND[request.param])


@pytest.fixture
def batches(rng):
    """Two batches of 6 positive profiles, 5 and 6 sums of 8 genes."""
    made = [(rng.random((6, 8)), rng.normal(size=(m, 8))) for m in (5, 6)]
    return [(X @ A.T, A) for X, A in made]


def holed(M, value):
    M = M.copy()
    M[1, 2] = value
    return M


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"n_components": 0},
            "n_components must be a whole number of at least 1; got 0",
        ),
        ({"n_components": 1.5}, "n_components must be a whole number of at least 1"),
        ({"tol": -1}, "tol must be a non-negative number; got -1"),
        ({"tol": np.nan}, "tol must be a non-negative number; got nan"),
        ({"max_iter": 0}, "max_iter must be a whole number of at least 1; got 0"),
        ({"max_iter": 2.5}, "max_iter must be a whole number of at least 1; got 2.5"),
        ({"device": "gpu"}, r"device must be one of \('auto', 'cpu', 'cuda'\)"),
    ],
)
def test_bad_parameters_are_refused(batches, model, changed, message):
    with pytest.raises(ValueError, match=message):
        model.set_params(**changed).fit(batches)


@pytest.mark.parametrize(
    ("n_components", "n_samples", "message"),
    [
        (9, 6, "n_components must be at most the 8 genes, and the 12 samples; got 9"),
        (7, 3, "n_components must be at most the 8 genes, and the 6 samples; got 7"),
    ],
)
def test_more_factors_than_there_can_be_are_refused(
    batches, n_components, n_samples, message
):
    fewer = [(Y[:n_samples], A) for Y, A in batches]
    with pytest.raises(ValueError, match=message):
        BlindFactors(n_components).fit(fewer)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_components": 13}, "at most the 12 samples that seem to have .*; got 13"),
        ({"n_nonzero": 0}, "n_nonzero must be a whole number of at least 1; got 0"),
        ({"n_nonzero": 6}, "n_nonzero must be at most the 5 measurements; got 6"),
        ({"lam": -0.1}, "lam must be a non-negative number; got -0.1"),
        ({"random_state": -1}, "random_state must be a whole number of at least 0"),
    ],
)
def test_bad_parameters_of_modules_are_refused(batches, changed, message):
    with pytest.raises(ValueError, match=message):
        BlindModules(**{"n_components": 3, "n_nonzero": 2, **changed}).fit(batches)


@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf, "loud", None])
def test_bad_noise_is_refused(batches, model, noise):
    message = "noise must be a non-negative number; got "
    with pytest.raises(ValueError, match=message):
        model.fit(batches, noise)
    Y, A = batches[0]
    with pytest.raises(ValueError, match=message):
        model.fit(batches).decode(Y, A, noise)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_gaps_are_refused(batches, model, value):
    good, (Y, A) = batches
    message = "{} must be finite, without NaN; got {} in row 1, column 2"
    with pytest.raises(ValueError, match=message.format("Y", value)):
        model.fit([good, (holed(Y, value), A)])
    with pytest.raises(ValueError, match=message.format("A", value)):
        model.fit([good, (Y, holed(A, value))])
    model.fit(batches)
    with pytest.raises(ValueError, match=message.format("Y", value)):
        model.decode(holed(Y, value), A)
    with pytest.raises(ValueError, match=message.format("A", value)):
        model.decode(Y, holed(A, value))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ((np.ones((3, 2)), np.ones((3, 8))), "each of 3 measurements; got 2"),
        ((np.ones((3, 2)), np.ones((2, 7))), "A must have a column for each of 8 gen"),
        ((np.ones((3, 9)), np.ones((9, 8))), "at most as many rows as its 8 columns"),
        ((np.ones((0, 2)), np.ones((2, 8))), "Y must have a row and a column; got 0"),
        ((np.ones((3, 0)), np.ones((0, 8))), "A must have a row and a column; got 0"),
    ],
    ids=["other sums", "other genes", "more sums than genes", "no sample", "no sum"],
)
def test_a_batch_that_does_not_fit_is_refused(batches, model, second, message):
    with pytest.raises(ValueError, match=message):
        model.fit([*batches, second])


def test_no_batch_is_refused(model):
    with pytest.raises(
        ValueError, match=r"batches must be a list of pairs \(Y, A\); got none"
    ):
        model.fit([])


def test_what_is_no_list_of_pairs_is_refused(model):
    Y, A = np.ones((3, 2)), np.ones((2, 8))
    says = r"batches must be a list of pairs \(Y, A\); got a ndarray in it"
    for wrong in (Y, (Y, A), [Y, A]):
        with pytest.raises(ValueError, match=says):
            model.fit(wrong)


def test_profiles_without_a_gene_above_0_have_no_modules():
    with pytest.raises(ValueError, match="at most the 0 samples that seem to have"):
        BlindModules(1, n_nonzero=1).fit([(-np.ones((3, 4)), np.eye(4))])


def test_what_cannot_be_decoded_is_refused(batches, model):
    model.fit(batches)
    with pytest.raises(ValueError, match="each of 8 genes; got 7"):
        model.decode(np.ones((2, 4)), np.eye(4, 7))


def test_a_sample_has_no_more_modules_than_measurements(batches):
    fit = BlindModules(3, n_nonzero=3).fit(batches)
    with pytest.raises(ValueError, match="n_nonzero must be at most the 2 measurement"):
        fit.decode(np.ones((2, 2)), np.eye(2, 8))
