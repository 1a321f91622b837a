"""A reader's own table: any common format in, a checked DataFrame of numbers out."""

from pathlib import Path

import numpy as np
import pandas as pd

from latentomics.data.grids import FORMATS, damaged, read_grid
from latentomics.data.optional import need

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>")


def read_table(path, *, row_names=True, transpose=False, sheet=None):
    """Read a matrix of numbers from a file, rows = samples.

    Parameters
    ----------
    path : str or path
        A .csv (commas), .tsv or .txt (tabs), these also as .gz; .parquet, .xlsx or
        .h5ad. Text is UTF-8 with decimal points. The first line holds the column
        names. Missing values are empty cells, NA, N/A, NaN, NULL or None.
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
        have another format or encoding, be empty, have lines of unequal length,
        repeated or missing names, text or an infinite value in place of a number,
        or a row or a column without any value.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be a file; found none at {path}")
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    zipped = path.name.lower().endswith(".gz")
    if kind not in FORMATS or (zipped and not FORMATS[kind]):
        raise ValueError(
            f"{path.name} must end in .csv, .tsv or .txt (also with .gz), .parquet, "
            f".xlsx or .h5ad; got {path.suffix or 'no extension'}"
        )
    if sheet is not None and kind != "xlsx":
        raise ValueError(f"sheet is for .xlsx files; got {sheet!r} for {path.name}")
    if kind in ("parquet", "h5ad"):
        frame = _stored_frame(path, kind, row_names)
    else:
        frame = _named(read_grid(path, kind, sheet), path.name, row_names)
    table = _numbers(frame, path.name)
    _no_empty_lines(table, path.name)
    table.attrs = {"file": path.name}
    return table.T if transpose else table


def _stored_frame(path, kind, row_names):
    """Read a format that has its own notion of names."""
    read = need("anndata").read_h5ad if kind == "h5ad" else pd.read_parquet
    need("pyarrow" if kind == "parquet" else "h5py")
    try:
        stored = read(path)
    except Exception as error:  # each library has its own zoo of errors
        raise ValueError(damaged(path, f".{kind}", error)) from error
    if kind == "h5ad":
        return stored.to_df()
    if row_names and isinstance(stored.index, pd.RangeIndex) and len(stored.columns):
        _no_numbers_for_names(stored.iloc[:, 0], path.name, "the first column")
        return stored.set_index(stored.columns[0])
    return stored


def _no_numbers_for_names(labels, name, where):
    """Refuse to take a line of data for names, which would lose it unnoticed.

    Whole numbers may well be names, such as ids; fractions are not.
    """
    numbers = pd.to_numeric(pd.Series(labels, dtype=object), errors="coerce")
    if len(numbers) and numbers.notna().all() and (numbers % 1 != 0).any():
        raise ValueError(
            f"{name} must have names in {where}, but they are all numbers; got "
            f"{str(labels.iloc[0] if hasattr(labels, 'iloc') else labels[0])!r} first "
            "(row_names=False says that there are no row names)"
        )


def _named(grid, name, row_names):
    """Split a grid of cells into names and values."""
    header, *lines = grid
    if row_names and lines and all(len(line) == len(header) + 1 for line in lines):
        header = ["", *header]  # as R writes it: no name over the row names
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise ValueError(
                f"{name} must have equally many cells in each line; got {len(line)} "
                f"in line {number} and {len(header)} in the header"
            )
    cells = np.array(lines, dtype=object).reshape(len(lines), len(header))
    if row_names:
        _no_numbers_for_names(header[1:], name, "the first line")
        _no_numbers_for_names(cells[:, 0], name, "the first column")
        return pd.DataFrame(cells[:, 1:], cells[:, 0], header[1:], dtype=object)
    _no_numbers_for_names(header, name, "the first line")
    return pd.DataFrame(cells, columns=header, dtype=object)


def _numbers(frame, name):
    """Return `frame` with checked names and as float64."""
    if frame.empty:
        raise ValueError(
            f"{name} must hold at least one row and one column of numbers; "
            f"got {frame.shape[0]} rows and {frame.shape[1]} columns"
        )
    rows = _names(frame.index, name, "row")
    columns = _names(frame.columns, name, "column")
    values, wrong = _values(frame)
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise ValueError(
            f"{name} must hold finite numbers; got {_told(frame.iat[i, j])} "
            f"in row {rows[i]!r}, column {columns[j]!r}"
        )
    return pd.DataFrame(values, rows, columns)


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
    return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)


def _told(cell):
    """Show a cell that is no number, with the likely cause."""
    if isinstance(cell, str) and cell.count(",") == 1:
        return f"{cell!r} (decimals take a point, not a comma)"
    return repr(cell) if isinstance(cell, str) else str(cell)


def _names(labels, name, axis):
    """Return names as stripped text, none missing, none twice."""
    labels = pd.Index(["" if pd.isna(x) else str(x).strip() for x in labels])
    blank = np.flatnonzero(labels == "")
    if len(blank):
        raise ValueError(
            f"{name} must name every {axis}; got none for {axis} {blank[0] + 1}"
        )
    twice = labels[labels.duplicated()]
    if len(twice):
        raise ValueError(
            f"{name} must have unique {axis} names; got {twice[0]!r} "
            f"{(labels == twice[0]).sum()} times"
        )
    return labels


def _no_empty_lines(table, name):
    for axis, labels in ((1, table.index), (0, table.columns)):
        empty = labels[table.isna().all(axis=axis)]
        if len(empty):
            raise ValueError(
                f"{name} must have a value in every row and column; got none in "
                f"{'row' if axis else 'column'} {empty[0]!r}"
            )
