import pytest
from house import same_fit
from sklearn.base import clone

from latentomics.denoise import DeepMatrixFactorization
from latentomics.studies.denoise.variants import VariantDMF

# starts and steps against torch's: tests/denoise/test_deep_factorization.py
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden": (6,), "learning_rate": 0.01, "max_iter": 40, "device": "cpu"}


def test_without_a_choice_it_is_the_factorization_of_the_package(gappy):
    ours, theirs = (cls(**SHORT) for cls in (VariantDMF, DeepMatrixFactorization))
    assert same_fit(ours.fit(gappy[1]), theirs.fit(gappy[1]))


@pytest.mark.parametrize(
    "choice", [{"init": "gaussian"}, {"optimizer": "sgd"}], ids=str
)
def test_a_choice_moves_the_fit_and_a_clone_keeps_it(gappy, choice):
    model = VariantDMF(**SHORT, **choice)
    assert same_fit(clone(model).fit(gappy[1]), model.fit(gappy[1]))
    assert not same_fit(model, DeepMatrixFactorization(**SHORT).fit(gappy[1]))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"init": "zeros"}, r"init must be one of .*'balanced'.*; got 'zeros'"),
        ({"optimizer": "lbfgs"}, r"optimizer must be one of .*'adam'.*; got 'lbfgs'"),
    ],
)
def test_messages(given, says):
    with pytest.raises(ValueError, match=says):
        VariantDMF(**SHORT, **given)
