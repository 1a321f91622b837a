"""Bad matrices, as a user may hand them over, and the sentence that refuses each."""

import numpy as np
import pandas as pd

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
# What a regressor says of its X instead, which may hold no gap
WITHOUT_GAPS = "X must be finite, without NaN; got nan in row {}, column {}".format
FEATURE_CASES = {
    "a row of gaps": WITHOUT_GAPS(2, 0),
    "a column of gaps": WITHOUT_GAPS(0, 3),
    "only gaps": WITHOUT_GAPS(0, 0),
    "inf": "X must be finite, without NaN; got inf in row 1, column 2",
    "-inf in an array": "X must be finite, without NaN; got -inf in row 1, column 2",
    "a column that is masked": WITHOUT_GAPS(0, 1),
    "a number too large to square": WITHOUT_GAPS(4, 3),
}
# What it says of its Y: None where it is content
EMPTY_DRUG = "Y must have a measured line for every drug; got none in column "
RESPONSE_CASES = {
    "a row of gaps": None,
    "a column of gaps": EMPTY_DRUG + r"\['drug 3'\]",
    "only gaps": EMPTY_DRUG + r"\['drug 0', .*, 'drug 4'\]",
    "one dimension": r"Y must have a row for each of the 12 lines of X; got 5",
    "one column, as a series": None,
    "a column that is masked": EMPTY_DRUG + r"\[1\]",
    "nothing": r"requires y .* Y must hold the responses, lines x drugs",
}
