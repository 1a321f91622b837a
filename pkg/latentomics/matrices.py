"""Reading matrices as arrays of floats, and aligning named tables."""

from decimal import Decimal
from numbers import Real

import numpy as np
import pandas as pd
from scipy import sparse


def read_matrix(X, name="X", *, gaps=False):
    """Return a matrix as a C-ordered float64 array; NaN stands for every kind of gap.

    Parameters
    ----------
    X : DataFrame, array, masked array or list of lists
        Numbers of any type, those of pandas and pyarrow included; NaN, NA, None and
        masked entries are gaps.
    name : str, default="X"
        Name of the argument, for messages.
    gaps : bool or None, default=False
        Whether gaps are allowed; None allows infinite values too.

    Raises
    ------
    ValueError
        If `X` is sparse, not a matrix, empty, repeats a name, holds text or an
        infinite value, or a gap where none is allowed.
    """
    X = as_table(X, name)
    check_shape(X, name)
    check_unique(X, name)
    values = _floats(X, name)
    if gaps is not None:
        check_finite(values, name, gaps=gaps)
    return values


def as_table(X, name="X"):
    """Return a table unchanged, anything else as an array if its rows allow it."""
    check_dense(X, name)
    if isinstance(X, pd.DataFrame | pd.Series) or X is None or isinstance(X, str):
        return X
    X = unmasked(X)
    if not hasattr(X, "shape"):
        try:
            array = np.asarray(X)
        except ValueError:  # rows of unequal lengths: check_shape reports them
            return X
        X = np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
    return X if np.ndim(X) else X[()]


def check_dense(X, name="X"):
    """Raise ValueError for a sparse array, where 0 and "not measured" look alike."""
    if sparse.issparse(X):
        raise ValueError(
            f"{name} must be dense; got a sparse {type(X).__name__} "
            "(.toarray() makes it dense)"
        )


def unmasked(X):
    """Return a masked array with NaN where masked, anything else unchanged."""
    if not np.ma.isMaskedArray(X):
        return X
    if not np.ma.is_masked(X):
        return X.data
    return X.astype(float if X.dtype.kind in "iuf" else object).filled(np.nan)


def as_truths(mask, name):
    """Return a mask as an array; one from pandas becomes bool if it has no gaps."""
    check_dense(mask, name)
    array = np.asarray(unmasked(mask))
    if not isinstance(mask, pd.DataFrame | pd.Series) or array.dtype == bool:
        return array
    cells = np.asarray(mask, dtype=object)
    kinds = {type(cell) for cell in cells.ravel()}
    return cells.astype(bool) if kinds <= {bool, np.bool_} else cells


def as_objects(labels):
    """Return labels as an array of objects, so whole numbers stay so beside a gap."""
    if np.ma.isMaskedArray(labels):
        labels = np.where(np.ma.getmaskarray(labels), None, labels.data.astype(object))
    return np.asarray(labels, dtype=object)


def as_labels(labels, name, n=None, *, gaps=False):
    """Return a list of `n` labels as an array of objects, None for every gap."""
    check_dense(labels, name)
    array = as_objects(labels)
    if array.ndim != 1 or n not in (None, len(array)):
        wanted = "a list of labels" if n is None else f"a list of {n} labels"
        got = f"shape {array.shape}" if array.ndim else repr(labels)
        raise ValueError(f"{name} must be {wanted}; got {got}")
    missing = pd.isna(array)
    if missing.any() and not gaps:
        raise ValueError(
            f"{name} must have a label in every position; got none in position "
            f"{first(np.flatnonzero(missing))}"
        )
    return np.where(missing, None, array)


def check_shape(X, name="X"):
    """Raise ValueError unless `X` has two dimensions, neither of them empty."""
    try:
        shape = X.shape if hasattr(X, "shape") else np.shape(X)
    except ValueError:
        raise ValueError(
            f"{name} must be a matrix; got rows of unequal lengths"
        ) from None
    if len(shape) != 2:
        got = f"shape {shape}" if shape else repr(X)
        if len(shape) == 1:  # scikit-learn's wording
            got += f". Reshape your data: {name}[None] is one sample"
        raise ValueError(f"{name} must be a matrix, rows = samples; got {got}")
    if 0 in shape:  # scikit-learn's checks expect this ending
        raise ValueError(
            f"{name} must have a row and a column; got {shape[0]} sample(s) and "
            f"{shape[1]} feature(s) (shape={shape}) while a minimum of 1 is required."
        )


def check_unique(X, name="X"):
    """Raise ValueError if a table repeats a name; arrays have none."""
    for axis, what in enumerate(("row", "column")):
        labels = names_of(X, axis)
        if labels is not None:
            _check_unique(labels, name, what)


def _check_unique(labels, name, what):
    twice = labels[labels.duplicated()]
    if len(twice):
        raise ValueError(
            f"{name} must have unique {what} names; got {twice[0]!r} "
            f"{(labels == twice[0]).sum()} times"
        )


def check_finite(X, name="X", *, gaps=True):
    """Raise ValueError for an infinite entry, or for a gap unless `gaps` is true."""
    wrong = np.argwhere(np.isinf(X) if gaps else ~np.isfinite(X))
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        allowed = "finite, or NaN for a gap" if gaps else "finite, without NaN"
        raise ValueError(
            f"{name} must be {allowed}; got {X[row, column]} "
            f"in row {row}, column {column}"
        )


def first(indices, limit=5):
    """Return a short list for a message: the first few, then how many more."""
    more = f" and {len(indices) - limit} more" * (len(indices) > limit)
    return f"{[int(i) for i in indices[:limit]]}{more}"


def _floats(X, name):
    """Return the numbers of a table or an array."""
    if isinstance(X, pd.DataFrame):
        plain = all(isinstance(d, np.dtype) and d.kind in "biuf" for d in X.dtypes)
    else:
        X = np.asarray(X)
        plain = X.dtype.kind in "biuf"
    if plain:
        return np.asarray(X, dtype="float64", order="C")
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(np.asarray(X, dtype=object))
    values = np.empty(X.shape)
    for place, (column, cells) in enumerate(X.items()):
        values[:, place] = _numbers(cells, column, name)
    return values


def _numbers(cells, column, name):
    """Return a column of a table as floats."""
    kind = getattr(cells.dtype, "kind", "O")
    if kind in "biuf" and pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.to_numpy("float64", na_value=np.nan)
    objects = cells.to_numpy(dtype=object)
    wrong = [i for i, cell in enumerate(objects) if not _may_be_a_number(cell)]
    if wrong:
        cell = objects[wrong[0]]
        note = " (Complex data not supported)" * isinstance(
            cell, complex | np.complexfloating
        )
        raise ValueError(
            f"{name} must hold numbers{note}; got {cell!r} "
            f"in row {cells.index[wrong[0]]!r}, column {column!r}"
        )
    try:
        return np.where(pd.isna(objects), np.nan, objects).astype("float64")
    except OverflowError:
        raise ValueError(
            f"{name} must hold numbers of a size that fits into float64; got a whole "
            f"number beyond it in column {column!r}"
        ) from None


def _may_be_a_number(cell):
    """Whether a cell is a number, a gap, or an object that is not a scalar."""
    if isinstance(cell, Real | Decimal | np.bool_):
        return True
    if not pd.api.types.is_scalar(cell):
        return True  # float() then raises the error that scikit-learn's checks expect
    return cell is None or cell is pd.NA


def names_of(table, axis=0):
    """Return the row (0) or column (1) names of a table, or None if it has none."""
    if isinstance(table, pd.DataFrame) or (isinstance(table, pd.Series) and not axis):
        return table.axes[axis]
    return None


def aligned(table, names, *, name, by, axis=0):
    """Return the rows or columns of a table in the order of another input's names.

    The rule for any two named inputs: both must have the same names, which are put in
    the order of the first input. They are matched by position if one input has no
    names, or only pandas' default names, 0 to n - 1, which the other does not use.

    Parameters
    ----------
    table : DataFrame, Series or anything without names
    names : Index, array of names or None
        The order wanted, from :func:`names_of`.
    name, by : str
        Names of the two inputs, for messages.
    axis : {0, 1}, default=0
        Whether `names` are those of the rows or of the columns of `table`.

    Raises
    ------
    ValueError
        If a name is missing, unexpected or repeated.
    """
    own = names_of(table, axis)
    if own is None or names is None:
        return table
    own, names = _plain(own), _plain(names)
    if own.equals(names) and own.is_unique:
        return table
    missing, beyond = names[~names.isin(own)], own[~own.isin(names)]
    counted = _counted(own), _counted(names)
    if all(counted) or (any(counted) and len(missing) == len(names)):
        return table  # by position: one of the two has no names of its own
    what = ("row", "column")[axis]
    _check_unique(own, name, what)
    _check_unique(names, by, what)
    if len(missing) or len(beyond):
        got = [f"none called {missing[0]!r}"] if len(missing) else []
        got += [f"{beyond[0]!r}, which {by} does not have"] if len(beyond) else []
        raise ValueError(
            f"{name} must have the same {what} names as {by}, in any order; "
            f"got {' and '.join(got)}"
        )
    order = own.get_indexer(names)
    return table.iloc[order] if axis == 0 else table.iloc[:, order]


def chosen(table, names, name, axis=0):
    """Return the rows or columns of a table that have these names."""
    missing = names[~names.isin(table.axes[axis])]
    if len(missing):
        what = ("row", "column")[axis]
        raise ValueError(f"{name} must have a {what} {missing[0]!r}; got none")
    return table.loc[names] if axis == 0 else table.loc[:, names]


def aligned_like(table, like, *, name, by="X", axes=(0, 1)):
    """Return a table with its rows and columns in the order of another table."""
    check_dense(like, by)
    table = as_table(table, name)
    for axis in axes:
        table = aligned(table, names_of(like, axis), name=name, by=by, axis=axis)
    return table


def _plain(names):
    """Return names as objects, so that two kinds of index can be compared."""
    return pd.Index(list(names), dtype=object, tupleize_cols=False)


def _counted(names):
    """Whether names are pandas' defaults, 0 to n - 1."""
    return all(
        isinstance(label, int | np.integer)
        and not isinstance(label, bool)
        and label == place
        for place, label in enumerate(names)
    )
