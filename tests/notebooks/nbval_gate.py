"""A pytest plugin for nbval: notebooks without their real data are left out, and named.

Used as ``PYTHONPATH=tests/notebooks pytest -p nbval_gate --nbval ... notebooks``.
"""

from functools import cache
from pathlib import Path

import nbformat
import pytest

from latentomics.data import available

left_out = {}


@cache
def absent_datasets(path):
    """List the declared datasets of a notebook whose files are not here."""
    header = nbformat.read(path, as_version=4).metadata.get("latentomics", {})
    return [name for name in header.get("data", []) if not available(name)]


def pytest_collection_modifyitems(config, items):
    """Deselect the cells of every notebook whose data is absent."""
    kept, dropped = [], []
    for item in items:
        absent = absent_datasets(item.path) if item.path.suffix == ".ipynb" else []
        (dropped if absent else kept).append(item)
        left_out.update({Path(item.path).name: absent} if absent else {})
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept


def pytest_sessionfinish(session, exitstatus):
    """Call it no failure when every notebook was left out."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and left_out:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter):
    """Name what was left out, and why."""
    for name, absent in left_out.items():
        terminalreporter.write_line(f"left out {name}: no data {', '.join(absent)}")
