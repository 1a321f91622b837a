"""Run one point: execute its notebook in a folder that is renamed once complete."""

import json
import logging
import os
import shutil
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat

from latentomics.rerun.harvest import harvest
from latentomics.rerun.notebook import clean
from latentomics.rerun.page import to_html

QUIET = ["--log-level=CRITICAL"]  # or every kernel warns of its local port
WHOLE = "metrics.json"  # written last


@dataclass(frozen=True)
class Outcome:
    """How a point ended: done, kept (an earlier run already had it) or failed."""

    key: str
    status: str
    error: str = ""


def is_whole(folder):
    """Say whether `folder` holds a finished run."""
    return (folder / WHOLE).is_file()


def is_kept(point, out):
    """Say whether the run of `point` in `out` is finished and its `save` file exists.

    A point without `save` needs no file.
    """
    saved = point.parameters.get("save")
    return is_whole(Path(out) / point.key) and (not saved or Path(saved).exists())


def run_point(point, out, cell_timeout):
    """Run `point` into ``out/KEY`` and return its `Outcome`, even if a cell fails.

    Everything is written under a hidden temporary name and renamed in one step, so a
    folder named KEY is always complete, even after a power failure. A failure leaves
    ``KEY.failed`` with the reason, and the next call tries again. A run whose `save`
    file is gone is repeated.
    """
    final = Path(out) / point.key
    if is_kept(point, out):
        return Outcome(point.key, "kept")
    part = Path(out) / f".{point.key}-{uuid.uuid4().hex}"
    part.mkdir(parents=True)
    write_json(part / "params.json", point.describe())
    try:
        _fill(part, point, cell_timeout)
    except Exception as error:  # whatever a cell did, the other points go on
        return record_failure(point, out, explain(error), part)
    _rename(part, final)
    return Outcome(point.key, "done")


def _fill(part, point, cell_timeout):
    start = time.perf_counter()
    nb = execute(
        point.cells,
        point.changed,
        folder=point.folder,
        output=part / "notebook.ipynb",
        cell_timeout=cell_timeout,
    )
    seconds = time.perf_counter() - start
    metrics, tables = harvest(nb)  # before rounding
    nb = clean(nb, point.notebook)
    nbformat.write(nb, part / "notebook.ipynb")
    page = to_html(nb, point.title, point.folder)
    (part / "page.html").write_text(page, encoding="utf-8")
    for name, text in tables.items():
        (part / "tables").mkdir(exist_ok=True)
        (part / "tables" / f"{name}.csv").write_text(text, encoding="utf-8")
    device = used_device(point.parameters.get("device", "cpu"))
    found = {"metrics": metrics, "seconds": round(seconds, 1), "device": device}
    write_json(part / WHOLE, found)


def execute(cells, changed, *, folder, output, cell_timeout):
    """Execute a notebook given as JSON, with `changed` values, and return its node.

    Parameters
    ----------
    cells : str
    changed : dict
        Passed to papermill as data: it writes literals, never code.
    folder : path
        Where the kernel starts.
    output : Path
        The notebook is written here after every cell, even one that fails; ``log.txt``
        beside it records the time and printed output of every cell.
    cell_timeout : int
        Seconds that one cell may take.
    """
    import papermill

    with _log_into(output.with_name("log.txt")):
        return papermill.execute_notebook(
            nbformat.reads(cells, as_version=4),
            str(output).replace("{", "{{").replace("}", "}}"),  # papermill formats it
            changed,
            kernel_name="python3",
            progress_bar=False,
            log_output=True,
            cwd=str(folder),
            execution_timeout=cell_timeout,
            record_timing=False,
            extra_arguments=QUIET,
        )


def explain(error):
    """Return the error as text, with the source of the failing cell if there is one."""
    if not hasattr(error, "ename"):
        return f"{type(error).__name__}: {error}".strip()
    return f"{error.ename}: {error.evalue}\n\nin the cell\n\n{error.source}"


def record_failure(point, out, error, part=None):
    """Leave ``KEY.failed`` with the reason, and return the failed `Outcome`."""
    failed = Path(out) / f"{point.key}.failed"
    if part is None:
        part = Path(out) / f".{point.key}-{uuid.uuid4().hex}"
        part.mkdir(parents=True)
        write_json(part / "params.json", point.describe())
    (part / "error.txt").write_text(error + "\n", encoding="utf-8")
    shutil.rmtree(failed, ignore_errors=True)
    os.replace(part, failed)
    return Outcome(point.key, "failed", error)


def _rename(part, final):
    try:
        os.replace(part, final)
    except OSError:  # another sweep finished the same point first
        shutil.rmtree(part)
        if not is_whole(final):
            raise
    leftovers = [final.with_name(f"{final.name}.failed")]
    for folder in [*leftovers, *final.parent.glob(f".{final.name}-*")]:
        shutil.rmtree(folder, ignore_errors=True)


def used_device(device):
    """Name what `device` means on this machine, for the record."""
    if device == "cpu":
        return device
    from latentomics.arrays import resolve_device

    found = resolve_device(device)
    if found.type != "cuda":
        return found.type
    import torch

    return f"cuda ({torch.cuda.get_device_name(found)})"


def write_json(path, content):
    """Write `content` as indented JSON, keys in their own order."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _log_into(path):
    logger, handler = logging.getLogger("papermill"), logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level, logger.propagate = logger.level, False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(level)
        logger.propagate = True
