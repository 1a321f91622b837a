import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from latentomics.sensing.svd_dictionary import SVDDictionary


@pytest.fixture
def X(rng):
    return rng.normal(size=(12, 4)) @ rng.normal(size=(4, 7))


def test_two_orthogonal_directions_by_hand():
    X = np.array([[0, -3.0, 0], [0, 0, 2], [0, 0, 2]])
    fit = SVDDictionary(2).fit(X)
    assert_allclose(fit.components_, [[0, 1, 0], [0, 0, 1]], atol=1e-15)
    assert_allclose(fit.singular_values_, [3, 8**0.5])
    assert_allclose(fit.transform(X), [[-3, 0], [0, 2], [0, 2]], atol=1e-15)


def test_the_fit_leaves_what_no_matrix_of_that_rank_explains(X):
    fit = SVDDictionary(2).fit(X)
    left = ((X - fit.transform(X) @ fit.components_) ** 2).sum()
    assert_allclose(left, (np.linalg.svd(X)[1][2:] ** 2).sum())


def test_codes_are_those_of_least_squares(X, rng):
    fit, new = SVDDictionary(3).fit(X), rng.normal(size=(5, 7))
    by_hand = np.linalg.lstsq(fit.components_.T, new.T)[0].T
    assert_allclose(fit.transform(new), by_hand, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_all_atoms_rebuild_everything(rng, shape):
    X = rng.normal(size=shape)
    fit = SVDDictionary().fit(X)
    assert fit.components_.shape == (5, shape[1])
    assert_allclose(fit.transform(X) @ fit.components_, X, atol=1e-12)


def test_signs_do_not_depend_on_those_of_the_data(X, rng):
    fit = SVDDictionary(4).fit(X)
    flipped = SVDDictionary(4).fit(-X[rng.permutation(12)])
    assert_allclose(flipped.components_, fit.components_, atol=1e-10)
    farthest = np.abs(fit.components_).argmax(axis=1)
    assert (fit.components_[range(4), farthest] > 0).all()


def test_results_are_the_callers_own(X):
    fit, before = SVDDictionary().fit(X), X.copy()
    codes = fit.transform(X).copy()
    fit.transform(X)[:] = 9
    assert_array_equal(fit.transform(X), codes)
    assert_array_equal(X, before)


def test_too_many_atoms_are_refused(X):
    says = "n_components must be at most 7, the fewer of samples and genes; got 8"
    with pytest.raises(ValueError, match=says):
        SVDDictionary(8).fit(X)
    with pytest.raises(ValueError, match="n_components must be a whole number .* 0"):
        SVDDictionary(0).fit(X)
