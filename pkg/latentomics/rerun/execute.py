"""Run every notebook of the book afresh and store its outputs beside it."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd

from latentomics.rerun.notebook import clean, sync, write
from latentomics.rerun.run import execute, explain
from latentomics.rerun.sweep import in_progress


@dataclass(frozen=True)
class Page:
    """One notebook to execute, as plain data that travels to a worker."""

    notebook: str
    cells: str
    folder: str


def execute_all(notebooks, client, *, cell_timeout):
    """Execute `notebooks` with their defaults, in parallel; store outputs in place.

    A notebook whose real data can be neither found nor downloaded keeps its stored
    outputs; so does one that fails.

    Returns
    -------
    DataFrame
        Columns notebook, status (done, kept, failed), seconds, note; a failure's note
        holds the cell and the error.
    """
    absent = absent_files({name for n in notebooks for name in n.datasets})
    rows, todo = {}, {}
    for notebook in notebooks:
        lacking = [name for name in notebook.datasets if name in absent]
        if lacking:
            sync(notebook)
            files = dict.fromkeys(file for name in lacking for file in absent[name])
            note = f"stored outputs shown: no {', '.join(files)}"
            rows[notebook.name] = ("kept", None, note)
        else:
            todo[notebook.name] = notebook
    pages = [
        Page(n.name, nbformat.writes(n.node), str(n.folder)) for n in todo.values()
    ]
    for page, future in in_progress(client, execute_page, pages, cell_timeout):
        rows[page.notebook] = _store(todo[page.notebook], future)
    table = [(n.name, *rows[n.name]) for n in notebooks]
    return pd.DataFrame(table, columns=["notebook", "status", "seconds", "note"])


def execute_page(page, cell_timeout):
    """Return (cells as JSON, seconds, error) of one notebook; runs on a worker."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            nb = execute(
                page.cells,
                None,
                folder=page.folder,
                output=Path(scratch) / "notebook.ipynb",
                cell_timeout=cell_timeout,
            )
        except Exception as error:  # a cell may raise anything; the others go on
            return None, time.perf_counter() - start, explain(error)
    cells = nbformat.writes(clean(nb, page.notebook))
    return cells, time.perf_counter() - start, ""


def absent_files(datasets):
    """Map those of `datasets` that are unavailable to their absent files.

    Every file is looked for, and downloaded, once.
    """
    if not datasets:  # simulated data need no data extra
        return {}
    from latentomics.data import DataUnavailable, fetch, requires

    absent = set()
    for file in sorted({file for name in datasets for file in requires(name)}):
        try:
            fetch(file)
        except DataUnavailable:
            absent.add(file)
    found = {name: sorted(absent.intersection(requires(name))) for name in datasets}
    return {name: files for name, files in found.items() if files}


def _store(notebook, future):
    if future.status != "finished":
        return "failed", None, f"the worker was lost: {future.exception()}"
    cells, seconds, error = future.result()
    if error:
        return "failed", round(seconds, 1), error
    nb = nbformat.reads(cells, as_version=4)
    write(nb, notebook.path.with_suffix(".ipynb"))
    return "done", round(seconds, 1), ""
