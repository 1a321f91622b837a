"""What every test shares: made data, the devices here, and the estimators found."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator

import latentomics
from latentomics.data import read_table
from latentomics.denoise import SoftImpute

torch.set_num_threads(1)  # small SVDs lose to thread start-up

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
CHAPTERS = {"denoise", "multitask", "signatures", "sensing"}
DEEP = {"hidden": (8,), "learning_rate": 0.03, "init_scale": 0.1, "max_iter": 200}
# What an estimator needs to be made at all, or to be fast
NEEDS = {
    "CellSearch": {"estimator": SoftImpute(), "grid": {"lam": [0.5, 2.0]}},
    "DeepMatrixFactorization": DEEP,
    "DualBranchNMF": {
        "rank": 3,
        "hidden": 8,
        "learning_rate": 0.01,
        "max_iter": 200,
    },
    "ResidualThresholdedDMF": DEEP,
    "RobustPCA": {"max_iter": 200},
}


def estimator_classes():
    """Every estimator in the ``__all__`` of every chapter: new ones join by name."""
    chapters = CHAPTERS & {room.name for room in iter_modules(latentomics.__path__)}
    rooms = [import_module(f"latentomics.{name}") for name in sorted(chapters)]
    found = [getattr(room, name) for room in rooms for name in room.__all__]
    return [c for c in found if inspect.isclass(c) and issubclass(c, BaseEstimator)]


def pytest_generate_tests(metafunc):
    """Fill in the estimators found.

    `estimator_class` is each of them, `knob` each with each of its parameters, `door`
    and `case` each with each bad input of the test's module, and ``read_table`` too.
    """
    classes = estimator_classes()
    if "estimator_class" in metafunc.fixturenames:
        metafunc.parametrize("estimator_class", classes, ids=lambda c: c.__name__)
    if "case" in metafunc.fixturenames:
        doors = [(read_table, case) for case in metafunc.module.FILE_CASES]
        doors += [(c, case) for c in classes for case in metafunc.module.CASES]
        ids = [f"{door.__name__}-{case}" for door, case in doors]
        metafunc.parametrize(("door", "case"), doors, ids=ids)
    if "knob" in metafunc.fixturenames:
        knobs = [(c, name) for c in classes for name in inspect.signature(c).parameters]
        ids = [f"{c.__name__}-{name}" for c, name in knobs]
        metafunc.parametrize("knob", knobs, ids=ids)


@pytest.fixture
def make():
    """Build an estimator of a class, made fast; keywords replace its parameters."""
    return lambda cls, **given: cls(**{**NEEDS.get(cls.__name__, {}), **given})


@pytest.fixture
def rng():
    return np.random.default_rng(20240501)


@pytest.fixture
def gappy(rng):
    """Rank 3 plus noise with 20 % gaps, 30 x 20: the truth and the data."""
    truth = rng.normal(size=(30, 3)) @ rng.normal(size=(3, 20))
    X = truth + 0.1 * rng.normal(size=truth.shape)
    return truth, np.where(rng.random(X.shape) < 0.2, np.nan, X)


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param
