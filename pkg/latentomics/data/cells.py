"""A user's own file, in any supported format, as a table of named cells."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from latentomics.data.grids import FORMATS, damaged, read_grid
from latentomics.data.optional import need


def own_file(path):
    """Return the path of a user's own file, `~` being the home folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If `path` is not a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"path must name a file; got {type(path).__name__}")
    found = Path(os.path.expanduser(path))
    if not os.path.isfile(found):
        raise FileNotFoundError(f"path must be a file; found none at {path}")
    return found


def read_cells(path, *, row_names=True, sheet=None, of="X"):
    """Return the cells of a file, unchecked, with their row and column names.

    Parameters
    ----------
    path, row_names, sheet
        As :func:`latentomics.data.read_table` takes them.
    of : {"X", "obs"}
        Which part of an .h5ad file.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`latentomics.data.read_table`, as far as they concern the form of the
        file.
    """
    path = own_file(path)
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    zipped = path.name.lower().endswith(".gz")
    if kind not in FORMATS or (zipped and not FORMATS[kind]):
        raise ValueError(
            f"{path.name} must end in .csv, .tsv, .txt or .all (also with .gz), "
            f".parquet, .xlsx or .h5ad; got {path.suffix or 'no extension'}"
        )
    if sheet is not None and kind != "xlsx":
        raise ValueError(f"sheet is for .xlsx files; got {sheet!r} for {path.name}")
    if kind not in ("parquet", "h5ad"):
        return _named(read_grid(path, kind, sheet), path.name, row_names)
    stored = _stored(path, kind)
    return (
        _of_h5ad(stored, path.name, of)
        if kind == "h5ad"
        else _of_parquet(stored, path.name, row_names)
    )


def _stored(path, kind):
    """Read a format that stores names itself."""
    read = need("anndata").read_h5ad if kind == "h5ad" else pd.read_parquet
    need("pyarrow" if kind == "parquet" else "h5py")
    if not path.stat().st_size:
        raise ValueError(f"{path.name} must hold a table; got an empty file")
    try:
        with warnings.catch_warnings():  # about names, which are checked later
            warnings.simplefilter("ignore")
            return read(path)
    except Exception as error:  # each library raises its own errors
        raise ValueError(damaged(path, f".{kind}", error)) from error


def _of_h5ad(stored, name, of):
    if of == "obs":
        if stored.obs.empty:
            raise ValueError(f"{name} must hold labels as obs; got none")
        return stored.obs
    values = stored.X
    if values is None:
        layers = f"; its layers are {sorted(stored.layers)}" if stored.layers else ""
        raise ValueError(f"{name} must hold a matrix as X; got none{layers}")
    values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
    return pd.DataFrame(values, stored.obs_names, stored.var_names)


def _of_parquet(stored, name, row_names):
    if isinstance(stored.index, pd.MultiIndex):  # several columns of names
        stored = stored.reset_index()
    if row_names and isinstance(stored.index, pd.RangeIndex) and len(stored.columns):
        first = stored.iloc[:, 0].astype(object).to_numpy()
        _no_numbers_for_names(first, name, "the first column")
        return stored.iloc[:, 1:].set_axis(pd.Index(first, name=stored.columns[0]))
    return stored


def _no_numbers_for_names(labels, name, where):
    """Refuse to read a line of data as names, which would silently lose it.

    Whole numbers may be names, such as ids; fractions may not.
    """
    texts = pd.Series([*map(str, labels)], dtype=object)
    numbers = pd.to_numeric(texts, errors="coerce")
    if len(numbers) and numbers.notna().all() and (numbers % 1 != 0).any():
        raise ValueError(
            f"{name} must have names in {where}, but they are all numbers; got "
            f"{texts[0]!r} first (row_names=False says that there are no row names)"
        )


def _named(grid, name, row_names):
    """Split a grid of cells into names and values."""
    numbers, (header, *lines) = list(grid)[1:], grid.values()
    if row_names and lines and all(len(line) == len(header) + 1 for line in lines):
        header = ["", *header]  # as written by R: no header for the row names
    for number, line in zip(numbers, lines, strict=True):
        if len(line) != len(header):
            other = [s for s in ";,\t" if len(line) == 1 and s in line[0]]
            cause = f" (is line {number} split by {other[0]!r}?)" if other else ""
            raise ValueError(
                f"{name} must have equally many cells in each line; got {len(line)} "
                f"in line {number} and {len(header)} in the header{cause}"
            )
    cells = np.empty((len(lines), len(header)), dtype=object)
    for i, line in enumerate(lines):
        cells[i] = line
    if row_names:
        _no_numbers_for_names(header[1:], name, "the first line")
        _no_numbers_for_names(cells[:, 0], name, "the first column")
        rows = pd.Index(cells[:, 0], dtype=object, name=header[0])
        columns = pd.Index(header[1:], dtype=object)
        return pd.DataFrame(cells[:, 1:], rows, columns, dtype=object)
    _no_numbers_for_names(header, name, "the first line")
    return pd.DataFrame(cells, columns=pd.Index(header, dtype=object), dtype=object)
