"""The 96 channels of single base substitutions, in any notation."""

import re
from functools import cache

import pandas as pd

BASES = "ACGT"
CLASSES = ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G")
CHANNELS = tuple(
    f"{before}[{change}]{after}"
    for change in CLASSES
    for before in BASES
    for after in BASES
)
COMPLEMENT = str.maketrans("ACGT", "TGCA")
# A[C>A]A, ACA>A, and ACA>AAA, which repeats the neighbours
NOTATIONS = (
    re.compile(
        r"(?P<before>[ACGT])\[(?P<old>[ACGT])>(?P<new>[ACGT])\](?P<after>[ACGT])"
    ),
    re.compile(r"(?P<before>[ACGT])(?P<old>[ACGT])(?P<after>[ACGT])>(?P<new>[ACGT])"),
    re.compile(
        r"(?P<before>[ACGT])(?P<old>[ACGT])(?P<after>[ACGT])>"
        r"(?P=before)(?P<new>[ACGT])(?P=after)"
    ),
)


@cache
def parse_channel(text):
    """Return the channel denoted by a text, written as in `CHANNELS`.

    Parameters
    ----------
    text : str
        "A[C>A]A", "ACA>A" or "ACA>AAA", in upper or lower case. A mutated purine is
        read on the other strand: "T[G>T]T" means "A[C>A]A".

    Raises
    ------
    ValueError
        If it does not denote a channel.
    """
    written = str(text).strip().upper()
    for notation in NOTATIONS:
        found = notation.fullmatch(written)
        if found and found["old"] != found["new"]:
            return _folded(**found.groupdict())
    raise ValueError(
        f"a channel must be written as A[C>A]A, ACA>A or ACA>AAA; got {text!r}"
    )


def _folded(before, old, new, after):
    """Return the channel as seen from the strand that has the pyrimidine."""
    if old in "AG":
        before, old, new, after = (
            base.translate(COMPLEMENT) for base in (after, old, new, before)
        )
    return f"{before}[{old}>{new}]{after}"


def trinucleotide(channel):
    """Return the three bases before the change: "ACA" for "A[C>T]A"."""
    name = parse_channel(channel)
    return name[0] + name[2] + name[-1]


def substitution(channel):
    """Return which base became which: "C>T" for "A[C>T]A"."""
    return parse_channel(channel)[2:5]


def align_channels(table, name="table"):
    """Return a table with its 96 columns ordered and named as in `CHANNELS`.

    Columns are matched by name, not position: files differ in order and notation.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, 96)
        Columns are channels in any order, in any notation of :func:`parse_channel`.
    name : str, default="table"
        Name of the table in error messages.

    Returns
    -------
    DataFrame of shape (n_samples, 96)
        The same rows and values.

    Raises
    ------
    ValueError
        If it is not a DataFrame, a column is not a channel, or a channel is missing or
        occurs twice (also in two notations, or once on each strand).
    """
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"{name} must be a DataFrame with the 96 channels as columns, to be "
            f"aligned by name; got {type(table).__name__}"
        )
    channels = pd.Index(_parsed(table, name), name="channel")
    twice = channels[channels.duplicated()]
    if len(twice):
        written = [str(c) for c in table.columns[channels == twice[0]]]
        raise ValueError(
            f"{name} must have each channel once; got {twice[0]} "
            f"{len(written)} times, as {written}"
        )
    missing = [channel for channel in CHANNELS if channel not in channels]
    if missing:
        more = f" and {len(missing) - 3} more" * (len(missing) > 3)
        raise ValueError(
            f"{name} must have all 96 channels; "
            f"{', '.join(missing[:3])}{more} missing in its {len(channels)} columns"
        )
    return table.set_axis(channels, axis=1)[list(CHANNELS)].rename_axis(
        columns="channel"
    )


def _parsed(table, name):
    """Return the channel of each column, or raise for one that is none."""
    parsed = []
    for column in table.columns:
        try:
            parsed.append(parse_channel(column))
        except ValueError as error:
            turned = _has_channels(table.index)
            hint = "; its rows are channels: transpose it" if turned else ""
            raise ValueError(
                f"{name} must have channels as columns, as A[C>A]A, ACA>A or ACA>AAA; "
                f"got {column!r}{hint}"
            ) from error
    return parsed


def _has_channels(labels):
    try:
        return bool([parse_channel(label) for label in labels])
    except ValueError:
        return False
