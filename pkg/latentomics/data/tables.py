"""A reader's own table: any common format in, a checked DataFrame of numbers out."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from latentomics.data.cells import read_cells
from latentomics.data.names import check_names

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>")
# Entrez_Gene_Id, GeneID, ensembl, "sample id"; but not the genes BID and ID1
ID = re.compile(r"(?i:entrez|ensembl|\bgeneid$)|(?i:(?:^|[\W_])id$)|[a-z]I[dD]$")


def read_table(path, *, row_names=True, transpose=False, sheet=None):
    """Read a matrix of numbers from a file, rows = samples.

    Parameters
    ----------
    path : str or path
        A .csv (commas), .tsv, .txt or .all (tabs), these also as .gz; .parquet, .xlsx
        or .h5ad, of which X is read. Text is UTF-8 with decimal points. The first line
        holds the column names. Missing values are empty cells, NA, N/A, #N/A, NaN,
        NULL or None.
    row_names : bool, default=True
        Whether the first column names the rows; otherwise they are numbered from 0.
        A .parquet file that stores an index and an .h5ad file have row names anyway.
    transpose : bool, default=False
        Set it if the file has features in rows and samples in columns.
    sheet : str, optional
        Which sheet of an .xlsx file; needed if it has several.

    Returns
    -------
    DataFrame of float64
        Rows are samples, columns are features, both with unique text names, spaces
        around names taken off; NaN = missing. `attrs["file"]` is the file's name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read as such a matrix. The message says where: it may
        have another format or encoding, be empty, begin with comments, have lines of
        unequal length, names that are repeated, missing or dates, text, an infinite
        value or a failed formula in place of a number, a row or a column without any
        value, or a second column of ids: whole numbers under a name such as
        Entrez_Gene_Id, which are not measurements.
    """
    name = file_name(path)
    table = numbers(read_cells(path, row_names=row_names, sheet=sheet), name)
    table.attrs = {"file": name}
    return table.T if transpose else table


def file_name(path):
    """Return the name of a file for messages; anything else is left as it is."""
    return Path(path).name if hasattr(path, "__fspath__") or path is str(path) else ""


def numbers(cells, name):
    """Return a table of cells with checked names and as float64.

    Raises
    ------
    ValueError
        As :func:`read_table`, as far as names and values go.
    """
    if cells.empty:
        raise ValueError(
            f"{name} must hold at least one row and one column of numbers; "
            f"got {cells.shape[0]} rows and {cells.shape[1]} columns"
        )
    rows = check_names(cells.index, name, "row")
    columns = check_names(cells.columns, name, "column")
    values, wrong = _values(cells)
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise ValueError(
            f"{name} must hold finite numbers; got {_told(cells.iat[i, j])} "
            f"in row {rows[i]!r}, column {columns[j]!r}"
        )
    table = pd.DataFrame(values, rows, columns)
    _no_empty_lines(table, name)
    _no_ids(table, name)
    return table


def _values(frame):
    """Return the numbers of a frame and a mask of the cells that are none."""
    if all(map(_is_number_type, frame.dtypes)):
        values = frame.to_numpy(dtype="float64", na_value=np.nan)
        return values, np.isinf(values)
    # as text, truth values and dates cannot turn into numbers unnoticed
    texts = np.array([*map(str, frame.to_numpy(dtype=object).ravel())], dtype=object)
    values = pd.to_numeric(texts, errors="coerce")
    odd = np.flatnonzero(~np.isfinite(values))
    wrong = np.zeros(frame.size, dtype=bool)
    wrong[odd] = [text.strip() not in MISSING for text in texts[odd]]
    return values.reshape(frame.shape).astype("float64"), wrong.reshape(frame.shape)


def _is_number_type(dtype):
    types = pd.api.types
    other = types.is_bool_dtype(dtype) or types.is_complex_dtype(dtype)
    return types.is_numeric_dtype(dtype) and not other


def _told(cell):
    """Show a cell that is no number, with the likely cause."""
    if isinstance(cell, str) and cell.count(",") == 1:
        return f"{cell!r} (decimals take a point, not a comma)"
    return repr(cell) if isinstance(cell, str) else str(cell)


def _no_empty_lines(table, name):
    for axis, labels in ((1, table.index), (0, table.columns)):
        empty = labels[table.isna().all(axis=axis)]
        if len(empty):
            raise ValueError(
                f"{name} must have a value in every row and column; got none in "
                f"{'row' if axis else 'column'} {empty[0]!r}"
            )


def _no_ids(table, name):
    """Refuse a line of ids, which would pass for a sample or a feature."""
    for axis, lines in (("row", table.T), ("column", table)):
        for label in filter(ID.search, lines.columns):
            found = lines[label].dropna()
            if (found % 1 == 0).all():
                raise ValueError(
                    f"{name} must hold measurements beside one line of names; got what "
                    f"look like ids, {found.iloc[0]:.0f} first, in {axis} {label!r}: "
                    "delete it, or rename it if it was measured"
                )
