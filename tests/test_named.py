"""Named tables: shuffled rows or columns give the same answer in names, or none."""

import inspect
import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from house import (
    CLASSIFIERS,
    NETWORKS,
    PROFILES,
    REGRESSORS,
    estimator_classes,
    family_of,
    same,
    same_fit,
)
from house_named import (
    A6,
    B6,
    EXEMPT,
    EXEMPT_ARGUMENTS,
    EXEMPT_FILES,
    FUNCTIONS,
    TRUE6,
    named,
)
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.metrics import r2_score

from latentomics import metrics
from latentomics.matrices import aligned, read_matrix
from latentomics.multitask.regressor import ModelPath
from latentomics.sensing.blind_factors import BlindFactors
from latentomics.sensing.blind_modules import BlindModules
from latentomics.sensing.scores import scores
from latentomics.studies.denoise import concordance, implicit_rank
from latentomics.studies.multitask import weights

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore::sklearn.exceptions.DataConversionWarning",
    "ignore:X does not have valid feature names",
)
TABLES = {  # kind of table -> how a matrix is handed over as one
    "nullable": lambda M: pd.DataFrame(M).astype("Float64"),
    "pyarrow": lambda M: pd.DataFrame(M).astype(pd.ArrowDtype(pa.float64())),
    "strided": lambda M: np.repeat(np.repeat(M, 2, 0), 2, 1)[::2, ::2],
    "turned round": lambda M: M[::-1, ::-1].copy()[::-1, ::-1],
    "object": lambda M: pd.DataFrame(M).astype(object).where(~np.isnan(M), pd.NA),
}


def as_kind(M, kind):
    return TABLES[kind](M) if M.ndim == 2 else M


@pytest.mark.parametrize("kind", TABLES)
def test_every_kind_of_table_gives_the_fit_of_arrays(
    estimator_class, make, given, kind
):
    data = given(estimator_class)
    tables_ = [as_kind(M, kind) for M in data]
    one, two = make(estimator_class), make(estimator_class)
    assert same_fit(one.fit(*tables_), two.fit(*data))
    answers = family_of(estimator_class).answers
    assert same(answers(one, *tables_), answers(two, *data))


def turned(table, axis=0):
    return table.take(np.arange(table.shape[axis])[::-1], axis=axis)


def renamed(table, axis=0):
    return table.set_axis(["another", *table.axes[axis][1:]], axis=axis)


PAIRED = [c for c in estimator_classes() if len(family_of(c).arguments) == 2]
SHARED = {REGRESSORS: ("y", 0), CLASSIFIERS: ("y", 0), NETWORKS: ("gene", 1)}


@pytest.mark.parametrize("cls", PAIRED)
def test_a_shuffled_second_table_gives_the_same_fit(cls, make, given):
    columns, axis = SHARED[family_of(cls)]
    first, second = named(given(cls)[0]), named(given(cls)[1], columns)
    fit = make(cls).fit(first, turned(second, axis))
    assert same_fit(fit, make(cls).fit(first, second))
    with pytest.raises(ValueError, match=r"same (row|column) names as X.* 'another'"):
        make(cls).fit(first, renamed(second, axis))


@pytest.mark.parametrize("cls", estimator_classes(REGRESSORS))
def test_a_shuffled_second_table_gives_the_same_path(cls, make, given):
    X, Y = named(given(cls)[0]), named(given(cls)[1], "y")
    one, two = (make(cls).fit_path(X, M) for M in (turned(Y), Y))
    assert_array_equal(one.predict(given(cls)[0]), two.predict(given(cls)[0]))


@pytest.mark.parametrize("cls", estimator_classes(REGRESSORS))
def test_a_path_takes_features_by_name(cls, make, given):
    X, Y = named(given(cls)[0]), named(given(cls)[1], "y")
    path = make(cls).fit_path(X, Y)
    known = path.predict(X.to_numpy())
    assert_array_equal(path.predict(X), known)
    if isinstance(path, ModelPath):  # as scikit-learn has it
        return
    assert_array_equal(path.predict(turned(X, 1)), known)
    with pytest.raises(ValueError, match="X must .* as X of the fit.* 'another'"):
        path.predict(renamed(X, 1))
    with pytest.raises(ValueError, match="X must have a column .* fit; got 19"):
        path.predict(X.to_numpy()[:, 1:])


@pytest.mark.parametrize("cls", estimator_classes(REGRESSORS))
def test_a_regressor_is_scored_by_name(cls, make, given):
    X, Y = named(given(cls)[0]), named(np.nan_to_num(given(cls)[1]), "y")
    weights = pd.Series(np.arange(30.0) + 1, X.index)
    model = make(cls).fit(X, Y)
    known = model.score(X, Y)
    assert known == pytest.approx(r2_score(Y, model.predict(X)))
    assert known == model.score(X.to_numpy(), Y.to_numpy())
    assert known < 1
    for axis in (0, 1):
        assert model.score(X, turned(Y, axis)) == known
        with pytest.raises(ValueError, match="Y must have the same .* 'another'"):
            model.score(X, renamed(Y, axis))
    weighted = r2_score(Y, model.predict(X), sample_weight=weights)
    assert weighted != pytest.approx(known)
    assert model.score(X, Y, turned(weights)) == pytest.approx(weighted)
    for wrong, says in ((Y.iloc[1:], "row"), (Y.to_numpy()[:, 1:], "a column for")):
        with pytest.raises(ValueError, match=f"Y must have .*{says}"):
            model.score(X, wrong)
    gaps = Y.replace(0, np.nan)
    known = model.score(X, gaps, weights)
    for axis in (0, 1):
        found = model.score(X, turned(gaps, axis), turned(weights))
        assert found == pytest.approx(known)


@pytest.mark.parametrize("cls", estimator_classes(REGRESSORS))
def test_one_task_is_scored_as_many_are(cls, make, given):
    X, Y = named(given(cls)[0]), named(np.nan_to_num(given(cls)[1]), "y")
    model = make(cls).fit(X, Y["y 0"])
    known = pytest.approx(r2_score(Y["y 0"], model.predict(X)))
    assert model.score(X, turned(Y["y 0"])) == known
    assert model.score(X, turned(Y["y 0"].rename("another"))) == known


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("cls", estimator_classes(CLASSIFIERS))
def test_a_classifier_is_scored_by_name(cls, make, given):
    X, y = named(given(cls)[0]), named(given(cls)[1])
    weights = pd.Series(np.arange(30.0) + 1, X.index)
    model = make(cls).fit(X, y)
    y = pd.Series(model.predict(X), X.index).where(np.arange(30) > 2, 1)
    y, known = y.where(np.arange(30) < 25, -1), np.arange(30) < 25
    right = (y == model.predict(X))[known]
    assert 0.5 < right.mean() < 1
    gaps = y.astype("Int64").where(y >= 0)
    for given_y in (y, turned(y), y.to_numpy(), turned(gaps)):
        assert model.score(X, given_y) == right.mean()
    weighted = (right * weights[known]).sum() / weights[known].sum()
    assert model.score(X, y, turned(weights)) == pytest.approx(weighted)
    with pytest.raises(ValueError, match="y must have the same .* 'another'"):
        model.score(X, renamed(y))


DECODERS = [c for c in estimator_classes(PROFILES) if hasattr(c, "decode")]
DECODERS += [BlindFactors, BlindModules]


@pytest.mark.parametrize("cls", DECODERS)
def test_genes_and_measurements_are_decoded_by_name(cls, make, measured):
    X, A = (named(M) for M in measured)
    Y = pd.DataFrame(X.to_numpy() @ A.T.to_numpy(), X.index, A.index)
    blind = {BlindFactors: [(Y, A)], BlindModules: [(Y, A)]}
    model = make(cls).fit(blind.get(cls, X))
    calls = [model.decode, getattr(model, "encode", model.decode)]
    for call in calls:
        known = call(Y, A, 0.01)
        assert_array_equal(call(Y, turned(A, 1), 0.01), known)
        assert_array_equal(call(turned(Y, 1), A, 0.01), known)
        with pytest.raises(ValueError, match="A must have the same .* 'another'"):
            call(Y, renamed(A, 1), 0.01)
        with pytest.raises(ValueError, match="Y must have the same .* 'another'"):
            call(renamed(Y, 1), A, 0.01)


@pytest.mark.parametrize("cls", [BlindFactors, BlindModules])
def test_batches_share_genes_by_name(cls, make, measured):
    X, A = (named(M) for M in measured)
    Y = X.to_numpy() @ A.T.to_numpy()
    one, two = (make(cls).fit([(Y, A), (Y, M)]) for M in (turned(A, 1), A))
    assert same_fit(one, two)
    with pytest.raises(ValueError, match="A must .* as an earlier A.* 'another'"):
        make(cls).fit([(Y, A), (Y, renamed(A, 1))])


@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
def test_a_shuffled_mask_marks_the_same_entries(denoiser_class, make, gappy, axis):
    X = named(gappy[1])
    mask = pd.DataFrame(False, X.index, X.columns)
    mask.iloc[[3, 5], [2, 7]] = True
    both = mask, turned(mask, axis)
    one, two = (make(denoiser_class).fit(X, validation=m) for m in both)
    assert same_fit(one, two)


NAMED_TABLES = {  # kind of table -> how one of NumPy's types becomes one
    "nullable": lambda table: table.convert_dtypes(),
    "pyarrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "column by column": lambda table: (
        pd.DataFrame({n: table[n].to_numpy(copy=True) for n in table}, table.index)
        if table.ndim == 2
        else table
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", NAMED_TABLES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_kind_of_table_gives_the_same_answer(name, kind):
    call, one, two, _ = FUNCTIONS[name]
    found = [NAMED_TABLES[kind](M) if hasattr(M, "iloc") else M for M in (one, two)]
    assert same(call(*found), call(one, two))


# the name that is new, or the one that is gone
NO_NAME = "'another'|must have a (row|column) '|32 trinucleotides; ... is missing"


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_shuffled_second_table_gives_the_same_answer(name):
    call, one, two, axes = FUNCTIONS[name]
    for axis in axes:
        assert same(call(one, turned(two, axis)), call(one, two))
        with pytest.raises(ValueError, match=NO_NAME):
            call(one, renamed(two, axis))


ROOT = Path(__file__).parents[1]
PARTS = ("denoise", "multitask", "signatures", "sensing")
ROOMS = (*PARTS, "data", "studies", "metrics", "linalg", "solvers")
TABLE = re.compile(r"array|frame|series|table|matri|tensor|mask|sequence|list|index")
# of no type in a docstring
NO_TABLES = set(
    "self y grid progress tol max_iter step device seed dtype rng n_runs n n_nonzero "
    "dataset sizes learning_rate".split()
)
LOWER = tuple(f"latentomics.{name}." for name in EXEMPT_FILES)
BY_ESTIMATOR = {  # tests above
    *("fit", "fit_path", "fit_transform", "score"),
    *("decode", "encode", "partial_fit"),
}


def tables(function):
    """Return the arguments of a function that may be tables, optional ones too."""
    lines = re.findall(r"^ *([\w, ]+) : (.+)$", inspect.getdoc(function) or "", re.M)
    types = {n.strip(): t.lower() for names, t in lines for n in names.split(",")}
    return [
        name
        for name, p in inspect.signature(function).parameters.items()
        if p.default in (p.empty, None)
        and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        and name not in NO_TABLES
        and TABLE.search(types.get(name, "table"))
    ]


def files():
    """Return the modules of the front doors, and those that the notebooks import."""
    pages = sorted((ROOT / "notebooks").glob("*.md"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    found = {f"{room}" for room in ROOMS}
    found |= set(re.findall(r"from latentomics\.([\w.]+) import", text))
    for room in [*PARTS, *(f"studies.{part}" for part in PARTS)]:
        line = rf"from latentomics\.{room} import ([^\n(]+|\([^)]*\))"
        words = re.findall(r"\w+", " ".join(re.findall(line, text)))
        folder = ROOT / "pkg/latentomics" / room.replace(".", "/")
        there = {path.stem for path in folder.glob("*.py")}
        found |= {f"{room}.{word}" for word in there & set(words)}
    return sorted(name for name in found if name.split(".")[0] in ROOMS)


def public():
    """Return every public function and method in these, by name."""
    found = {}
    for module in map(import_module, (f"latentomics.{name}" for name in files())):
        own = [n for n, v in vars(module).items() if n[0] != "_" and here(v, module)]
        for name in getattr(module, "__all__", own):
            value = getattr(module, name)
            name = f"{part_of(module)}.{name}"
            found[name] = value
            found |= {f"{name}.{n}": f for n, f in methods(value).items()}
    return {name: f for name, f in found.items() if inspect.isfunction(f)}


def part_of(module):
    """Return "denoise" of both latentomics.denoise and its studies."""
    return module.__name__.removeprefix("latentomics.studies").split(".")[1]


def here(value, module):
    return callable(value) and getattr(value, "__module__", "") == module.__name__


def methods(value):
    """Return the public methods of a class, inherited ones too; else none."""
    own = dir(value) if inspect.isclass(value) else ()
    return {n: getattr(value, n) for n in own if not n.startswith("_")}


def test_every_public_function_of_two_tables_is_tried_with_shuffled_names():
    tried = Counter(key.split()[0] for key in [*FUNCTIONS, *EXEMPT_ARGUMENTS])
    missing = {
        name
        for name, f in public().items()
        if len(tables(f)) - 1 > tried[name]
        and name not in EXEMPT
        and name.split(".")[-1] not in BY_ESTIMATOR
        and not f"{f.__module__}.".startswith(LOWER)
    }
    assert not missing
    assert EXEMPT.keys() <= public().keys()  # none for a function that is gone


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


def test_one_name_is_no_list_of_names():
    with pytest.raises(ValueError, match="genes must be a list of names; got 'TP53'"):
        weights.unique_genes(TRUE6.to_numpy(), "TP53")
    studies = {"one": A6, "two": B6}
    with pytest.raises(ValueError, match="lines must be a list of names; got 'samp"):
        concordance.compare(studies, {}, pd.DataFrame(), "sample 0")


@pytest.mark.parametrize("place", [0, 1])
def test_a_sparse_argument_is_refused_in_either_place(place):
    given = [np.eye(3), np.eye(3)]
    given[place] = sparse.csr_array(np.eye(3))
    for call in (scores, metrics.spearman_matrix, implicit_rank.eta_squared):
        with pytest.raises(ValueError, match="must be dense; got a sparse csr_array"):
            call(*given)
