"""Names of samples and features: valid names, and lists of them."""

import datetime
import re

import numpy as np
import pandas as pd

from latentomics.matrices import unmasked

# a cell of a spreadsheet whose formula failed
ERROR = re.compile(r"#(N/A|GETTING_DATA|[A-Z][A-Z0-9/_]*[!?])")
DATES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
    pd.Period,
)


def as_text(cell):
    """Return a cell as stripped text, "" if it is missing.

    Whole numbers are written without a decimal point, whatever their type.
    """
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell).strip()


def no_text(cell):
    """Return why a cell can be neither a name nor a label, or None if it can."""
    if isinstance(cell, DATES):
        return f"the date {cell} (format such cells as text)"
    if isinstance(cell, str) and ERROR.fullmatch(cell.strip()):
        return f"{cell.strip()!r}, the error of a formula"
    return None if pd.api.types.is_scalar(cell) else str(cell)


def check_names(labels, name, axis):
    """Return names as stripped text, none missing or repeated.

    Raises
    ------
    ValueError
        If one is missing, a date, a spreadsheet error, or repeated.
    """
    for number, label in enumerate(labels, start=1):
        wrong = no_text(label)
        if wrong or not as_text(label):
            raise ValueError(
                f"{name} must name every {axis}; got {wrong or 'none'} "
                f"for {axis} {number}"
            )
    labels = pd.Index([as_text(label) for label in labels])
    twice = labels[labels.duplicated()]
    if len(twice):
        raise ValueError(
            f"{name} must have unique {axis} names; got {twice[0]!r} "
            f"{(labels == twice[0]).sum()} times"
        )
    return labels


def as_names(names, what):
    """Return a list of names as an Index.

    Raises
    ------
    ValueError
        If it is a single name, a table or otherwise not a list.
    """
    listed = pd.api.types.is_list_like(names) and not isinstance(names, dict)
    if not listed or getattr(names, "ndim", 1) != 1:
        got = repr(names) if not listed else type(names).__name__
        raise ValueError(f"{what} must be a list of names; got {got}")
    return pd.Index(list(unmasked(names)))
