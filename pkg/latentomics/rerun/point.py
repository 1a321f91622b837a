"""The inputs of a run, and the name derived from them."""

import hashlib
import json
from dataclasses import dataclass

import nbformat

from latentomics import __version__
from latentomics.rerun.inputs import inputs
from latentomics.rerun.source import source_hash


@dataclass(frozen=True)
class Point:
    """One notebook with one set of values, as plain data to send to a worker.

    Attributes
    ----------
    notebook, title : str
    cells : str
        The notebook as JSON, read once, so that an edit cannot split a sweep.
    folder : str
        Where its kernel starts.
    changed, parameters : dict
        The values that differ from the defaults, and all of them.
    made_from : dict
        What else a result depends on: version, hashes of notebook, code and data.
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
        """The name of the run's folder: a hash of all that the result depends on."""
        text = json.dumps(self.describe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self):
        """Return the content of ``params.json``."""
        named = {"notebook": self.notebook, "parameters": self.parameters}
        return named | self.made_from


def plan(notebook, values=None):
    """Return the `Point` of a `Notebook` and a dict of values that replace defaults.

    Raises
    ------
    ValueError
        If a value names an input that cannot be hashed, see :func:`inputs`.
    """
    defaults = {p.name: p.default for p in notebook.parameters}
    values, hashes = inputs(values or {}, defaults, notebook.folder)
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
            "data": data_hashes(notebook.datasets) | hashes,
        },
    )


def data_hashes(datasets):
    """Return the registered sha256 of every file of `datasets`, by file name."""
    if not datasets:  # made data needs no data extra
        return {}
    from latentomics.data.registry import registry, requires

    files = {file for name in datasets for file in requires(name)}
    return {file: registry()[file].sha256 for file in sorted(files)}
