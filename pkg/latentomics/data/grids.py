"""Text files and spreadsheets as a plain grid: line number -> its cells."""

import csv
import gzip
import re
import warnings
import zlib

from latentomics.data.optional import need

# extension -> whether it may be gzipped
FORMATS = {
    "csv": True,
    "tsv": True,
    "txt": True,
    "all": True,
    "parquet": False,
    "xlsx": False,
    "h5ad": False,
}
DELIMITERS = {"csv": ",", "tsv": "\t", "txt": "\t", "all": "\t"}


class WrongSheet(ValueError):
    """A sheet that a spreadsheet does not have."""


class NoValue:
    """A cell with a formula whose value is not stored in the file."""

    def __str__(self):
        return (
            "a formula without a stored value (open and save the file in a "
            "spreadsheet program)"
        )


def read_grid(path, kind, sheet=None):
    """Return the cells of a text file or a spreadsheet by line number.

    Blank lines, and blank cells at the end of every line, are left out.

    Raises
    ------
    ValueError
        If the file is empty, damaged, not UTF-8, uses another delimiter, begins with a
        comment, or is a spreadsheet with several sheets and none was chosen.
    """
    if kind == "xlsx":
        grid = _sheet(path, sheet)
    else:
        grid = _text(path, DELIMITERS[kind])
    grid = {number: line for number, line in grid if _width(line)}
    if not grid:
        raise ValueError(f"{path.name} must hold a table; got an empty file")
    width = max(map(_width, grid.values()))
    grid = {number: line[:width] for number, line in grid.items()}
    if kind != "xlsx":
        _check_comments([*grid.values()], path.name)
        _check_delimiter([*grid.values()], DELIMITERS[kind], path.name)
    return grid


def _width(line):
    """Return the number of cells up to the last non-blank one."""
    filled = [j for j, cell in enumerate(line, start=1) if str(cell).strip()]
    return filled[-1] if filled else 0


def damaged(path, kind, error):
    """Return the message for a file that a library could not read."""
    return (
        f"{path.name} cannot be read as {kind} ({type(error).__name__}); "
        "is it complete, and is its ending right?"
    )


def _text(path, delimiter):
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
            lines = csv.reader(stream, delimiter=delimiter, strict=True)
            return [(lines.line_num, line) for line in lines]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} must be UTF-8 text; got byte {error.object[error.start]:#x} "
            f"({error.reason}): save it as UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    except csv.Error as error:
        raise ValueError(f"{path.name} is not well-formed text: {error}") from error


def _check_comments(grid, name):
    """Refuse comment lines: they are not part of a table.

    "#" may begin a name, as in "#OTU ID"; before a space or another "#" in the first
    line, or alone on a line that is shorter than others, it begins a comment.
    """
    width = max(map(len, grid))
    for number, line in enumerate(grid, start=1):
        alone = _width(line) == 1 and width > 1 and len(grid) > 1
        begins = number == 1 and re.match(r"#[\s#]", line[0])
        if line[0].startswith("#") and (alone or begins):
            gct = " (a GCT file: delete its first two lines and Description)"
            raise ValueError(
                f"{name} must have column names in its first line, and no comments; "
                f"got {line[0]!r}{gct if line[0].startswith('#1.') else ''}"
            )


def _check_delimiter(grid, delimiter, name):
    """Refuse a file whose first line is one cell that holds another delimiter."""
    header = grid[0]
    if len(header) > 1:
        return
    others = [sign for sign in (",", ";", "\t") if sign in header[0]]
    others += [sign for sign in ("|", " ") if _splits(grid, sign)]
    if others:
        said = {",": "commas", "\t": "tabs"}[delimiter]
        raise ValueError(
            f"{name} must be split by {said} (.csv by commas, .tsv and .txt by tabs); "
            f"got a first line split by {others[0]!r}"
        )


def _splits(grid, sign):
    """Return whether a sign splits all lines into equally many parts.

    False if the first line then ends in a number: it is a name such as "line 1".
    """
    parts = [line[0].split(None if sign == " " else sign) for line in grid]
    widths = {len(part) for part in parts}
    alone = all(len(line) == 1 for line in grid) and len(widths) == 1
    return alone and widths != {1} and not parts[0][-1].strip().isdigit()


def _sheet(path, sheet):
    """Return the cells of a sheet: "" where blank, an error as its text."""
    need("openpyxl")
    if not path.stat().st_size:
        return []
    grid = _rows(path, sheet, data_only=True)
    if any(cell is None for line in grid for cell in line):
        formulas = _rows(path, sheet, data_only=False)
        for line, asked in zip(grid, formulas, strict=True):
            for j, cell in enumerate(line):
                if cell is None and asked[j] is not None:
                    line[j] = NoValue()
    width = max(map(len, grid), default=0)
    grid = [["" if cell is None else cell for cell in line] for line in grid]
    filled = [line + [""] * (width - len(line)) for line in grid]
    return [*enumerate(filled, start=1)]


def _rows(path, sheet, data_only):
    """Read values, or formulas where there are any; None where a cell is blank.

    A formula whose stored value is an empty text gives "".
    """
    load = need("openpyxl").load_workbook
    try:
        with warnings.catch_warnings():  # about styles and extensions
            warnings.simplefilter("ignore")
            book = load(path, read_only=True, data_only=data_only)
            sheets = {chosen.title: chosen for chosen in book.worksheets}
            name = _chosen(sheets, sheet, path.name)
            sheets[name].reset_dimensions()  # some writers store wrong ones
            rows = [[*map(_value, row)] for row in sheets[name].iter_rows()]
            book.close()
    except WrongSheet:
        raise
    except Exception as error:  # from zip, XML or the library itself
        raise ValueError(damaged(path, ".xlsx", error)) from error
    return rows


def _value(cell):
    empty_text = cell.value is None and cell.data_type == "str"
    return "" if empty_text else cell.value


def _chosen(sheets, sheet, name):
    """Return which sheet to read, or raise with those there are."""
    if sheet is None and len(sheets) > 1:
        raise WrongSheet(f"{name} has several sheets: sheet must be one of {[*sheets]}")
    if sheet is not None and sheet not in sheets:
        raise WrongSheet(f"sheet must be one of {[*sheets]} in {name}; got {sheet!r}")
    return sheet or next(iter(sheets))
