"""Every estimator of part IV through scikit-learn's own checks."""

import pytest
from house import CLASSIFIERS, estimator_classes
from sklearn.utils.estimator_checks import parametrize_with_checks

from latentomics.signatures import PseudoLabelNMF, SemiSupervisedNMF, SupervisedNMF

# Few steps keep this file short, and too few are not what is asked here
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"n_runs": 2, "warm_up": 5, "max_iter": 20, "device": "cpu"}
ESTIMATORS = [
    SupervisedNMF(2, **SHORT),
    SemiSupervisedNMF(2, **SHORT),
    SemiSupervisedNMF(2, **SHORT, unlabelled_weight=0.5),
    PseudoLabelNMF(2, **SHORT),
]
NO_MUTATION = "it has a sample without a mutation, which is refused"
EXPECTED_FAILURES = {
    "check_estimators_dtypes": NO_MUTATION,
    "check_fit2d_1feature": NO_MUTATION,
    "check_classifiers_classes": "one of its classes is -1, which means unlabelled",
    "check_classifiers_train": "its classes differ in the sum of two columns, not in "
    "their shares, and only these are in a profile",
}


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES
)
def test_scikit_learns_contract(estimator, check):
    check(estimator)


def test_no_classifier_is_left_out():
    assert {type(e) for e in ESTIMATORS} == set(estimator_classes(CLASSIFIERS))
