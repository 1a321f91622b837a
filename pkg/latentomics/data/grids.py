"""Text files and spreadsheets as a plain grid: a list of lines, each of cells."""

import csv
import gzip
import zipfile
import zlib
from itertools import chain

import pandas as pd

from latentomics.data.optional import need

# ending -> may it be gzipped
FORMATS = {
    "csv": True,
    "tsv": True,
    "txt": True,
    "parquet": False,
    "xlsx": False,
    "h5ad": False,
}
DELIMITERS = {"csv": ",", "tsv": "\t", "txt": "\t"}


def read_grid(path, kind, sheet=None):
    """Return the cells of a text file or a spreadsheet; blank lines are left out.

    Raises
    ------
    ValueError
        If the file is empty, damaged, not UTF-8, split by another sign, or a
        spreadsheet of several sheets of which none was chosen.
    """
    grid = _sheet(path, sheet) if kind == "xlsx" else _text(path, DELIMITERS[kind])
    grid = [line for line in grid if any(str(cell).strip() for cell in line)]
    if not grid:
        raise ValueError(f"{path.name} must hold a table; got an empty file")
    return grid


def _text(path, delimiter):
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
            grid = list(csv.reader(stream, delimiter=delimiter, strict=True))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} must be UTF-8 text; got byte {error.object[error.start]:#x} "
            f"({error.reason}): save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    except csv.Error as error:
        raise ValueError(f"{path.name} is not well-formed text: {error}") from error
    _check_delimiter(grid, delimiter, path.name)
    return grid


def _check_delimiter(grid, delimiter, name):
    """Refuse a file whose every line is one cell holding some other delimiter."""
    said = {",": "commas", "\t": "tabs"}[delimiter]
    for other in {",", ";", "\t"} - {delimiter}:
        if grid and all(len(line) < 2 for line in grid):
            if all(other in cell for cell in chain.from_iterable(grid)):
                raise ValueError(
                    f"{name} must be split by {said} (.csv: commas, .tsv and .txt: "
                    f"tabs); got lines split by {other!r}"
                )


def _sheet(path, sheet):
    need("openpyxl")
    try:
        book = pd.ExcelFile(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} cannot be read as .xlsx: {error}") from error
    with book:
        names = [str(name) for name in book.sheet_names]
        if sheet is None and len(names) > 1:
            raise ValueError(f"sheet must be one of {names}, as there are several")
        if sheet is not None and sheet not in names:
            raise ValueError(f"sheet must be one of {names}; got {sheet!r}")
        cells = book.parse(
            sheet or names[0], header=None, dtype=object, keep_default_na=False
        )
    return cells.to_numpy().tolist()
