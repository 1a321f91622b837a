"""A pytest plugin for nbval: what it leaves out, and what it compares besides text.

Used as ``PYTHONPATH=tests/notebooks pytest -p nbval_gate --nbval ... notebooks``.
Notebooks without their real data are left out, and named. Reported metrics and tables
are compared too. A cell whose metadata states ``latentomics: {tolerance: 1e-3}`` may
differ by so much in any number that it shows or reports.
"""

import json
import re
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
import pytest

from latentomics.data import available
from latentomics.rerun.notebook import round_message

LAST_DIGIT = 1e-5  # of six, to which metrics are stored
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")


@cache
def absent_datasets(path):
    """List the declared datasets of a notebook whose files are not here."""
    header = nbformat.read(path, as_version=4).metadata.get("latentomics", {})
    return [name for name in header.get("data", []) if not available(name)]


def left_out(config):
    """Map the notebooks asked for to the data they lack, if they lack any."""
    asked = [Path(config.invocation_params.dir, arg) for arg in config.args]
    paths = [p for a in asked for p in (sorted(a.glob("*.ipynb")) or [a])]
    found = {p.name: absent_datasets(p) for p in paths if p.suffix == ".ipynb"}
    return {name: absent for name, absent in found.items() if absent}


def agree(stored, found, tolerance, relative=0):
    """Say whether two texts differ in numbers alone, by the tolerances at most."""
    if " ".join(NUMBER.sub("#", stored).split()) != " ".join(
        NUMBER.sub("#", found).split()
    ):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(found), strict=True)
    pairs = [(float(a), float(b)) for a, b in pairs]
    return all(abs(a - b) <= tolerance + relative * abs(a) for a, b in pairs)


def messages(outputs):
    """List what the outputs report to machines, rounded as it is stored."""
    found = []
    for output in outputs:
        message = deepcopy(output.get("metadata", {}).get("latentomics", {}))
        round_message(message)
        found.append(json.dumps(message, sort_keys=True))  # stored ones are sorted
    return found


def compare(item, found, stored, plain):
    """Compare the outputs of a cell with the stored ones, `plain` being nbval's way."""
    tolerance = item.cell.metadata.get("latentomics", {}).get("tolerance", 0)
    found, stored = deepcopy(list(found)), deepcopy(list(stored))
    told, known = messages(found), messages(stored)
    if not agree("\n".join(known), "\n".join(told), tolerance, LAST_DIGIT):
        item.comparison_traceback = [f"reported {told}", f"stored {known}"]
        return False
    for new, old in zip(found, stored, strict=False) if tolerance else ():
        for kind in old.get("data", {}).keys() & new.get("data", {}).keys():
            if agree(str(old["data"][kind]), str(new["data"][kind]), tolerance):
                new["data"][kind] = old["data"][kind]
        if agree(old.get("text", ""), new.get("text", ""), tolerance):
            new.update({"text": old["text"]} if "text" in old else {})
    return plain(found, stored)


def pytest_collection_modifyitems(config, items):
    """Deselect the cells of notebooks whose data is absent; compare the others."""
    kept, dropped = [], []
    for item in items:
        absent = absent_datasets(item.path) if item.path.suffix == ".ipynb" else []
        (dropped if absent else kept).append(item)
        if hasattr(item, "compare_outputs"):
            plain = item.compare_outputs
            item.compare_outputs = lambda found, stored, item=item, plain=plain: (
                compare(item, found, stored, plain)
            )
    config.hook.pytest_deselected(items=dropped)
    items[:] = kept


def pytest_sessionfinish(session, exitstatus):
    """Call it no failure when every notebook was left out."""
    none = exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if none and left_out(session.config):
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(terminalreporter, config):
    """Name what was left out, and why."""
    for name, absent in left_out(config).items():
        terminalreporter.write_line(f"left out {name}: no data {', '.join(absent)}")
