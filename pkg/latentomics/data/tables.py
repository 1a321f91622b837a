"""A user's own table: any common format in, a checked DataFrame of numbers out."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from latentomics.data.cells import read_cells
from latentomics.data.names import check_names

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "<NA>")
# Entrez_Gene_Id, GeneID, "sample id", NCBI, CID, "Unnamed: 0"; not the genes BID, ID1
ID = re.compile(
    "(?i:entrez|ensembl|ncbi|hgnc|uniprot|refseq|pubchem|accession|identifier)"
    r"|(?i:\bgeneid$|(?:^|[\W_])id$|^(?:[cs]id|nsc|index|unnamed: \d+)$)|[a-z]I[dD]$"
)
SUMMARIES = {
    "sum": re.compile(r"(?i)(?:grand[\W_]*)?(?:totals?|sums?)"),
    "mean": re.compile("(?i)means?|averages?"),
    "median": re.compile("(?i)medians?"),
}
FEW = 10  # this many distinct whole numbers are no coincidence among fractions
# 1,000 and 1.000,5 and 0,5 and 1 000
FOREIGN = re.compile(r"[+-]?\d+(?:[.,'\u2019\s]\d+)+(?:[eE][+-]?\d+)?")


def read_table(path, *, row_names=True, transpose=False, sheet=None):
    """Read a matrix of numbers from a file, rows = samples.

    Parameters
    ----------
    path : str or path
        A .csv (commas), .tsv, .txt or .all (tabs), these also as .gz; .parquet, .xlsx
        or .h5ad, of which X is read. Text is UTF-8, with decimal points and no
        thousands separators. The first line holds the column names. Missing values are
        empty cells, NA, N/A, #N/A, NaN, NULL or None.
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
        Rows are samples, columns are features, both with unique, stripped text names;
        NaN = missing. `attrs["file"]` is the file's name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read as such a matrix. The message says where: it may have
        another format or encoding, be empty, begin with comments, or have lines of
        unequal length; names that are repeated, missing or dates; text, an infinite
        value or a failed formula in place of a number; or a row or column without any
        value. Also refused are two kinds of lines that are not measurements: ids, i.e.
        whole numbers under a name such as Entrez_Gene_Id or NCBI beside lines with
        fractions, and a line named total, mean or median that equals the total, mean or
        median of the others.

    Warns
    -----
    UserWarning
        If a line may be of these kinds but is kept: it has such a name, but all other
        lines hold whole numbers too, or it does not equal the total of the others; or
        it has another name, but holds distinct whole numbers, at least ten or far
        larger than the rest, where most lines have fractions.
    """
    name = file_name(path)
    table = numbers(read_cells(path, row_names=row_names, sheet=sheet), name)
    table.attrs = {"file": name}
    return table.T if transpose else table


def file_name(path):
    """Return the name of a file for messages, "" for anything else."""
    return Path(path).name if hasattr(path, "__fspath__") or path is str(path) else ""


def numbers(cells, name):
    """Return a table of cells as float64 with checked names.

    Raises
    ------
    ValueError
        As :func:`read_table`, as far as they concern names and values.
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
    for axis, lines in (("row", table.T), ("column", table)):
        _no_summary(axis, lines, name)
        _no_ids(axis, lines, name)
    return table


def _values(frame):
    """Return the numbers of a frame and a mask of the cells that are not numbers."""
    if all(map(_is_number_type, frame.dtypes)):
        values = frame.to_numpy(dtype="float64", na_value=np.nan)
        return values, np.isinf(values)
    # as text, booleans and dates cannot silently turn into numbers
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
    """Return the text of a cell that is not a number, with the likely cause."""
    if isinstance(cell, str) and FOREIGN.fullmatch(cell.strip()):
        return f"{cell!r} (decimals take a point, thousands no separator: 1000.5)"
    return repr(cell) if isinstance(cell, str) else str(cell)


def _no_empty_lines(table, name):
    for axis, labels in ((1, table.index), (0, table.columns)):
        empty = labels[table.isna().all(axis=axis)]
        if len(empty):
            raise ValueError(
                f"{name} must have a value in every row and column; got none in "
                f"{'row' if axis else 'column'} {empty[0]!r}"
            )


def _no_summary(axis, lines, name):
    """Refuse a line that summarises the others, which would pass for one of them."""
    for how, pattern in SUMMARIES.items():
        for label in filter(pattern.fullmatch, lines.columns):
            others = lines.drop(columns=label)
            said = getattr(others, how)(axis=1)
            same = others.shape[1] and np.allclose(lines[label], said, 0.01, 0)
            _refuse_or_warn(
                f"{name} must hold measurements alone; got what looks like the {how} "
                f"of the other {axis}s in {axis} {label!r}: delete it",
                same,
            )


def _no_ids(axis, lines, name):
    """Refuse a line of ids, which would pass for a sample or a feature."""
    values = lines.to_numpy()
    whole = (np.isnan(values) | (values % 1 == 0)).all(axis=0)
    fractions = values[:, ~whole]
    for j in np.flatnonzero(whole):
        label, line = lines.columns[j], values[:, j]
        named = ID.search(label)
        if named or _stands_out(line, fractions, whole.mean()):
            _refuse_or_warn(
                f"{name} must hold measurements beside one line of names; got what "
                f"look like ids, {line[~np.isnan(line)][0]:.0f} first, in {axis} "
                f"{label!r}: delete it",
                named and fractions.size,
            )


def _stands_out(line, fractions, share):
    """Return whether whole numbers can hardly be measurements like the fractions."""
    if share > 0.5 or len(np.unique(line)) < len(line):
        return False
    return len(line) >= FEW or np.nanmedian(line) > 10 * np.nanmax(abs(fractions))


def _refuse_or_warn(says, sure):
    if sure:
        raise ValueError(f"{says}, or rename it if it was measured")
    warnings.warn(f"{says}, or ignore this if it was measured", stacklevel=5)
