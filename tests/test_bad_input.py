"""Each bad input on each estimator, and on ``read_table`` where a file can hold it.

Every refusal is one sentence: which argument, what was allowed, what came.
"""

import re

import numpy as np
import pandas as pd
import pytest

from latentomics import denoise
from latentomics.data import read_table

NAMES = {"line": 12, "drug": 5}


def table():
    """A good one: 12 lines x 5 drugs with a gap, by name."""
    values = np.random.default_rng(1).normal(size=(12, 5))
    values[4, 3] = np.nan
    rows, columns = ([f"{what} {i}" for i in range(n)] for what, n in NAMES.items())
    return pd.DataFrame(values, index=rows, columns=columns)


def with_cell(row, column, value, X=None):
    X = table().astype(object) if X is None else X
    X.iloc[row, column] = value
    return X


def renamed(**given):
    return table().rename(**given)


# case -> what is bad, as a user may hand it over; what the sentence says
CASES = {
    "no row": (
        lambda: table().iloc[:0],
        r"X must have a row and a column; got 0 sample.* and 5 feature",
    ),
    "no column": (
        lambda: table().iloc[:, :0],
        r"X must have a row and a column; got 12 sample.* and 0 feature",
    ),
    "a row of gaps": (
        lambda: with_cell(2, slice(None), np.nan),
        r"X must have a measured entry in every row; got none in row \[2\]",
    ),
    "a column of gaps": (
        lambda: with_cell(slice(None), 3, np.nan),
        r"X must have a measured entry in every column; got none in column \[3\]",
    ),
    "only gaps": (
        lambda: table() * np.nan,
        r"must have a measured entry in every row; got none in row .*and 7 more",
    ),
    "inf": (
        lambda: with_cell(1, 2, np.inf, table()),
        r"X must be finite, or NaN for a gap; got inf in row 1, column 2",
    ),
    "-inf in an array": (
        lambda: with_cell(1, 2, -np.inf, table()).to_numpy(),
        r"X must be finite, or NaN for a gap; got -inf in row 1, column 2",
    ),
    "a row name twice": (
        lambda: renamed(index={"line 7": "line 1", "line 3": "line 1"}),
        r"X must have unique row names; got 'line 1' 3 times",
    ),
    "a column name twice": (
        lambda: renamed(columns={"drug 4": "drug 2"}),
        r"X must have unique column names; got 'drug 2' 2 times",
    ),
    "text": (
        lambda: with_cell(3, 2, "low"),
        r"X must hold numbers; got 'low' in row 'line 3', column 'drug 2'",
    ),
    "a column of text": (
        lambda: table().assign(tissue="skin"),
        r"X must hold numbers; got 'skin' in row 'line 0', column 'tissue'",
    ),
    "a number as text": (
        lambda: with_cell(3, 2, "0,5"),
        r"X must hold numbers; got '0,5' in row 'line 3', column 'drug 2'",
    ),
    "text in an array": (
        lambda: with_cell(3, 2, "low").to_numpy(),
        r"X must hold numbers; got 'low' in row 3, column 2",
    ),
    "an array of text": (
        lambda: table().to_numpy().astype(str),
        r"X must hold numbers; got '.*' in row 0, column 0",
    ),
    "one dimension": (
        lambda: table().to_numpy()[0],
        r"X must be a matrix, rows = samples; got shape \(5,\)",
    ),
    "one column, as a series": (
        lambda: table()["drug 1"],
        r"X must be a matrix, rows = samples; got shape \(12,\)",
    ),
    "three dimensions": (
        lambda: table().to_numpy()[None],
        r"X must be a matrix, rows = samples; got shape \(1, 12, 5\)",
    ),
    "rows of unequal lengths": (
        lambda: [[1.0, 2.0], [3.0]],
        r"X must be a matrix; got rows of unequal lengths",
    ),
    "a date": (
        lambda: table().assign(seen=pd.Timestamp("2024-05-01")),
        r"X must hold numbers; got Timestamp\('2024-05-01 .* column 'seen'",
    ),
    "an array of dates": (
        lambda: np.full((12, 5), np.datetime64("2024-05-01")),
        r"X must hold numbers; got datetime.date\(2024, 5, 1\) in row 0, column 0",
    ),
    "an array of times": (
        lambda: np.full((12, 5), np.timedelta64(3, "h")),
        r"X must hold numbers; got Timedelta\('0 days 03:00:00'\) in row 0, column 0",
    ),
    "a masked array of text": (
        lambda: np.ma.array(table().to_numpy().astype(str), mask=False),
        r"X must hold numbers; got '.*' in row 0, column 0",
    ),
    "a column that is masked": (
        lambda: np.ma.array(table().to_numpy(), mask=np.arange(5) == np.ones((12, 1))),
        r"X must have a measured entry in every column; got none in column \[1\]",
    ),
    "a number too large to square": (
        lambda: with_cell(3, 2, 1e155, table()),
        r"X must hold values of at most \de\+\d+ in float(64|32); got 1\.0e\+155",
    ),
    "nothing": (lambda: None, r"X must be a matrix, rows = samples; got None"),
    "a name": (
        lambda: "gdsc1_auc",
        r"X must be a matrix, rows = samples; got 'gdsc1_auc'",
    ),
}
FILE_CASES = {
    "no row": r"my.csv must hold at least one row and .*; got 0 rows and 5 columns",
    "no column": r"my.csv must hold at .* one column.*; got \d+ rows and 0 columns",
    "a row of gaps": r"my.csv must have a value in every row .* got none in row 'lin",
    "a column of gaps": r"my.csv must have a value in .* got none in column 'drug 3'",
    "only gaps": r"my.csv must have a value in every row .*; got none in row 'line 0",
    "inf": r"my.csv must hold finite numbers; got 'inf' in row 'line 1', column 'dru",
    "a row name twice": r"my.csv must have unique row names; got 'line 1' 3 times",
    "a column name twice": r"my.csv must have unique column names; got 'drug 2' 2 ti",
    "text": r"my.csv must hold finite numbers; got 'low' in row 'line 3', column 'd",
    "a column of text": r"my.csv must hold finite numbers; got 'skin' in row 'line 0",
    "a number as text": r"must hold .*; got '0,5' \(decimals take a point",
    "rows of unequal lengths": r"my.csv must have equally many cells in each line; g",
}
# parameter, or class and parameter -> bad values, and what the sentence says is allowed
POSITIVE = ([0, -1.5, np.nan, np.inf, "1", None, True], "a positive number")
WHOLE = ([0, -3, 2.5, np.nan, "9", None, True], "a whole number from 1 up")
FROM_0 = ([-1e-9, np.nan, np.inf, "0", None], "a number from 0 up")
CHOICE = (["other", 7, ["mad"]], r"one of \(")
BAD_VALUES = {
    "lam": POSITIVE,
    "gamma": POSITIVE,
    "eta": POSITIVE,
    "init_scale": POSITIVE,
    "learning_rate": POSITIVE,
    "eps": POSITIVE,
    "tau": POSITIVE,
    "fdr": POSITIVE,
    "weight_decay": FROM_0,
    "alpha": FROM_0,
    "tol": FROM_0,
    "validation_fraction": ([-0.1, np.nan, "0", None], "a number from 0 up"),
    "random_state": ([-1, 0.5, None, "0"], "a whole number from 0 up"),
    "max_iter": WHOLE,
    "patience": WHOLE,
    "look_every": WHOLE,
    "n_starts": WHOLE,
    "rank": WHOLE,
    "hidden": ([(), 100, None, "100"], "a tuple of widths"),
    ("DualBranchNMF", "hidden"): ([0, 2.5, (100,), None], "a whole number from 1 up"),
    "accelerate": (["no", None, 2], r"one of \("),
    "loss": CHOICE,
    "scale": CHOICE,
    "init": CHOICE,
    "optimizer": CHOICE,
    "scoring": CHOICE,
    "mode": CHOICE,
    "keep": CHOICE,
    "loadings": CHOICE,
    "eta_unit": CHOICE,
    "line_axis": ([2, -1, "rows", None], r"one of \(0, 1\)"),
    "device": (["gpu", "cuda:7", None], r"one of \('auto', 'cpu', 'cuda'\)"),
    "dtype": (["float16", "int64", None], r"one of \('float64', 'float32'\)"),
}
# What else must be set for a parameter to count
WITH = {("DeepMatrixFactorization", "eta"): {"loss": "huber"}}
# Checked by whom they are handed to: clone, ParameterGrid, and a call
HANDED_ON = {"estimator", "grid", "progress"}


MASKS = {
    "turned": (lambda seen: seen.T, r"shape \(12, 5\); got bool of shape \(5, 12\)"),
    "short": (lambda seen: seen[:-1], r"shape \(12, 5\); got bool of shape \(11, 5\)"),
    "flat": (lambda seen: seen[0], r"shape \(12, 5\); got bool of shape \(5,\)"),
    "numbers": (lambda seen: seen * 1, r"shape \(12, 5\); got int64 of shape \(12, 5"),
    "indices": (np.flatnonzero, r"shape \(12, 5\); got int64 of shape \(59,\)"),
}


def write(content, path):
    """Put a table, or lines of cells, into a file."""
    if isinstance(content, pd.DataFrame):
        return content.to_csv(path)
    return path.write_text("\n".join(",".join(map(str, line)) for line in content))


@pytest.fixture
def enter(door, make, tmp_path):
    """Take something through a door: fit it, or write it down and read it."""

    def read(bad):
        write(bad, tmp_path / "my.csv")
        return read_table(tmp_path / "my.csv")

    return read if door is read_table else lambda bad: make(door).fit(bad)


def test_a_bad_matrix_is_refused_in_one_sentence(door, case, enter):
    bad, says = CASES[case]
    says = {read_table: FILE_CASES.get(case)}.get(door, says)
    with pytest.raises(ValueError, match=says) as refusal:
        enter(bad())
    assert "\n" not in str(refusal.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_good_matrix_is_taken(estimator_class, make, tmp_path):
    write(table(), tmp_path / "my.csv")
    good = read_table(tmp_path / "my.csv")
    pd.testing.assert_frame_equal(good, table(), check_exact=True)
    make(estimator_class).fit(good)


@pytest.mark.parametrize("content", ["", "\n", "a,b\n"])
def test_a_file_without_numbers_is_refused(tmp_path, content):
    (tmp_path / "my.csv").write_text(content)
    with pytest.raises(ValueError, match=r"my.csv must .*; got "):
        read_table(tmp_path / "my.csv")


def test_every_bad_value_of_every_parameter_is_refused(knob, make):
    cls, name = knob
    needed = WITH.get((cls.__name__, name), {})
    values, allowed = BAD_VALUES.get(
        (cls.__name__, name), BAD_VALUES.get(name, ([], ""))
    )
    assert bool(values) != (name in HANDED_ON), "a parameter without a bad value"
    for value in values:
        model = make(cls, **{**needed, name: value})
        says = rf"^{name} must be {allowed}.*; got {re.escape(repr(value))}"
        with pytest.raises(ValueError, match=says):
            model.fit(table())


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_is_masked_in_an_array_is_a_gap(estimator_class, make):
    X = table().to_numpy(copy=True)
    X[4, 3] = 1e9  # hidden by the mask
    gap = np.zeros(X.shape, bool)
    gap[4, 3] = True
    masked = make(estimator_class).fit(np.ma.array(X, mask=gap))
    plain = make(estimator_class).fit(table())
    np.testing.assert_array_equal(masked.corrected_, plain.corrected_)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_too_large_for_the_dtype_is_refused(estimator_class, make, dtype):
    value = {"float32": 1e20, "float64": 1e155}[dtype]
    model = make(estimator_class)
    names = model.get_params()
    model.set_params(**{n: dtype for n in names if n.split("__")[-1] == "dtype"})
    says = rf"^X must hold values of at most .* in {dtype}; got 1\.0e\+\d+ in row 3, "
    with pytest.raises(ValueError, match=says) as refusal:
        model.fit(with_cell(3, 2, value, table()))
    assert "\n" not in str(refusal.value)


def test_numbers_above_their_range_are_refused(make):
    for cls, name in (("DualBranchNMF", "alpha"), ("ResidualThresholdedDMF", "fdr")):
        model = make(getattr(denoise, cls), **{name: 1.5})
        with pytest.raises(ValueError, match=rf"{name} must be .* 1; got 1\.5"):
            model.fit(table())
    with pytest.raises(ValueError, match="rank must be at most 5; got 6"):
        make(denoise.DualBranchNMF, rank=6).fit(table())


@pytest.mark.parametrize("kind", MASKS)
def test_a_bad_validation_mask_is_refused(estimator_class, make, kind):
    spoil, says = MASKS[kind]
    seen = table().notna().to_numpy()
    with pytest.raises(ValueError, match=r"^validation must be a boolean .*" + says):
        make(estimator_class).fit(table(), validation=spoil(seen))


@pytest.mark.parametrize(
    ("where", "line"), [(np.s_[3], r"row \[3\]"), (np.s_[:, 2], r"column \[2\]")]
)
def test_a_mask_that_leaves_nothing_of_a_line_is_refused(
    estimator_class, make, where, line
):
    held = np.zeros((12, 5), bool)
    held[where] = True
    says = rf"X must have an entry that validation leaves to fit .*; got none in {line}"
    with pytest.raises(ValueError, match=says):
        make(estimator_class).fit(table(), validation=held)
