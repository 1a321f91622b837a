import numpy as np
import pytest
from numpy.testing import assert_allclose

from latentomics.sensing.measurement import GaussianMeasurement
from latentomics.studies.sensing.theory import (
    coherence,
    distance_distortion,
    guaranteed_atoms,
)


def test_distortion_by_hand():
    X = np.array([[0.0, 0, 0, 0], [3, 4, 0, 0], [3, 4, 0, 0]])
    A = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0]])
    assert_allclose(distance_distortion(X, A), [4 / 2 * 9 / 25 - 1] * 2)


@pytest.mark.parametrize("m", [20, 100])
def test_distortion_is_what_johnson_and_lindenstrauss_say(rng, m):
    X = rng.random((20, 300))
    found = np.concatenate(
        [
            distance_distortion(
                X, GaussianMeasurement(m, random_state=s).fit(X).components_
            )
            for s in range(30)
        ]
    )
    assert abs(found.mean()) < 0.02
    assert_allclose(found.std(), (2 / m) ** 0.5, rtol=0.15)


def test_coherence_by_hand():
    D = np.array([[2.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, -3.0]])
    assert_allclose(coherence(D), 0.5**0.5)
    with pytest.raises(ValueError, match="two atoms that are not 0; got 1"):
        coherence(D[:2])


@pytest.mark.parametrize(
    ("mu", "k"), [(1.0, 0), (0.95, 1), (0.34, 1), (0.33, 2), (0.2, 2)]
)
def test_how_many_atoms_are_sure(mu, k):
    assert guaranteed_atoms(mu) == k
    assert guaranteed_atoms(mu) < (1 + 1 / mu) / 2 <= guaranteed_atoms(mu) + 1


def test_a_coherence_that_is_none_is_refused():
    with pytest.raises(ValueError, match="mu must be a number above 0, at most 1"):
        guaranteed_atoms(0)
