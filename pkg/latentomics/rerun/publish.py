"""Small tables of paper-size runs, kept in the book with their provenance."""

import io
import json
from pathlib import Path

import pandas as pd

from latentomics.rerun.point import data_hashes
from latentomics.rerun.run import WHOLE, is_whole, write_json
from latentomics.rerun.source import source_hash


def publish(folders, notebook, results):
    """Write ``NAME.csv`` and ``NAME.json`` for every table that the runs reported.

    Parameters
    ----------
    folders : list of Path
        Finished runs of one notebook, for instance one per seed. Their tables are
        concatenated; parameters that differ become columns.
    notebook : Notebook
        In its current state: runs of an older source are refused.
    results : Path
        ``book/results`` of the project.

    Returns
    -------
    list of Path
        The CSV files written.
    """
    runs = [read_run(Path(folder)) for folder in folders]
    _check(runs, notebook)
    names = {name for run in runs for name in run["tables"]}
    if not names:
        raise ValueError(f"{notebook.name} reported no table; see report_table")
    stamp, written = _stamp(runs), []
    for name in sorted(names):
        target = Path(results) / f"{name}.csv"
        _refuse_other_owner(target.with_suffix(".json"), notebook.name)
        _joined(runs, name).to_csv(target, index=False, lineterminator="\n")
        write_json(target.with_suffix(".json"), stamp)
        written.append(target)
    return written


def fits(stamp, notebook):
    """Say whether a stored result still belongs to the code and data of today."""
    same_data = data_hashes(notebook.datasets).items() <= stamp["data"].items()
    return same_data and stamp["source_hash"] == source_hash(notebook)


def notebook_of(folder):
    """Return the name of the notebook behind a finished run."""
    return read_run(Path(folder))["notebook"]


def read_run(folder):
    """Return the record of a finished run, with its tables as text by name."""
    if not is_whole(folder):
        raise ValueError(f"{folder} is no finished run")
    params, found = (
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("params.json", WHOLE)
    )
    tables = {
        file.stem: file.read_text(encoding="utf-8")
        for file in sorted(folder.glob("tables/*.csv"))
    }
    return params | found | {"key": folder.name, "tables": tables}


def read_stamp(results, table):
    """Return the provenance of a table of `results`, from the JSON beside it.

    Raises
    ------
    ValueError
        If there is no such table; the message lists those that exist.
    """
    stamps = stamps_in(results)
    if table not in stamps:
        raise ValueError(f"table must be one of {', '.join(stamps)}; got {table!r}")
    return json.loads(stamps[table].read_text(encoding="utf-8"))


def stamps_in(results):
    """Return the paths of the stamps of `results`, by the name of their table."""
    found = sorted(Path(results).glob("*.json"))
    return {path.stem: path for path in found if path.with_suffix(".csv").is_file()}


def _check(runs, notebook):
    for run in runs:
        if run["notebook"] != notebook.name:
            raise ValueError(
                f"run {run['key']} is of {run['notebook']}, not of {notebook.name}"
            )
        if not fits(run, notebook):
            raise ValueError(
                f"run {run['key']} was made from another source than {notebook.name} "
                "has now; run it again"
            )
        if run["parameters"].get("scale", "paper") != "paper":
            raise ValueError(
                f"run {run['key']} has scale {run['parameters']['scale']!r}; "
                "the book keeps runs with scale 'paper'"
            )


def _stamp(runs):
    first = runs[0]
    values = {
        name: _single([run["parameters"][name] for run in runs])
        for name in first["parameters"]
    }
    return {
        "notebook": first["notebook"],
        "parameters": values,
        "seeds": sorted({r["parameters"]["seed"] for r in runs if "seed" in values}),
        "version": first["version"],
        "source_hash": first["source_hash"],
        "data": first["data"],
        "device": _single([run["device"] for run in runs]),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "runs": sorted(run["key"] for run in runs),
    }


def _single(values):
    distinct = list(dict.fromkeys(values))
    return distinct[0] if len(distinct) == 1 else distinct


def _joined(runs, name):
    varying = [
        key
        for key in runs[0]["parameters"]
        if len({str(run["parameters"][key]) for run in runs}) > 1
    ]
    frames = []
    for run in runs:  # as text, so that every digit stays as the notebook wrote it
        text = io.StringIO(run["tables"].get(name, ""))
        frame = pd.read_csv(text, dtype=str, keep_default_na=False)
        for key in varying:
            if key not in frame:
                frame.insert(0, key, str(run["parameters"][key]))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _refuse_other_owner(path, notebook):
    if not path.is_file():
        return
    owner = json.loads(path.read_text(encoding="utf-8"))["notebook"]
    if owner != notebook:
        raise ValueError(
            f"{path.stem} belongs to {owner}; {notebook} needs another name"
        )
