"""Prove on a part of a stored table that the current code still reproduces it."""

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from latentomics.rerun.publish import read_run, stamps_in
from latentomics.rerun.run import write_json

CLOCKS = ("seconds",)  # columns that differ between any two runs
WHOLE_NUMBER = re.compile(r"[-+]?\d+")
LOOSEST = 0.01  # a tolerance that still proves something
SMALL = 1e-6  # of a column's largest number: smaller ones are compared relative to this
WIDEST = 0.1  # relative difference of a noisy row
SIGNED = 0.01  # of the median size: a noisy number beyond it keeps its sign


@dataclass(frozen=True)
class Comparison:
    """How the rerun part of one table compares with the stored one."""

    table: str
    rows: int
    difference: float  # largest, relative
    where: str  # column and row of it
    noisy_rows: int = 0
    noisy_difference: float = 0.0
    noisy_where: str = ""

    def __str__(self):
        place = f", in {self.where}" if self.difference else ""
        text = (
            f"{self.table}: {self.rows} rows, largest relative difference "
            f"{self.difference:.2g}{place}"
        )
        if not self.noisy_rows:
            return text
        place = f", in {self.noisy_where}" if self.noisy_difference else ""
        noise = f"{self.noisy_difference:.2g}{place}"
        return f"{text}; of {self.noisy_rows} noisy ones {noise}"


def part_of(stamp, stated, known):
    """Return all parameters of the part of a stored table to run again.

    A parameter that the notebook no longer has is left out; the comparison shows
    whether it mattered.

    Parameters
    ----------
    stamp : dict
        Content of ``TABLE.json``.
    stated : dict
        Values that select the part: for each parameter that differs between the runs
        behind the table, one of those stored. Others may be given too.
    known : sequence of str
        The parameters that the notebook has today.

    Raises
    ------
    ValueError
        If such a parameter is not stated or no longer exists, or the table has no runs
        with that value.
    """
    values = dict(stamp["parameters"])
    for name in sorted(values.keys() - set(known)):
        if isinstance(values.pop(name), list):
            raise ValueError(
                f"{stamp['notebook']} must have the parameters by which the stored "
                f"runs differ; got no {name}: run everything again and publish it"
            )
    for name, stored in values.items():
        if not isinstance(stored, list):
            continue
        if name not in stated:
            raise ValueError(
                f"state which {name} to run again, one of "
                f"{', '.join(map(str, stored))}; got none"
            )
        if stated[name] not in stored:
            raise ValueError(
                f"{name} must be one of {', '.join(map(str, stored))}, which the table "
                f"was made from; got {stated[name]}"
            )
    return values | stated


def restamp(folder, stamp, results, *, tolerance=0.0, noisy=None):
    """Compare a finished run with its part of the stored tables; stamp if they agree.

    All tables of the notebook are compared, and all or none are stamped. A stamp
    keeps the list of such proofs: the part, the difference found and the tolerance.

    Parameters
    ----------
    folder : Path
        The run of that part, made by the current code.
    stamp : dict
        Content of the JSON beside one of the tables.
    results : Path
        ``book/results`` of the project.
    tolerance : float from 0 to 0.01, default=0.0
        Largest relative difference allowed in a column of numbers; differences of those
        below a millionth of the column's largest are relative to that millionth. 0 =
        equal to the last digit. Whole numbers and words must be equal.
    noisy : dict of str to list of str, optional
        Column -> cells of the rows whose fits amplify rounding, as long trainings and
        choices among near ties do; at most half of the rows. Their numbers, whole ones
        too, may differ by a tenth; those below the median size of their column, by a
        tenth of that, but not in sign unless both are below a hundredth of it.

    Returns
    -------
    list of Comparison

    Raises
    ------
    ValueError
        If the run has other tables than those stored, a table has other rows, columns
        or words, or a number differs by more than the tolerance.
    """
    if not 0 <= tolerance <= LOOSEST:
        raise ValueError(f"tolerance must be from 0 to {LOOSEST}; got {tolerance:g}")
    run, results = read_run(Path(folder)), Path(results)
    stamps = {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in stamps_in(results).items()
    }
    stamps = {k: v for k, v in stamps.items() if v["notebook"] == run["notebook"]}
    if stamps.keys() != run["tables"].keys():
        raise ValueError(
            f"the run must leave the tables that are stored of {run['notebook']}, "
            f"{', '.join(stamps)}; got {', '.join(run['tables']) or 'none'}"
        )
    part = {
        name: run["parameters"].get(name)  # None: the parameter no longer exists
        for name, stored in stamp["parameters"].items()
        if isinstance(stored, list) or stored != run["parameters"].get(name)
    }
    tables = {name: _read(results / f"{name}.csv") for name in stamps}
    for column, cells in (noisy or {}).items():
        known = {cell for table in tables.values() for cell in table.get(column, ())}
        if not set(cells) <= known:
            raise ValueError(
                f"noisy must be a column and cells of it, {', '.join(sorted(known))}; "
                f"got {column}={','.join(cells)}"
            )
    found = [
        compare(name, tables[name], _read(io.StringIO(text)), part, noisy)
        for name, text in run["tables"].items()
    ]
    for each in found:
        if not (each.difference <= tolerance and each.noisy_difference <= WIDEST):
            raise ValueError(f"tolerance is {tolerance:g}; got {each}")
    for each in found:
        old = stamps[each.table]
        proof = {
            "part": part,
            "rows": each.rows,
            "difference": each.difference,
            "tolerance": tolerance,
            "version": run["version"],
            "device": run["device"],
        }
        if noisy:
            proof |= {"noisy": noisy, "noisy_rows": each.noisy_rows}
            proof |= {"noisy_difference": each.noisy_difference}
        new = {"source_hash": run["source_hash"], "data": run["data"]}
        proofs = {"restamped": [*old.get("restamped", []), proof]}
        write_json(results / f"{each.table}.json", old | new | proofs)
    return found


def compare(name, stored, fresh, part, noisy=None):
    """Return the `Comparison` of a fresh table with its part of the stored one."""
    stored = _rows_of(stored, part)
    columns = [c for c in stored.columns if c in fresh.columns]
    missing = set(stored.columns) - set(columns) - set(part)
    added = set(fresh.columns) - set(columns)
    if missing or added:
        raise ValueError(
            f"{name} must have the columns stored; got {sorted(added)} in place of "
            f"{sorted(missing)}"
        )
    if not len(stored):
        raise ValueError(f"{name} must have rows stored for {part}; got none")
    if len(stored) != len(fresh):
        raise ValueError(
            f"{name} must have the {len(stored)} rows stored for {part}; "
            f"got {len(fresh)}"
        )
    loud = np.zeros(len(fresh), dtype=bool)
    for column, cells in (noisy or {}).items():
        if column in stored:
            loud |= stored[column].isin(cells).to_numpy()
    if 2 * loud.sum() > len(loud):
        raise ValueError(
            f"noisy must be at most half of the {len(loud)} rows of {name}; "
            f"got {loud.sum()}"
        )
    columns = [c for c in columns if c not in CLOCKS]
    apart = [_apart(name, c, stored[c], fresh[c], loud) for c in columns]
    quiet, noise = ([np.where(rows, d, 0.0) for d in apart] for rows in (~loud, loud))
    found = _largest(columns, quiet), (int(loud.sum()), *_largest(columns, noise))
    return Comparison(name, len(fresh), *found[0], *found[1])


def _rows_of(table, part):
    """Return the rows of a part; a parameter that is gone singles out none."""
    for column, value in part.items():
        if column in table and value is not None:
            table = table.loc[[_same(cell, value) for cell in table[column]]]
    return table


def _largest(columns, sizes):
    """Return the largest number of all columns, and its position."""
    size, where = 0.0, ""
    for column, found in zip(columns, sizes, strict=True):
        if found.max() > size:
            size, where = float(found.max()), f"{column}, row {found.argmax()}"
    return size, where


def _apart(name, column, old, new, loud):
    """Return relative differences cell by cell; words and whole numbers must be equal.

    In noisy rows, those that are `loud`, whole numbers may differ too.
    """
    old, new = old.to_list(), new.to_list()
    numbers = [pd.to_numeric(pd.Series(x), errors="coerce") for x in (old, new)]
    exact = ~(numbers[0].notna() & numbers[1].notna())
    if all(map(WHOLE_NUMBER.fullmatch, old)):
        exact[~loud] = True
    for row, (a, b) in enumerate(zip(old, new, strict=True)):
        if a != b and exact[row]:
            raise ValueError(
                f"{name} must have {a!r} in {column}, row {row}, as stored; got {b!r}"
            )
    gap = np.abs(numbers[0] - numbers[1]).fillna(0).to_numpy()
    sizes = np.abs(numbers).max(axis=0)
    finite = sizes[np.isfinite(sizes)]
    sizes = np.where(np.isfinite(sizes), sizes, 0)
    least = SMALL * finite.max(initial=0)
    usual = np.median([*finite, least])
    turned = (numbers[0] * numbers[1] < 0).to_numpy()
    usual = np.where(turned & (sizes > SIGNED * usual), least, usual)
    size = np.maximum(sizes, np.where(loud, usual, least))
    return gap / np.where(size > 0, size, 1.0)


def _same(cell, value):
    """Say whether the text of a cell equals a value."""
    try:
        return float(cell) == float(value)
    except ValueError:
        return cell == str(value)


def _read(text):
    """Read a table as text, so that every digit stays as it was written."""
    return pd.read_csv(text, dtype=str, keep_default_na=False)
