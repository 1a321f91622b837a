import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import pdist

from latentomics.sensing.scores import scores


def test_each_score_by_numpy(rng):
    X = rng.random((9, 7))
    hat = X + 0.3 * rng.normal(size=X.shape)
    found = scores(X, hat)
    assert_allclose(found["overall"], np.corrcoef(X.ravel(), hat.ravel())[0, 1])
    rows = [np.corrcoef(a, b)[0, 1] for a, b in zip(X, hat, strict=True)]
    columns = [np.corrcoef(a, b)[0, 1] for a, b in zip(X.T, hat.T, strict=True)]
    assert_allclose(found["per_sample"], np.mean(rows))
    assert_allclose(found["per_gene"], np.mean(columns))
    assert_allclose(found["nrmse"], np.sqrt(((X - hat) ** 2).sum() / (X**2).sum()))
    assert_allclose(found["distance"], np.corrcoef(pdist(X), pdist(hat))[0, 1])


def test_a_gene_without_spread_says_nothing(rng):
    X, hat = rng.random((2, 9, 7))
    before = scores(X[:, 1:], hat[:, 1:])["per_gene"]
    X[:, 0] = 3
    assert_allclose(scores(X, hat)["per_gene"], before)


@pytest.mark.parametrize("unit", [1e-18, 1e18])
def test_correlations_do_not_depend_on_the_unit_of_the_estimate(unit, rng):
    X = rng.random((9, 7))
    found = scores(X, unit * X)
    correlations = [found[name] for name in ("overall", "per_sample", "per_gene")]
    assert_allclose(correlations, 1)


def test_the_mean_of_each_gene_has_no_score_per_gene(rng):
    X = rng.random((9, 7)) + 10 * np.arange(7)
    found = scores(X, np.tile(X.mean(axis=0), (9, 1)))
    assert found["overall"] > 0.99
    assert np.isnan(found["per_gene"])
    assert np.isnan(found["distance"])


def test_more_than_500_samples_are_compared_by_the_first_500(rng):
    X = rng.random((510, 3))
    hat = X + rng.normal(size=X.shape)
    expected = np.corrcoef(pdist(X[:500]), pdist(hat[:500]))[0, 1]
    assert_allclose(scores(X, hat)["distance"], expected)


def test_other_shapes_are_refused(rng):
    with pytest.raises(ValueError, match=r"shape of X, \(4, 3\); got \(3, 3\)"):
        scores(np.ones((4, 3)), np.ones((3, 3)))
