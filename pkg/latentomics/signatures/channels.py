"""Prepare catalogues: named channels, profiles, corrected opportunities."""

import numpy as np
import pandas as pd

from latentomics.checks import check_choice
from latentomics.data.sbs96 import (
    BASES,
    CHANNELS,
    CLASSES,
    align_channels,
    parse_channel,
    substitution,
    trinucleotide,
)
from latentomics.matrices import as_table, names_of, read_matrix

__all__ = [
    "BASES",
    "CHANNELS",
    "CLASSES",
    "align_channels",
    "correct_opportunities",
    "parse_channel",
    "substitution",
    "to_profiles",
    "trinucleotide",
]


def to_profiles(counts, name="counts"):
    r"""Return each sample's mutations as shares of the channels; rows sum to 1.

    .. math:: x_{nc} = m_{nc} \Big/ \sum_{c'} m_{nc'}

    (book: ``eq-profile``). Columns keep their order.

    Parameters
    ----------
    counts : DataFrame or array of shape (n_samples, n_channels)
        Numbers of mutations, or anything proportional to them in each row.
    name : str, default="counts"
        Name of `counts` in error messages.

    Returns
    -------
    DataFrame or ndarray of float64, as `counts`

    Raises
    ------
    ValueError
        If an entry is negative, missing or infinite, or a sample has no mutation.
    """
    frame = _read_counts(counts, name)
    largest = frame.max(axis=1)
    empty = largest.index[largest == 0]
    if len(empty):
        more = f" and in {len(empty) - 1} more" * (len(empty) > 1)
        raise ValueError(
            f"{name} must have a mutation in every sample; got none in {empty[0]!r}"
            f"{more}"
        )
    # divide by the largest first, so that sums neither underflow nor overflow
    frame = frame.div(largest, axis=0)
    profiles = frame.div(frame.sum(axis=1), axis=0)
    return profiles if isinstance(counts, pd.DataFrame) else profiles.to_numpy()


def _read_counts(table, name):
    """Return a table of float64; refuse a negative, missing or infinite entry."""
    table = as_table(table, name)
    values = read_matrix(table, name, gaps=None)
    frame = pd.DataFrame(values, names_of(table), names_of(table, axis=1))
    wrong = np.argwhere(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError(
            f"{name} must hold non-negative numbers; got {values[i, j]:g} in sample "
            f"{frame.index[i]!r}, channel {frame.columns[j]!r}"
        )
    return frame


def correct_opportunities(table, frequencies, *, source="exome", target="genome"):
    r"""Correct a table for the trinucleotide frequencies of another region.

    .. math:: x'_{nc} \propto x_{nc} \frac{f^{target}_{t(c)}}{f^{source}_{t(c)}}

    (book: ``eq-opportunities``), where :math:`t(c)` is the trinucleotide of a channel
    and f its frequency in a region. Each row keeps its sum, so profiles and signatures
    still sum to 1; counts become fractional. The inverse correction restores the table.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, 96)
        Counts, profiles or signatures; columns are channels, in any order and
        notation. Aligned by name.
    frequencies : DataFrame of shape (32, n_regions)
        Rows are trinucleotides ("ACA"), columns the names of regions, values
        positive relative frequencies, as ``load("trinucleotide_frequencies")``.
    source : str, default="exome"
        Column of `frequencies`: where the mutations were counted.
    target : str, default="genome"
        Column of `frequencies`: the region to convert to.

    Returns
    -------
    DataFrame of float64, shape (n_samples, 96)
        Columns are `CHANNELS`.

    Raises
    ------
    ValueError
        If a channel is missing or occurs twice, an entry of `table` is negative,
        missing or infinite, `frequencies` lacks a trinucleotide or holds anything but
        positive numbers, or `source` or `target` is not one of its columns.
    """
    table = _read_counts(align_channels(table), "table")
    regions = read_matrix(frequencies, "frequencies", gaps=None)
    frequencies = pd.DataFrame(regions, frequencies.index, frequencies.columns)
    check_choice("source", source, frequencies.columns)
    check_choice("target", target, frequencies.columns)
    ratio = _of_channels(frequencies, target) / _of_channels(frequencies, source)
    corrected = table * ratio
    sums = corrected.sum(axis=1).where(lambda s: s > 0, 1.0)  # an empty row stays empty
    return corrected.mul(table.sum(axis=1) / sums, axis=0)


def _of_channels(frequencies, region):
    """Return the frequency of each channel's trinucleotide, shape (96,)."""
    of = frequencies[region]
    contexts = [trinucleotide(channel) for channel in CHANNELS]
    missing = sorted(set(contexts) - set(of.index))
    if missing:
        raise ValueError(
            f"frequencies must have all 32 trinucleotides; {missing[0]} is missing"
        )
    values = of.loc[contexts].to_numpy(float)
    if len(values) != len(CHANNELS) or not (0 < values).all() or np.isinf(values).any():
        raise ValueError(
            f"frequencies must hold one positive number for each trinucleotide; "
            f"got {of.loc[[*dict.fromkeys(contexts)]].tolist()} in {region!r}"
        )
    return values
