"""How often data cross between the CPU and a device, held to what it was.

A crossing keeps both sides waiting, whatever it carries. `crossings.json` says, for
every estimator with a device, how many a fit to the data of the contract takes, how
many its answers, and in how many iterations: "up" to the device, "down" for a value or
a size from it. With a `tol` of 0 loops run as long on every machine.
"""

import json
from functools import partial
from pathlib import Path

import pytest
from house import NEEDS, estimator_classes, family_of, on
from strict_device import NAME, plugged_in

from latentomics.sensing import ResidualDecoder, VAEDecoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BASELINE = json.loads(Path(__file__).with_name("crossings.json").read_text())
SLACK = 0.05  # more: inner loops may end a turn later on another processor
FEWER = 0.2  # then the baseline follows
# Estimators that never ask for a device, and why
NO_DEVICE = {
    "BlendedDecoder": "its decoders have theirs",
    "DrugAndLineEffects": "one small system of equations",
    "ElasticNetPerTask": "its sets of signs are followed on the CPU",
    "GaussianMeasurement": "draws a matrix",
    "NearestDrug": "correlations of a table with gaps",
    "PooledMeasurement": "draws a matrix",
    "RegressorDecoder": "the regressor is scikit-learn's",
    "SVDDictionary": "one decomposition by NumPy",
    "SignatureGenes": "one decomposition by SciPy",
}


def has_device(cls):
    names = cls(**NEEDS.get(cls.__name__, {})).get_params()
    return any(name.split("__")[-1] == "device" for name in names)


WITH_DEVICE = [cls for cls in estimator_classes() if has_device(cls)]
on_devices = pytest.mark.parametrize("cls", WITH_DEVICE, ids=lambda cls: cls.__name__)


@pytest.fixture
def counted(make, given):
    """Fit an estimator of a class on a device; return its crossings and iterations."""

    def count(cls, device):
        settings = {"dtype": "float64", "tol": 0.0, "max_iter": 20}
        model, data = on(make(cls), device=device, **settings), given(cls)
        with plugged_in() as crossings:
            model.fit(*data)
            found = {"fit": dict(+crossings)}
            crossings.clear()
            family_of(cls).answers(model, *data)
        found["answer"] = dict(+crossings)
        if hasattr(model, "trace_"):
            found["n_iter"] = model.trace_.n_iter
        return found

    return count


def verdict(found, known):
    """Return what is wrong with crossings, given what they were; "" if nothing is."""
    for part in ("fit", "answer"):
        for way in ("up", "down"):
            count, was = found[part].get(way, 0), known[part].get(way, 0)
            if count > was + int(SLACK * was):
                return f"{part} crosses {count} times {way}, more than {was}"
            if count < was - FEWER * was:
                return f"{part} crosses {count} times {way}; lower the baseline, {was}"
    return ""


@on_devices
def test_no_estimator_crosses_more_often_than_it_did(cls, counted):
    found, known = counted(cls, NAME), BASELINE.get(cls.__name__)
    assert known, f"crossings.json has no {cls.__name__}: {found}"
    assert found["fit"] or found["answer"], "the device was never used"
    assert found.get("n_iter") == known.get("n_iter")
    assert not verdict(found, known), found


@on_devices
def test_an_estimator_told_to_stay_on_the_cpu_does(cls, counted):
    found = counted(cls, "cpu")
    assert not found["fit"]
    assert not found["answer"]


def test_a_decoder_made_inside_gets_the_device(measured, monkeypatch):
    quick = partial(VAEDecoder, n_epochs=1, n_steps=1)
    monkeypatch.setattr("latentomics.sensing.residual_decoder.VAEDecoder", quick)
    with plugged_in() as crossings:
        ResidualDecoder(device="cpu").fit(measured[0])
        assert not crossings
        ResidualDecoder(device=NAME).fit(measured[0])
        assert crossings["up"] > 1


def test_the_tables_name_every_estimator_once():
    names = {cls.__name__ for cls in estimator_classes()}
    known = BASELINE.keys() | NO_DEVICE.keys()
    says = "in crossings.json, or without a device in NO_DEVICE with the reason"
    assert names == known, f"{names ^ known} must stand {says}"
    assert not BASELINE.keys() & NO_DEVICE.keys()
    assert not any(
        has_device(c) for c in estimator_classes() if c.__name__ in NO_DEVICE
    )


@pytest.mark.parametrize("part", ["fit", "answer"])
@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize(
    ("was", "count", "message"),
    [
        (100, 100, ""),
        (100, 105, ""),
        (100, 106, "crosses 106 times {way}, more than 100"),
        (10, 11, "crosses 11 times {way}, more than 10"),
        (0, 1, "crosses 1 times {way}, more than 0"),
        (100, 80, ""),
        (100, 79, "crosses 79 times {way}; lower the baseline, 100"),
    ],
)
def test_more_is_refused_and_far_fewer_too(part, way, was, count, message):
    none = {"fit": {}, "answer": {}}
    found, known = {**none, part: {way: count}}, {**none, part: {way: was}}
    expected = message and f"{part} {message.format(way=way)}"
    assert verdict(found, known) == expected
