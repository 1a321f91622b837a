"""A reader's own table: any common format in, a checked DataFrame of numbers out."""

from pathlib import Path

import numpy as np
import pandas as pd

from latentomics.data.grids import FORMATS, read_grid
from latentomics.data.optional import need

MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")


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
    if kind == "h5ad":
        reader, module = need("anndata").read_h5ad, "AnnData"
    else:
        need("pyarrow")
        reader, module = pd.read_parquet, "Parquet"
    try:
        frame = reader(path)
    except Exception as error:  # each library has its own zoo of errors
        raise ValueError(
            f"{path.name} cannot be read as {module} ({type(error).__name__}); "
            "is it complete, and is its ending right?"
        ) from error
    if kind == "h5ad":
        return frame.to_df()
    numbered = isinstance(frame.index, pd.RangeIndex)
    if row_names and numbered and frame.shape[1]:
        frame = frame.set_index(frame.columns[0])
    return frame


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
        return pd.DataFrame(cells[:, 1:], index=cells[:, 0], columns=header[1:])
    return pd.DataFrame(cells, columns=header)


def _numbers(frame, name):
    """Return `frame` with checked names and as float64."""
    if frame.empty:
        raise ValueError(
            f"{name} must hold at least one row and one column of numbers; "
            f"got {frame.shape[0]} rows and {frame.shape[1]} columns"
        )
    rows = _names(frame.index, name, "row")
    columns = _names(frame.columns, name, "column")
    cells = frame.to_numpy(dtype=object)
    flat = pd.Series(cells.ravel(), dtype=object)
    text = flat.map(lambda cell: isinstance(cell, str))
    flat[text] = flat[text].str.strip()
    missing = flat.isna() | flat.isin(MISSING)
    number = flat.map(_is_number) | text
    values = pd.to_numeric(flat.where(number & ~missing), errors="coerce")
    values = values.astype("float64")
    wrong = ~missing & ~np.isfinite(values)
    if wrong.any():
        first = int(wrong.to_numpy().argmax())
        i, j = divmod(first, len(columns))
        raise ValueError(
            f"{name} must hold finite numbers; got {_told(flat[first])} "
            f"in row {rows[i]!r}, column {columns[j]!r}"
        )
    return pd.DataFrame(values.to_numpy().reshape(cells.shape), rows, columns)


def _is_number(cell):
    whole_or_real = isinstance(cell, int | float | np.number)
    return whole_or_real and not isinstance(cell, bool | np.bool_)


def _told(cell):
    """Show a cell that is no number, with the likely cause."""
    if isinstance(cell, str) and cell.count(",") == 1:
        return f"{cell!r} (decimals take a point, not a comma)"
    return repr(cell) if isinstance(cell, str | float | int) else f"{cell}"


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
