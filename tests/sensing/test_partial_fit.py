"""A fit in batches goes on on another device, in another precision, after a pickle."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from strict_device import NAME, plugged_in

from latentomics.sensing import LinearMMSE, OnlineDictionary, SparseNMF, VAEDecoder

MODELS = {
    "linear": LinearMMSE(device="cpu"),
    "dictionary": OnlineDictionary(4, n_nonzero=2, device="cpu"),
    "nmf": SparseNMF(4, device="cpu"),
    "vae": VAEDecoder(3, hidden=(8,), batch_size=16, device="cpu"),
}
LEARNED = {"linear": "covariance_", "vae": "variances_"}
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def batches(rng):
    X = rng.gamma(2.0, size=(60, 3)) @ rng.gamma(1.0, size=(3, 20))
    return X[:40], X[40:]


@pytest.fixture
def fresh(make):
    return lambda name, **given: type(MODELS[name])(**MODELS[name].get_params() | given)


def learned(name, model):
    return getattr(model, LEARNED.get(name, "components_"))


@every_model
def test_it_goes_on_where_there_is_no_such_device(name, fresh, batches):
    with plugged_in():
        kept = pickle.dumps(fresh(name, device=NAME).partial_fit(batches[0]))
    moved = pickle.loads(kept).set_params(device="cpu").partial_fit(batches[1])
    here = fresh(name).partial_fit(batches[0]).partial_fit(batches[1])
    assert_allclose(learned(name, moved), learned(name, here), rtol=1e-6, atol=1e-9)


@every_model
def test_it_goes_on_in_another_precision(name, fresh, batches):
    if "dtype" not in MODELS[name].get_params():
        pytest.skip("has one precision")
    model = fresh(name).partial_fit(batches[0])
    model.set_params(dtype="float32").partial_fit(batches[1])
    double = fresh(name).partial_fit(batches[0]).partial_fit(batches[1])
    assert_allclose(learned(name, model), learned(name, double), rtol=0.01, atol=0.01)
    assert np.isfinite(learned(name, model)).all()


def tensors(value):
    """Every tensor that an object holds, however deep."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [tensor for each in value for tensor in tensors(each)]


@every_model
def test_what_is_kept_is_not_on_the_device(name, fresh, batches):
    with plugged_in():
        model = fresh(name, device=NAME).partial_fit(batches[0])
        assert {T.device.type for T in tensors(vars(model))} <= {"cpu"}
