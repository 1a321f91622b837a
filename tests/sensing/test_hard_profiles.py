"""Profiles that are awkward, on everything that is fitted to profiles."""

import numpy as np
import pytest
from house import NETWORKS, PROFILES, estimator_classes, family_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CLASSES = estimator_classes(PROFILES) + estimator_classes(NETWORKS)


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def answer(request, make, measured):
    """Fit an estimator to profiles, and return what it makes of others like them."""
    _, A = measured

    def fitted(X, new):
        model = make(request.param)
        if family_of(request.param) is NETWORKS:
            return model.fit(X, A).decode(new @ A.T)
        model.fit(X)
        if hasattr(model, "decode"):
            return model.decode(new @ A.T, A)
        return model.transform(new) @ model.components_

    return fitted


@pytest.mark.parametrize(
    "spoil",
    [
        lambda X: X * (np.arange(20) != 3),  # a gene that is 0 throughout
        lambda X: np.where(np.arange(20) == 3, 0.7, X),  # or constant
        lambda X: X * (np.arange(30) != 5)[:, None],  # a sample without a molecule
        lambda X: np.where(np.arange(20) == 3, X[:, [4]], X),  # two genes alike
        lambda X: X[np.arange(30) // 2],  # every sample twice
    ],
    ids=["zero gene", "constant gene", "empty sample", "twin genes", "twin samples"],
)
def test_awkward_profiles_have_finite_answers(answer, measured, spoil):
    X = spoil(measured[0])
    found = answer(X, X[:7])
    assert found.shape == (7, 20)
    assert np.isfinite(found).all()


def test_a_sample_without_signal_has_a_finite_answer(answer, measured):
    X = measured[0]
    found = answer(X, np.zeros((2, 20)))
    assert np.isfinite(found).all()
    # rows of one product round apart, and a search in float32 keeps seven digits
    np.testing.assert_allclose(found[0], found[1], atol=1e-6 * np.abs(found).max())
