"""Catalogues and signatures in files, as SigProfiler writes and reads them."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from latentomics.data import read_table
from latentomics.data.channels import align_channels

FIRST = "MutationType"


def read_catalogue(path, *, sheet=None):
    """Return a table of SigProfiler's form, turned to rows = samples.

    Such a file has a line for each channel: its name, then one number per sample (or
    per signature). SigProfiler's own end in .all or .txt and have tabs; its table of
    signatures looks the same.

    Parameters
    ----------
    path : str or path
        As :func:`latentomics.data.read_table` takes it. The first column holds the
        channels, in any order and any notation of
        :func:`latentomics.signatures.channels.parse_channel`.
    sheet : str, optional
        Which sheet of an .xlsx file; needed if it has several.

    Returns
    -------
    DataFrame of shape (n_samples, 96)
        Columns are `CHANNELS`. Whole numbers come as int, others as float64. A
        sample without mutations stays; ``to_profiles`` is what refuses it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table: a channel is unknown, missing or there twice, or a
        number is missing, negative or infinite.
    """
    name = Path(path).name
    table = align_channels(_read(Path(path), sheet), name)
    values = table.to_numpy()
    wrong = np.argwhere(~(values >= 0))
    if len(wrong):
        i, j = wrong[0]
        got = "nothing" if np.isnan(values[i, j]) else f"{values[i, j]:g}"
        raise ValueError(
            f"{name} must hold numbers from 0 up; got {got} for sample "
            f"{table.index[i]!r}, channel {table.columns[j]}"
        )
    return table.astype(int) if (values == np.floor(values)).all() else table


def _read(path, sheet):
    if path.suffix != ".all" or not path.is_file():
        return read_table(path, transpose=True, sheet=sheet)
    with TemporaryDirectory() as folder:  # tabs under another name
        copy = shutil.copy(path, Path(folder) / f"{path.name}.txt")
        return read_table(copy, transpose=True, sheet=sheet)


def write_catalogue(table, path):
    """Write a table so that SigProfiler reads it: a line per channel, tabs between.

    Parameters
    ----------
    table : DataFrame of shape (n_samples, 96)
        Counts, profiles or signatures, columns = channels in any order and notation.
        Written in the order of `CHANNELS`, as "A[C>A]A", numbers with all digits.
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
