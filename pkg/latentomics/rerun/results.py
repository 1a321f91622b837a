"""The results of many runs as one tidy table."""

import json
from pathlib import Path

import pandas as pd

from latentomics.rerun.run import WHOLE, is_whole

FORMATS = ("markdown", "csv", "parquet")


def collect(out):
    """Return one row per run in `out`: its parameters, its metrics, how it ended.

    Parameters
    ----------
    out : path
        Folder given to ``latentomics run --out``.

    Returns
    -------
    DataFrame
        Columns run, notebook, status, parameters, metrics, seconds, ran_on, error.
        A metric named like a parameter is called ``metric.NAME``.
    """
    out = Path(out)
    if not out.is_dir():
        raise ValueError(f"there is no folder of runs {out}")
    named = [f.parent for f in sorted(out.glob("*/params.json"))]
    rows = [_row(folder) for folder in named if folder.name[0] != "."]  # unfinished
    done = {row["run"] for row in rows if row["status"] == "done"}
    rows = [r for r in rows if r["status"] == "done" or r["run"] not in done]
    if not rows:
        raise ValueError(f"there are no runs in {out}")
    return _ordered(pd.DataFrame(rows))


def _row(folder):
    params = _json(folder / "params.json")
    row = {"run": folder.name.removesuffix(".failed"), "notebook": params["notebook"]}
    row |= {"status": "done"} | params["parameters"]
    if not is_whole(folder):
        error = (folder / "error.txt").read_text(encoding="utf-8")
        return row | {"status": "failed", "error": error.splitlines()[0]}
    found = _json(folder / WHOLE)
    for name, value in found["metrics"].items():
        row[f"metric.{name}" if name in row else name] = value
    return row | {"seconds": found["seconds"], "ran_on": found["device"], "error": ""}


def _ordered(table):
    last = [name for name in ("seconds", "ran_on", "error") if name in table]
    names = [name for name in table if name not in last]
    return table.reindex(columns=names + last).fillna({"error": ""})


def save(table, form="markdown", path=None):
    """Write `table` to `path` in one of `FORMATS`; without a path, return its text."""
    if form not in FORMATS:
        raise ValueError(f"--format must be one of {', '.join(FORMATS)}; got {form!r}")
    if form == "parquet" and path is None:
        raise ValueError("--format parquet needs --out FILE: it is no text to print")
    if form == "parquet":
        table.to_parquet(path, index=False)
        return ""
    text = to_text(table) if form == "markdown" else table.to_csv(index=False)
    if path is None:
        return text
    Path(path).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return ""


def to_text(table):
    """Return `table` as Markdown; an empty cell where there is no value."""
    shown = table.astype(object).where(table.notna(), "")
    return shown.to_markdown(index=False)


def _json(path):
    return json.loads(path.read_text(encoding="utf-8"))
