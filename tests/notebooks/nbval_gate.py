"""A pytest plugin for nbval: what it leaves out, and what it compares besides text.

Used as ``PYTHONPATH=tests/notebooks pytest -p nbval_gate --nbval ... notebooks``.
Notebooks without their real data are left out, and named. Reported metrics and tables
are compared too. A cell whose metadata states ``latentomics: {tolerance: 1e-3}`` may
differ by so much in any float that it shows or reports. Whole numbers, words, keys and
the heads of tables are compared exactly.
"""

import re
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
import pytest

from latentomics.data import available
from latentomics.rerun.notebook import round_message

LAST_DIGIT = 1e-5  # of six, to which metrics are stored
# alone: no part of a word, of a version or of a name
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?(?!\.?\w)")


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
    """Say whether two texts differ in floats alone, by the tolerances at most."""
    if " ".join(NUMBER.sub("#", stored).split()) != " ".join(
        NUMBER.sub("#", found).split()
    ):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(found), strict=True)
    return all(a == b or _near(a, b, tolerance, relative) for a, b in pairs)


def _near(a, b, tolerance, relative):
    """Say whether two numbers, of which one at least is no whole one, are near."""
    whole = all(number.lstrip("+-").isdigit() for number in (a, b))
    a, b = float(a), float(b)
    return not whole and abs(a - b) <= tolerance + relative * abs(a)


def agree_reported(stored, found, tolerance):
    """Say whether two values reported, or dicts of such, differ in floats alone."""
    if isinstance(stored, dict) and isinstance(found, dict):
        return stored.keys() == found.keys() and all(
            agree_reported(stored[key], found[key], tolerance) for key in stored
        )
    if isinstance(stored, float) and isinstance(found, float):
        return agree(repr(stored), repr(found), tolerance, LAST_DIGIT)
    return type(stored) is type(found) and stored == found


def agree_tables(stored, found, tolerance):
    """Say whether two dicts of CSV text have the same names, heads and rows."""
    return stored.keys() == found.keys() and all(
        csv.split("\n")[0] == found[name].split("\n")[0]
        and agree(csv, found[name], tolerance, LAST_DIGIT)
        for name, csv in stored.items()
    )


def messages(outputs):
    """List what the outputs report to machines, rounded as it is stored."""
    found = []
    for output in outputs:
        message = deepcopy(output.get("metadata", {}).get("latentomics", {}))
        round_message(message)
        found.append(message)
    return [message for message in found if message]  # streams come first when stored


def agree_messages(stored, found, tolerance):
    """Say whether outputs report the same, tables and all else."""
    if len(stored) != len(found):
        return False
    for old, new in zip(stored, found, strict=True):
        tables = [message.get("tables", {}) for message in (old, new)]
        rest = [{**message, "tables": None} for message in (old, new)]
        if not agree_tables(*tables, tolerance):
            return False
        if not agree_reported(*rest, tolerance):
            return False
    return True


def compare(item, found, stored, plain):
    """Compare the outputs of a cell with the stored ones, `plain` being nbval's way."""
    tolerance = item.cell.metadata.get("latentomics", {}).get("tolerance", 0)
    found, stored = deepcopy(list(found)), deepcopy(list(stored))
    told, known = messages(found), messages(stored)
    if not agree_messages(known, told, tolerance):
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
