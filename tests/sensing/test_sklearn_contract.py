"""Every estimator of part V that needs profiles alone, by scikit-learn's checks."""

import pytest
from house import NEEDS, PROFILES, estimator_classes
from sklearn.utils.estimator_checks import parametrize_with_checks

from latentomics.sensing import SVDDictionary

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# Some of its problems have a single gene
ONE = {"n_measurements": 1, "pool_size": 1, "n_components": 1, "n_nonzero": 1}
ONE |= {"dictionary": SVDDictionary(1)}


def small(cls):
    needed = NEEDS.get(cls.__name__, {})
    return cls(**{name: ONE.get(name, value) for name, value in needed.items()})


@parametrize_with_checks([small(cls) for cls in estimator_classes(PROFILES)])
def test_scikit_learns_contract(estimator, check):
    check(estimator)
