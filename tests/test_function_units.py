"""Functions of all parts: the same answer in units of any size, or one sentence."""

import re
from dataclasses import is_dataclass

import numpy as np
import pandas as pd
import pytest
from house_named import FUNCTIONS
from numpy.testing import assert_allclose

from latentomics.metrics import spearman_matrix, spike_scores
from latentomics.sensing import measurement, top_genes
from latentomics.studies.denoise import downstream, implicit_rank
from latentomics.studies.multitask import comparisons, weights
from latentomics.studies.multitask.experiments import Predictions
from latentomics.studies.multitask.label_noise import (
    informative_as_published,
    informative_calibrated,
)
from latentomics.studies.sensing import theory
from latentomics.studies.sensing.conformal import conformal_radius

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the best"),
]
SIZES = (1e-170, 1e-8, 1e8, 1e170)
REFUSED = r"must (hold|have) (a value of at least|values of at most|codes between)"
# Where a unit of both tables is none of the question
EXEMPT = {
    "denoise.prediction_table predictions": "the call adds 1 to a table",
    "denoise.pretrained_predictions F": "a network at the published rate",
    "denoise.threshold_table versions": "the same",
    "metrics.spike_scores L_hat": "eta is in units, and stays",
    "metrics.spike_scores S_true": "the same",
    "sensing.distance_distortion A": "rows of A have length 1, in no unit",
}
FLOAT = np.dtype("float64")
Y = np.random.default_rng(4).normal(size=(12, 3))
X = np.random.default_rng(3).normal(size=(12, 6)) + np.linspace(0, 9, 12)[:, None] % 3
SINGLE = {
    "coherence": theory.coherence,
    "noise_variance": lambda X: measurement.noise_variance(X, 2),
    "add_noise": lambda X: measurement.add_noise(X, 2),
    "top_genes": lambda X: top_genes(X, 3),
    "cluster_drugs": lambda X: weights.cluster_drugs(X, 3),
    "cluster_drugs, unit_norm": lambda X: weights.cluster_drugs(X, 3, unit_norm=True),
    "top_features": lambda X: weights.top_features(X, 3),
    "distinct_drugs": lambda X: comparisons.distinct_drugs(pd.DataFrame(X), 0.1),
    "effective_rank": lambda X: implicit_rank.effective_rank(np.abs(X)),
    "compare": lambda X: comparisons.compare(guessed(X), "one", "two", n_resamples=99),
    "within_groups": lambda X: comparisons.within_groups(guessed(X), list("aabb") * 3),
    "distance_distortion": lambda X: theory.distance_distortion(X, X[:3] / size(X)),
    "prediction_table": lambda X: downstream.prediction_table(
        {"drug_mean": X, "other": 1.1 * X}, {"truth": X[::-1]}, X > 0
    ),
    "spike_scores": lambda X: spike_scores(
        X, X[::-1], X[::-1], seen=X == X, block=X > 0, eta=size(X) / 9
    ),
    "nearest_lines": lambda X: downstream.nearest_lines(X, X == X[0])[0],
    "eta_squared": lambda X: implicit_rank.eta_squared(X, list("aabb") * 3),
    "conformal_radius": lambda X: conformal_radius(X, X[::-1], 0.5),
    "spearman": lambda X: spearman_matrix(X, X[::-1]),
    "informative": lambda X: informative_calibrated(X, X[::-1], n_permutations=19),
    "informative, published": lambda X: informative_as_published(
        X, X[::-1], n_resamples=5, n_permutations=19
    ),
    "informative, features": lambda X: informative_calibrated(X, Y, n_permutations=19),
    "singular_value_paths": lambda X: implicit_rank.singular_value_paths(
        X, X == X[0], init_scale=size(X) / 9, n_iter=20
    ),
    "predictions": lambda X: guessed(X).table("toy"),
}


def size(X):
    return np.abs(X).max()


def guessed(X):
    values = {"one": X[None] * 1.1, "two": X[::-1][None]}
    return Predictions(pd.DataFrame(X), "inductive", values)


def leaves(answer):
    """Return what an answer is made of, as a flat list of arrays."""
    if isinstance(answer, pd.DataFrame | pd.Series):
        answer = answer.reset_index()
        return [answer[name].to_numpy() for name in answer]
    if isinstance(answer, dict):
        return [leaf for part in answer.values() for leaf in leaves(part)]
    if is_dataclass(answer):
        return leaves(vars(answer))
    if isinstance(answer, tuple):
        return [leaf for part in answer for leaf in leaves(part)]
    return [np.asarray(answer)]


def same_in_units(one, two, unit):
    """Whether each number is that of the other answer, times a power of the unit."""
    for a, b in zip(leaves(one), leaves(two), strict=True):
        if a.dtype.kind != "f":
            assert (a == b).all()
            continue
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            near = [
                np.allclose(b / size, a, 1e-6, 1e-9 * np.nanmax(np.abs(a)), True)
                for size in np.power(unit, [0.0, 1.0, 2.0, -1.0])
                if 0 < size < np.inf
            ]
        columns = a.ndim == 2 and a.shape[1] == 4  # a tree: its heights have units
        if columns and not any(near):
            assert_allclose(b[:, 2] / unit, a[:, 2])
            a, b = np.delete(a, 2, 1), np.delete(b, 2, 1)
            near = [np.array_equal(a, b)]
        assert any(near)


@pytest.mark.parametrize("unit", SIZES)
@pytest.mark.parametrize("name", SINGLE)
def test_functions_of_one_table_know_no_size(name, unit):
    one = SINGLE[name](X)
    try:
        two = SINGLE[name](unit * X)
    except ValueError as error:
        said = str(error)
    else:
        same_in_units(one, two, unit)
        return
    assert re.search(REFUSED, said), said
    assert not 1e-9 < unit < 1e9


# Those of two tables of numbers that may be measured in any unit
PAIRS = [
    name
    for name, (_, *tables, _) in FUNCTIONS.items()
    if name not in EXEMPT
    and all(isinstance(t, pd.DataFrame) and set(t.dtypes) == {FLOAT} for t in tables)
]


@pytest.mark.parametrize("unit", SIZES)
@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_tables_know_no_size(name, unit):
    call, a, b, _ = FUNCTIONS[name]
    one = call(a, b)
    try:
        two = call(unit * a, unit * b)
    except ValueError as error:
        said = str(error)
    else:
        same_in_units(one, two, unit)
        return
    assert re.search(REFUSED, said), said
    assert not 1e-9 < unit < 1e9
