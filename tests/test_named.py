"""Named tables: shuffled rows or columns give the same answer in names, or none."""

import inspect
from importlib import import_module

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from house import (
    CLASSIFIERS,
    DENOISERS,
    NETWORKS,
    PROFILES,
    REGRESSORS,
    family_of,
    same,
    same_fit,
)
from numpy.testing import assert_array_equal
from scipy import sparse

from latentomics import metrics, sensing, signatures
from latentomics.matrices import aligned, read_matrix
from latentomics.sensing import conformal, scores, theory

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
)
TABLES = {  # kind of table -> how a matrix is handed over as one
    "nullable": lambda M: pd.DataFrame(M).astype("Float64"),
    "pyarrow": lambda M: pd.DataFrame(M).astype(pd.ArrowDtype(pa.float64())),
    "strided": lambda M: np.repeat(np.repeat(M, 2, 0), 2, 1)[::2, ::2],
    "turned round": lambda M: M[::-1, ::-1].copy()[::-1, ::-1],
    "object": lambda M: pd.DataFrame(M).astype(object).where(~np.isnan(M), pd.NA),
}


@pytest.fixture
def data(estimator_class, gappy, responses, catalogues, measured):
    given = {DENOISERS: (gappy[1],), REGRESSORS: responses, CLASSIFIERS: catalogues}
    given |= {PROFILES: measured[:1], NETWORKS: measured}
    return given[family_of(estimator_class)]


def named(M, columns="gene"):
    frame = pd.DataFrame(M).rename("sample {}".format)
    return frame.rename(columns=f"{columns} {{}}".format) if M.ndim == 2 else frame[0]


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_of_table_gives_the_fit_of_arrays(estimator_class, make, data, kind):
    given = [TABLES[kind](M) if M.ndim == 2 else M for M in data]
    one, two = make(estimator_class), make(estimator_class)
    assert same_fit(one.fit(*given), two.fit(*data))
    answers = family_of(estimator_class).answers
    assert same(answers(one, *data), answers(two, *data))


def test_a_shuffled_second_table_gives_the_same_fit(estimator_class, make, data):
    if len(data) == 1:
        pytest.skip("one table")
    second = named(data[1], "gene" if family_of(estimator_class) is NETWORKS else "y")
    shuffled = second[::-1]
    if family_of(estimator_class) is NETWORKS:
        shuffled = second.iloc[:, ::-1]  # it shares the genes, and no rows
    first = named(data[0])
    fit = make(estimator_class).fit(first, shuffled)
    assert same_fit(fit, make(estimator_class).fit(first, second))
    other = shuffled.rename({"sample 0": "another"})
    if family_of(estimator_class) is NETWORKS:
        other = shuffled.rename(columns={"gene 0": "another"})
    with pytest.raises(ValueError, match=r"same (row|column) names as X.* 'another'"):
        make(estimator_class).fit(first, other)


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_a_shuffled_mask_marks_the_same_entries(denoiser_class, make, gappy, axis):
    X = named(gappy[1])
    mask = pd.DataFrame(False, X.index, X.columns)
    mask.iloc[[3, 5], [2, 7]] = True
    shuffled = mask[::-1] if axis == 0 else mask.iloc[:, ::-1]
    one, two = (make(denoiser_class).fit(X, validation=m) for m in (mask, shuffled))
    assert same_fit(one, two)


RNG = np.random.default_rng(0)
A6, B6 = (named(RNG.normal(size=(8, 6))) for _ in range(2))
C6 = named(RNG.poisson(9, (8, 6)) + 1)
TRUE6 = A6 > 0
LABELS = pd.Series(list("aabbaabb"), A6.index)
# function -> the call, the two tables, and the axes that they share
FUNCTIONS = {
    "metrics.spearman_matrix": (
        lambda a, b: vars(metrics.spearman_matrix(a, b)),
        A6,
        B6,
        [0],
    ),
    "metrics.clustering_accuracy": (
        metrics.clustering_accuracy,
        LABELS,
        LABELS[::-1].set_axis(A6.index),
        [0],
    ),
    "metrics.enrichment": (
        lambda a, b: vars(metrics.enrichment(a, b)),
        TRUE6,
        B6 > 0,
        [1],
    ),
    "metrics.spike_scores": (
        lambda a, b: metrics.spike_scores(
            a, b, B6, seen=TRUE6 | True, block=TRUE6, eta=0.1
        ),
        A6,
        B6,
        [0, 1],
    ),
    "signatures.refit_exposures": (signatures.refit_exposures, C6, C6[:3], [1]),
    "signatures.unexplained": (signatures.unexplained, C6, C6[:3], [1]),
    "signatures.bootstrap_exposures": (
        lambda a, b: signatures.bootstrap_exposures(a, b, n_resamples=3),
        C6,
        C6[:3],
        [1],
    ),
    "sensing.pursuit": (lambda a, b: sensing.pursuit(a, b, 2), A6, B6, [1]),
    "sensing.conformal_radius": (
        lambda a, b: conformal.conformal_radius(a, b, 0.5),
        A6,
        B6,
        [0, 1],
    ),
    "sensing.scores": (scores.scores, A6, B6, [0, 1]),
    "sensing.distance_distortion": (theory.distance_distortion, A6, B6[:3], [1]),
}
ALONE = {"select", "membership", "drug_matches", "shared_drugs", "hypergeometric_tail"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_shuffled_second_table_gives_the_same_answer(name):
    call, one, two, axes = FUNCTIONS[name]
    for axis in axes:
        shuffled = two.iloc[::-1] if axis == 0 else two.iloc[:, ::-1]
        assert same(call(one, shuffled), call(one, two))
        other = two.rename({"sample 0": "another"})
        if axis:
            other = two.rename(columns={"gene 0": "another"})
        with pytest.raises(ValueError, match="same (row|column) names .* 'another'"):
            call(one, other)


def test_no_public_function_of_two_tables_is_missing():
    rooms = [
        import_module(f"latentomics.{r}") for r in ("metrics", "signatures", "sensing")
    ]
    found = {
        n
        for room in rooms
        for n in room.__all__
        if inspect.isfunction(getattr(room, n))
    }
    two = {
        n for room in rooms for n in room.__all__ if n in found
        and sum(
            p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
            for p in inspect.signature(getattr(room, n)).parameters.values()
        ) >= 2
    }  # fmt: skip
    assert two - ALONE <= {name.split(".")[1] for name in FUNCTIONS}


def test_names_counted_from_0_are_none_unless_the_other_has_them():
    plain = pd.Series([1, 2, 3])
    words, turned = pd.Index(list("abc")), pd.Index([2, 0, 1])
    assert aligned(plain, words, name="y", by="X").tolist() == [1, 2, 3]
    assert aligned(plain, turned, name="y", by="X").tolist() == [3, 1, 2]
    with pytest.raises(ValueError, match="y must have .* none called 7 and 0, which"):
        aligned(plain, pd.Index([2, 7, 1]), name="y", by="X")
    with pytest.raises(ValueError, match="y must have unique row names; got 'a' 2"):
        aligned(plain.set_axis(list("aab")), words, name="y", by="X")


@pytest.mark.parametrize("name", ["X", "Y", "signatures"])
def test_a_sparse_array_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be dense; got a sparse csr_arr"):
        read_matrix(sparse.csr_array(np.eye(3)), name)


def test_a_read_matrix_is_row_by_row():
    values = read_matrix(np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert values.flags.c_contiguous
    assert_array_equal(values, [[0, 1, 2], [3, 4, 5]])
