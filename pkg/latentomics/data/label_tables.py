"""A user's own labels: text by sample name, read like tables."""

import pandas as pd

from latentomics.data.cells import read_cells
from latentomics.data.names import as_names, as_text, check_names, no_text
from latentomics.data.tables import MISSING, file_name


def read_labels(path, names=None, *, sheet=None):
    """Read labels of samples from a file: text, matched by sample name.

    Parameters
    ----------
    path : str or path
        In any format of :func:`latentomics.data.read_table`; from an .h5ad file, `obs`
        is read. The first line holds the column names, the first column the sample
        names, each further column one kind of label. Missing labels are written like
        missing values of a table; in the column of names, NA is a name.
    names : sequence of str, optional
        The samples whose labels to return, such as ``X.index``; all by default.
    sheet : str, optional
        Which sheet of an .xlsx file; needed if it has several.

    Returns
    -------
    DataFrame of text
        A row for each of `names`, in their order, or each sample of the file; a column
        for each kind of label. None = no label.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read, has no column names or no labels, a sample of
        `names` is not in it, a name is repeated, or a label is a date or a formula
        error.
    """
    name = file_name(path)
    cells = read_cells(path, sheet=sheet, of="obs")
    _check_form(cells, name)
    rows = _once(cells.index, name)
    columns = check_names(cells.columns, name, "column")
    labels = pd.DataFrame(None, rows, columns, dtype=object)
    for j, column in enumerate(columns):
        labels[column] = _texts(cells.iloc[:, j], rows, column, name)
    labels.attrs = {"file": name}
    return labels if names is None else _of(labels, names, cells.index.name, name)


def _check_form(cells, name):
    if not cells.shape[1]:
        got = f"one, {cells.index.name!r}" if cells.index.name else "one"
        raise ValueError(
            f"{name} must have two columns, names of samples and labels; got {got}"
        )
    if not len(cells):
        raise ValueError(f"{name} must hold at least one label; got only a first line")


def _once(labels, name):
    """Return the sample names, or raise for one with two rows."""
    texts = pd.Index([as_text(label) for label in labels])
    twice = texts[texts.duplicated() & (texts != "")]
    if len(twice):
        raise ValueError(
            f"{name} must have one label of each sample; got two of {twice[0]!r}"
        )
    return check_names(labels, name, "row")


def _texts(cells, rows, column, name):
    """Return one kind of label, as text."""
    texts = []
    for row, cell in zip(rows, cells, strict=True):
        text = as_text(cell)
        wrong = None if text in MISSING else no_text(cell)
        if wrong:
            raise ValueError(
                f"{name} must hold labels; got {wrong}, in row {row!r}, "
                f"column {column!r}"
            )
        texts.append(None if text in MISSING else text)
    if not any(texts):
        raise ValueError(f"{name} must hold a label in column {column!r}; got none")
    return pd.Series(texts, rows, dtype=object)


def _of(labels, names, first, name):
    """Return the labels of some samples."""
    names = as_names(names, "names")
    wanted = [as_text(label) for label in names]
    missing = [label for label in wanted if label not in labels.index]
    if first in missing:
        raise ValueError(
            f"{name} must have column names in its first line; got the sample {first!r}"
        )
    if missing:
        more = f" and of {len(missing) - 1} more" * (len(missing) > 1)
        raise ValueError(
            f"{name} must have one label of each sample; got none of {missing[0]!r}"
            f"{more}, and {labels.index[0]!r} first"
        )
    return labels.loc[wanted].set_axis(names)
