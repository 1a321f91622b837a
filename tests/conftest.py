"""What every test shares: made data, the devices here, and the estimators found."""

import inspect

import numpy as np
import pytest
import strict_device
import torch
from house import (
    CLASSIFIERS,
    DENOISERS,
    NEEDS,
    NETWORKS,
    PROFILES,
    REGRESSORS,
    estimator_classes,
    family_of,
)
from labelled_problems import planted
from sklearn.base import clone

torch.set_num_threads(1)  # small SVDs lose to thread start-up

DEVICES = ["cpu", strict_device.NAME] + ["cuda"] * torch.cuda.is_available()
FAMILIES = {
    "denoiser_class": DENOISERS,
    "regressor_class": REGRESSORS,
    "classifier_class": CLASSIFIERS,
}


def pytest_generate_tests(metafunc):
    """Fill in the estimators found.

    `estimator_class` is each of them, `denoiser_class`, `regressor_class` and
    `classifier_class` each of a family, `knob` each with each of its parameters.
    """
    wanted = {"estimator_class": None, **FAMILIES}
    for name in wanted.keys() & set(metafunc.fixturenames):
        found = estimator_classes(wanted[name])
        metafunc.parametrize(name, found, ids=lambda c: c.__name__)
    if "knob" in metafunc.fixturenames:
        classes = estimator_classes()
        knobs = [(c, name) for c in classes for name in inspect.signature(c).parameters]
        ids = [f"{c.__name__}-{name}" for c, name in knobs]
        metafunc.parametrize("knob", knobs, ids=ids)


@pytest.fixture
def make():
    """Build an estimator of a class, made fast; keywords replace its parameters.

    Cloned, or what one test sets within an inner estimator, the next one finds.
    """
    return lambda cls, **given: clone(cls(**NEEDS.get(cls.__name__, {}) | given))


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
    """A device to ask for; "strict" is one on every machine."""
    if request.param != strict_device.NAME:
        yield request.param
        return
    with strict_device.plugged_in():
        yield request.param


@pytest.fixture
def responses(rng):
    """Features 30 x 20 and 6 responses of them, rank 2 plus noise, 20 % gaps."""
    X = rng.normal(size=(30, 20))
    Y = X @ rng.normal(size=(20, 2)) @ rng.normal(size=(2, 6)) / 4
    Y += 0.3 * rng.normal(size=Y.shape) + np.arange(6)
    return X, np.where(rng.random(Y.shape) < 0.2, np.nan, Y)


@pytest.fixture
def catalogues():
    """Counts 30 x 20 of mixtures of 3 signatures, and labels, -1 for every other."""
    counts, labels, _, _ = planted(n=30, n_channels=20, depth=300)
    return counts.astype(float), np.where(np.arange(30) % 6 < 3, labels, -1)


@pytest.fixture
def measured(rng):
    """Profiles 30 x 20 of 3 modules, from 0 to 1, and 3 measurements of them."""
    X = rng.gamma(1.0, size=(30, 3)) @ rng.gamma(0.5, size=(3, 20))
    X += 0.1 * rng.random(X.shape)
    return X / X.max(), rng.normal(size=(3, 20)) / 20**0.5


@pytest.fixture
def given(gappy, responses, catalogues, measured):
    """Data to fit an estimator of a class to, as a tuple."""
    data = {DENOISERS: gappy[1:], REGRESSORS: responses, CLASSIFIERS: catalogues}
    data |= {PROFILES: measured[:1], NETWORKS: measured}
    return lambda cls: data[family_of(cls)]
