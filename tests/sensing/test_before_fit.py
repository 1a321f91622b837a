"""What needs a fit says so before one, in every estimator of part V."""

import inspect

import numpy as np
import pytest
from house import NEEDS, estimator_classes
from sklearn.exceptions import NotFittedError

from latentomics.sensing.blind_factors import BlindFactors
from latentomics.sensing.blind_modules import BlindModules

PART = "latentomics.sensing."
CLASSES = [cls for cls in estimator_classes() if cls.__module__.startswith(PART)]
CLASSES += [BlindFactors, BlindModules]
QUESTIONS = (
    "decode",
    "encode",
    "transform",
    "generate",
    "sample",
    "weights",
    "choose_n_nonzero",
    "missed",
)
GIVEN = {
    "X": np.ones((3, 5)),
    "Y": np.ones((3, 2)),
    "A": np.eye(2, 5),
    "Z": np.ones((3, 3)),
}
ASKED = [(cls, name) for cls in CLASSES for name in QUESTIONS if hasattr(cls, name)]


def arguments(method):
    return {k: GIVEN[k] for k in inspect.signature(method).parameters if k in GIVEN}


@pytest.mark.parametrize(("cls", "name"), ASKED)
def test_before_a_fit_there_is_no_answer(cls, name):
    own = {"DictionaryDecoder": {"n_nonzero": None}}.get(cls.__name__, {})
    method = getattr(cls(**{**NEEDS.get(cls.__name__, {}), **own}), name)
    with pytest.raises(NotFittedError, match=f"This {cls.__name__} .* not fitted yet"):
        method(**arguments(method))


def test_every_estimator_is_asked_something():
    assert {cls for cls, _ in ASKED} == set(CLASSES)
