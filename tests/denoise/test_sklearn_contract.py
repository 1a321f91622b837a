"""Every estimator of part II through scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from latentomics.denoise import (
    CellSearch,
    DeepMatrixFactorization,
    DualBranchNMF,
    GeneralSensitivity,
    Huber,
    KeepSpikes,
    NuclearNormBall,
    ResidualThresholdedDMF,
    RobustPCA,
    SoftImpute,
    StablePCP,
)

# Few steps keep this file short, and too few are not what is asked here
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden": (4,), "max_iter": 20, "device": "cpu"}
ESTIMATORS = [
    SoftImpute(max_iter=50, device="cpu"),
    StablePCP(max_iter=50, device="cpu"),
    NuclearNormBall(max_iter=50, device="cpu"),
    RobustPCA(max_iter=50, device="cpu"),
    GeneralSensitivity(device="cpu"),
    GeneralSensitivity("fitted", max_iter=50, device="cpu"),
    DeepMatrixFactorization(**SHORT),
    ResidualThresholdedDMF(**SHORT),
    ResidualThresholdedDMF(**SHORT, eta_unit="noise", n_starts=2),
    DeepMatrixFactorization(**SHORT, loss=Huber(2.5, "noise")),
    KeepSpikes(SoftImpute(max_iter=50, device="cpu")),
    KeepSpikes(DeepMatrixFactorization(**SHORT), eta_unit="noise", scale=None),
    DualBranchNMF(1, **{**SHORT, "hidden": 4}),
    CellSearch(SoftImpute(max_iter=20, device="cpu"), {"lam": [1.0, 2.0]}),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_contract(estimator, check):
    check(estimator)
