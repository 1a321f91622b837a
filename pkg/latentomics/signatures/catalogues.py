"""Catalogues and signatures in files, as SigProfiler writes and reads them."""

from itertools import permutations
from pathlib import Path

import numpy as np

from latentomics.data.cells import read_cells
from latentomics.data.names import as_text
from latentomics.data.sbs96 import CHANNELS, align_channels, parse_channel
from latentomics.data.tables import file_name, numbers

FIRST = "MutationType"
NOTATIONS = "A[C>A]A, ACA>A, ACA>AAA, or C>A beside ACA"
LARGEST = 2**53  # up to here floats are exact whole numbers


def read_catalogue(path, *, sheet=None):
    """Return a table of 96 channels from a file, rows = samples.

    Either orientation is read. SigProfiler and COSMIC write a line for each channel
    and a column for each sample or signature; others, such as deconstructSigs, a line
    for each sample and a column for each channel.

    Parameters
    ----------
    path : str or path
        As for :func:`latentomics.data.read_table`. The channels are in the first column
        or the first line, in any order and any notation of
        :func:`latentomics.signatures.parse_channel`. They may be split over
        two columns, as in COSMIC: the substitution ("C>A") and the trinucleotide
        ("ACA"), with or without a column of whole channels.
    sheet : str, optional
        Sheet of an .xlsx file; required if it has several.

    Returns
    -------
    DataFrame of shape (n_samples, 96)
        Columns are `CHANNELS`. Whole numbers up to 2^53 are int, others float64.
        Samples without mutations are kept; ``to_profiles`` refuses them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a channel is unknown, missing or occurs twice, or a number is missing,
        negative or infinite.
    """
    name = file_name(path)
    cells = _one_key(read_cells(path, sheet=sheet))
    in_lines = sum(map(_is_channel, cells.index))
    in_columns = sum(map(_is_channel, cells.columns))
    table = numbers(cells, name)
    if not in_lines + in_columns:
        raise ValueError(
            f"{name} must have the 96 channels, as {NOTATIONS}, in its first column or "
            f"in its first line; got {table.index[0]!r} and {table.columns[0]!r} first"
        )
    table, place = (table.T, "line") if in_lines >= in_columns else (table, "column")
    table = _by_channel(table, place, name)
    _check(table, name)
    values = table.to_numpy()
    whole = (values == np.floor(values)).all() and values.max() <= LARGEST
    return table.astype(int) if whole else table


def _one_key(cells):
    """Return a table whose first columns are joined if together they name channels."""
    keys = [[as_text(cell) for cell in cells.index]]
    for _, column in cells.iloc[:, :2].items():
        key = [as_text(cell) for cell in column]
        if _numeric(key):
            break
        keys.append(key)
    joined = [list(map(_joined, a, b)) for a, b in permutations(keys, 2)]
    for key in [*keys, *joined]:
        if any(map(_is_channel, key)):
            return cells.iloc[:, len(keys) - 1 :].set_axis(key)
    return cells


def _numeric(key):
    """Say whether a column holds anything that might be a count."""
    return any(not text or text.lstrip("+-.")[:1].isdigit() for text in key)


def _joined(change, context):
    """Return "A[C>A]A" for "C>A" and "ACA"; join anything else by a space."""
    changes = len(change) == 3 and len(context) == 3 and change[1] in ">_"
    if changes and context[1].upper() == change[0].upper():
        return f"{context[0]}[{change[0]}>{change[2]}]{context[2]}"
    return f"{change} {context}"


def _is_channel(label):
    try:
        return bool(parse_channel(as_text(label)))
    except ValueError:
        return False


def _by_channel(table, place, name):
    """Return the columns in the order of `CHANNELS`; `place` names them in errors."""
    known = [_is_channel(label) for label in table.columns]
    if not all(known):
        wrong = table.columns[known.index(False)]
        raise ValueError(
            f"{name} must have a channel in each {place}, as {NOTATIONS}; got {wrong!r}"
        )
    missing = set(CHANNELS) - set(map(parse_channel, table.columns))
    if missing:
        few = [channel for channel in CHANNELS if channel in missing]
        more = f" and {len(few) - 3} more" * (len(few) > 3)
        raise ValueError(
            f"{name} must have all 96 channels; {', '.join(few[:3])}{more} missing "
            f"in its {len(known)} {place}s"
        )
    return align_channels(table, name)


def _check(table, name):
    values = table.to_numpy()
    wrong = np.argwhere(~(values >= 0))
    if len(wrong):
        i, j = wrong[0]
        got = "nothing" if np.isnan(values[i, j]) else f"{values[i, j]:g}"
        raise ValueError(
            f"{name} must hold non-negative numbers; got {got} for sample "
            f"{table.index[i]!r}, channel {table.columns[j]}"
        )


def write_catalogue(table, path):
    """Write a table in SigProfiler's format: a line per channel, tab-separated.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, 96)
        Counts, profiles or signatures, columns = channels in any order and notation.
        Written in the order of `CHANNELS`, as "A[C>A]A", at full precision.
    path : str or path

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    ValueError
        If a channel is missing or occurs twice.
    """
    turned = align_channels(table).T.rename_axis(index=FIRST, columns=None)
    turned.to_csv(path, sep="\t", lineterminator="\n")
    return Path(path)
