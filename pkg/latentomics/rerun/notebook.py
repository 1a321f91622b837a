"""Notebooks as files: finding, reading and writing them reproducibly."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jupytext
import nbformat

from latentomics.rerun.parameters import read_cell

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT = ("tags", "mystnb", "latentomics")  # cell metadata in use
DIGITS = 6  # significant digits of reported numbers; others depend on the processor
DECIMAL = re.compile(r"(?<![^,\n])-?\d+(\.\d+)?([eE][-+]?\d+)?(?![^,\n])")
STREAMS = ("stdout", "stderr")


@dataclass(frozen=True)
class Notebook:
    """A text notebook (``.md``) or a plain ``.ipynb``, without outputs."""

    path: Path

    @property
    def name(self):
        """``24-cross-study`` for ``notebooks/24-cross-study.md``."""
        return self.path.stem

    @property
    def folder(self):
        """Where its kernel starts, so that relative paths mean the same everywhere."""
        return self.path.parent

    @cached_property
    def node(self):
        """Its cells, cleaned, with reproducible ids and no outputs."""
        fmt = "md:myst" if self.path.suffix == ".md" else "ipynb"
        nb = jupytext.read(self.path, fmt=fmt)
        for cell in code_cells(nb):
            cell.outputs, cell.execution_count = [], None
        return clean(nb, self.name)

    @property
    def title(self):
        """The first heading, or the name where there is none."""
        lines = (line for cell in self.node.cells for line in cell.source.splitlines())
        return next((x[2:].strip() for x in lines if x.startswith("# ")), self.name)

    @property
    def datasets(self):
        """The real data it declares in its header: ``latentomics: {data: [...]}``."""
        return list(self.node.metadata.get("latentomics", {}).get("data", []))

    @cached_property
    def parameters(self):
        """The `Parameter` list of its one parameters cell.

        Raises
        ------
        ValueError
            If there is not exactly one such cell, or a line of it is not a scalar.
        """
        cells = [
            c
            for c in code_cells(self.node)
            if "parameters" in c.metadata.get("tags", [])
        ]
        if len(cells) != 1:
            raise ValueError(
                f"{self.name} must have one cell tagged parameters; it has {len(cells)}"
            )
        return read_cell(cells[0].source)


def code_cells(nb):
    """List the code cells of a notebook node."""
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def find_folder(start="."):
    """Return the nearest folder ``notebooks`` with text notebooks, looking upwards."""
    start = Path(start).resolve()
    for parent in (start, *start.parents):
        if any((parent / "notebooks").glob("*.md")):
            return parent / "notebooks"
    raise ValueError(f"no folder notebooks with .md notebooks in {start} or above it")


def all_notebooks(folder):
    """List every text notebook of `folder`, by name."""
    return [Notebook(path) for path in sorted(Path(folder).glob("*.md"))]


def open_notebook(name):
    """Return the notebook at a path, or the one of that name in the nearest folder."""
    path = Path(name)
    if path.suffix in (".md", ".ipynb"):
        if not path.is_file():
            raise ValueError(f"there is no notebook {path}")
        return Notebook(path.resolve())
    known = {notebook.name: notebook for notebook in all_notebooks(find_folder())}
    if name not in known:
        raise ValueError(f"there is no notebook {name!r}; there are {', '.join(known)}")
    return known[name]


def clean(nb, stem):
    """Drop from `nb` everything that differs between identical runs; return it.

    Timings, versions and random ids are dropped; the streams of a cell are merged,
    since how they are split depends on timing; reported metrics and tables are rounded
    to six digits.
    """
    kept = {"kernelspec": dict(KERNEL)}
    if "latentomics" in nb.metadata:
        kept["latentomics"] = nb.metadata["latentomics"]
    nb.metadata = nbformat.from_dict(kept)
    nb.nbformat, nb.nbformat_minor = 4, 5
    for place, cell in enumerate(nb.cells, start=1):
        cell.id = f"{stem}-{place:02d}"
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}
        )
        cell.pop("attachments", None)
        if cell.cell_type == "code":
            cell.outputs = merge_streams(cell.outputs)
            for output in cell.outputs:
                round_message(output.get("metadata", {}).get("latentomics", {}))
    return nb


def round_message(message):
    """Round the metrics and tables that `report` left in an output, in place."""
    metrics, tables = message.get("metrics", {}), message.get("tables", {})
    for name, value in metrics.items():
        if isinstance(value, float):
            metrics[name] = float(f"{value:.{DIGITS}g}")
    for name, csv in tables.items():
        tables[name] = DECIMAL.sub(_shorter, csv)


def _shorter(field):
    text = field.group()
    return text if text.lstrip("-").isdigit() else f"{float(text):.{DIGITS}g}"


def merge_streams(outputs):
    """Put all of stdout, then all of stderr, before the other outputs of a cell."""
    said = {name: "" for name in STREAMS}
    for output in outputs:
        if output.output_type == "stream":
            said[output.name] += output.text
    merged = [
        nbformat.v4.new_output("stream", name=name, text=text)
        for name, text in said.items()
        if text
    ]
    return merged + [o for o in outputs if o.output_type != "stream"]


def write(nb, path):
    """Write `nb` to `path` unless the file is the same; say whether it was written."""
    text = nbformat.writes(nb) + "\n"
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def _drop_stale(nb, known):
    """Clear outputs that jupytext kept by position although the code has changed."""
    for cell in code_cells(nb):
        if cell.source not in known:
            cell.outputs, cell.execution_count = [], None


def sync(notebook):
    """Bring the ``.ipynb`` beside a text notebook up to date, keeping valid outputs.

    Outputs are kept while the code of their cell is unchanged; returns whether the file
    changed. Ignores modification times, which git does not keep.
    """
    target = notebook.path.with_suffix(".ipynb")
    fresh = jupytext.read(notebook.path, fmt="md:myst")
    if target.is_file():
        stored = nbformat.read(target, as_version=4)
        fresh = jupytext.combine.combine_inputs_with_outputs(
            fresh, stored, fmt="md:myst"
        )
        _drop_stale(fresh, known={cell.source for cell in code_cells(stored)})
    return write(clean(fresh, notebook.name), target)
