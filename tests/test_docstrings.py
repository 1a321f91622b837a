"""Docstrings state each parameter, default, attribute and shape as the code has it."""

import inspect
import re
from ast import literal_eval
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from house import NEEDS

from latentomics.solvers import Trace

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PAGES = "\n".join(
    page.read_text(encoding="utf-8")
    for page in sorted((Path(__file__).parents[1] / "notebooks").glob("*.md"))
)
# What else a fit must be given to set all that it can: parameters, arguments of fit
ENRICHED = ({"keep": "enriched"}, {"groups": ["skin", "blood"] * 15})
FORMS = {
    "KeepSpikes": [ENRICHED],
    "ResidualThresholdedDMF": [ENRICHED],
    "DictionaryDecoder": [({"how": "gaussian"}, {}), ({"n_nonzero": None}, {})],
    "MLPDecoder": [({"loss": "pearson"}, {})],
}


def section(cls, title):
    """Name -> (type, text) of one section of a docstring.

    "As in :class:`Other`" is looked up there.
    """
    text = inspect.getdoc(cls)
    body = re.split(rf"\n{title}\n-+\n", text)[1]
    body = re.split(r"\n\n?[A-Z]\w+\n---", body)[0]
    entries = {}
    for head, rest in re.findall(r"^(\S.*)\n?((?:\n? {4}.*)*)", body, re.M):
        names, _, kind = head.partition(" : ")
        for place, name in enumerate(names.split(", ")):
            entries[name] = (kind, rest, place, len(names.split(", ")))
    return {name: resolved(cls, title, name, entry) for name, entry in entries.items()}


def resolved(cls, title, name, entry):
    elsewhere = re.match(r"\s*As in :class:`(\w+)`", entry[1])
    if not elsewhere:
        return entry
    chapter = import_module(cls.__module__.rpartition(".")[0])
    return section(getattr(chapter, elsewhere[1]), title)[name]


def stated_default(entry):
    """The default that a docstring states, or inspect's empty where it states none."""
    kind, _, place, of = entry
    if kind.endswith(", optional"):
        return None
    _, states, value = kind.partition("default=")
    if not states:
        return inspect.Parameter.empty
    return literal_eval(value) if of == 1 else literal_eval(f"({value})")[place]


def test_the_docstring_states_each_parameter_with_its_default(knob):
    cls, name = knob
    documented = section(cls, "Parameters")
    assert name in documented
    signature = inspect.signature(cls).parameters
    assert set(documented) == set(signature)
    default = signature[name].default
    stated = stated_default(documented[name])
    assert stated == default
    assert type(stated) is type(default)
    assert documented[name][0], f"{name} has no type"


def test_the_docstring_states_what_a_fit_sets(estimator_class, make, given):
    forms = [({}, {}), *FORMS.get(estimator_class.__name__, [])]
    data = given(estimator_class)
    fits = [make(estimator_class, **p).fit(*data, **more) for p, more in forms]
    learned = {k: v for fit in fits for k, v in vars(fit).items() if k.endswith("_")}
    model = SimpleNamespace(**learned)
    documented = section(estimator_class, "Attributes")
    for name in documented.keys() - learned.keys():  # not every model has weights
        missing = documented[name][1].strip().startswith("Not set:")
        assert missing or isinstance(getattr(estimator_class, name), property)
        del documented[name]
    assert set(documented) == set(learned) - {"n_features_in_"}  # scikit-learn's own
    n_looks = len(getattr(model, "trace_", Trace()).iteration)
    sizes = {"n_samples": 30, "n_features": 20, "n_tasks": 6, "n_looks": n_looks}
    sizes |= {"n_components": NEEDS["KBMTL"]["n_components"], "n_points": 2}
    sizes |= {"n_measurements": 3, "n_directions": 3, "n_profiles": 30}
    sizes |= {"n_runs": NEEDS["SupervisedNMF"]["n_runs"], "n_classes": 3}
    shapes = {
        name: tuple(sizes.get(size, size) for size in re.findall(r"\w+", found[1]))
        for name, (kind, *_) in documented.items()
        if (found := re.search(r"of shape \((.*?)\)", kind))
    }
    actual = {name: getattr(model, name).shape for name in shapes}
    assert actual == shapes
    arrays = {n for n in documented if isinstance(getattr(model, n), np.ndarray)}
    assert arrays == set(shapes), "an array without a shape"


def test_the_docstring_gives_a_reference_or_the_formula(estimator_class):
    text = inspect.getdoc(estimator_class)
    assert ".. math::" in text
    labels = re.findall(r"``(eq-[\w-]+)``", text)
    assert labels, "no label of the book"
    for label in labels:
        assert f"({label})" in PAGES, f"{label} is no equation of notebooks/*.md"
