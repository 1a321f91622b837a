"""Text files and spreadsheets as a plain grid: a list of lines, each of cells."""

import csv
import gzip
import zipfile
import zlib

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


def damaged(path, kind, error):
    """Say that a library could not make sense of a file."""
    return (
        f"{path.name} cannot be read as {kind} ({type(error).__name__}); "
        "is it complete, and is its ending right?"
    )


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
    """Refuse a file whose first line is one cell that holds another delimiter."""
    header = grid[0] if grid else []
    others = [
        sign for sign in (",", ";", "\t") if len(header) == 1 and sign in header[0]
    ]
    if others:
        said = {",": "commas", "\t": "tabs"}[delimiter]
        raise ValueError(
            f"{name} must be split by {said} (.csv by commas, .tsv and .txt by tabs); "
            f"got a first line split by {others[0]!r}"
        )


def _sheet(path, sheet):
    need("openpyxl")
    try:
        book = pd.ExcelFile(path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(damaged(path, ".xlsx", error)) from error
    with book:
        names = [str(name) for name in book.sheet_names]
        if sheet is None and len(names) > 1:
            raise ValueError(
                f"{path.name} has several sheets: sheet must be one of {names}"
            )
        if sheet is not None and sheet not in names:
            raise ValueError(
                f"sheet must be one of {names} in {path.name}; got {sheet!r}"
            )
        cells = pd.read_excel(
            book, sheet or names[0], header=None, dtype=object, keep_default_na=False
        )
    return cells.to_numpy().tolist()
