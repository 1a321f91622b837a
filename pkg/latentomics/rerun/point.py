"""What a run is made from, and the name that follows from it."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import nbformat

from latentomics import __version__
from latentomics.rerun.source import source_hash


@dataclass(frozen=True)
class Point:
    """One notebook with one set of values; plain data, so that it travels to a worker.

    Attributes
    ----------
    notebook, title : str
    cells : str
        The notebook as JSON, taken once, so that an edit cannot split a sweep.
    folder : str
        Where its kernel starts.
    changed, parameters : dict
        The values that differ from the defaults, and all of them.
    made_from : dict
        What a result depends on besides: version, hashes of notebook, code and data.
    """

    notebook: str
    title: str
    cells: str
    folder: str
    changed: dict
    parameters: dict
    made_from: dict

    @property
    def key(self):
        """The name of the run's folder: equal if nothing that matters differs."""
        text = json.dumps(self.describe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self):
        """Return what ``params.json`` says."""
        named = {"notebook": self.notebook, "parameters": self.parameters}
        return named | self.made_from


def plan(notebook, values=None):
    """Return the `Point` of a `Notebook` and a dict of values that replace defaults."""
    defaults = {p.name: p.default for p in notebook.parameters}
    values = {name: _anchored(value) for name, value in (values or {}).items()}
    cells = nbformat.writes(notebook.node)
    return Point(
        notebook=notebook.name,
        title=notebook.title,
        cells=cells,
        folder=str(notebook.folder.resolve()),
        changed={k: v for k, v in values.items() if v != defaults[k]},
        parameters=defaults | values,
        made_from={
            "version": __version__,
            "notebook_hash": hashlib.sha256(cells.encode()).hexdigest(),
            "source_hash": source_hash(notebook),
            "data": data_hashes(notebook.datasets) | _own_files(values),
        },
    )


def data_hashes(datasets):
    """Return the registered sha256 of every file of `datasets`, by file name."""
    if not datasets:  # made data needs no data extra
        return {}
    from latentomics.data.registry import registry, requires

    files = {file for name in datasets for file in requires(name)}
    return {file: registry()[file].sha256 for file in sorted(files)}


def _is_file(value):
    return isinstance(value, str) and "." in value and os.path.isfile(value)


def _anchored(value):
    """Make a path that was typed here mean the same where the notebook runs."""
    return str(Path(value).resolve()) if _is_file(value) else value


def _own_files(values):
    """Hash the user's own files among the values: other content is another run."""
    files = [Path(value) for value in values.values() if _is_file(value)]
    return {str(f): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}
