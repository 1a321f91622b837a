"""Every notebook afresh: the same bytes twice, and honest about what was not run."""

from unittest.mock import Mock

import pytest

from latentomics.data import DataUnavailable, requires
from latentomics.rerun import execute as module
from latentomics.rerun.execute import absent_files, execute_all

MADE = """
import sys
import matplotlib.pyplot as plt
import numpy as np
print("one"); print("two", file=sys.stderr); print("three")
fig, ax = plt.subplots(figsize=(1, 1))
_ = ax.plot(np.random.default_rng(seed).normal(size=9))
"""
FILES = sorted(requires("ctrpv2_auc"))
NEEDS = "---\nlatentomics: {data: [ctrpv2_auc]}\n---\n# A\n"
PARAMETERS = "```{code-cell}\n:tags: [parameters]\nseed: int = 7  # draws\n```\n"


def bytes_of(notebook):
    return notebook.path.with_suffix(".ipynb").read_bytes()


def test_twice_gives_the_same_bytes(write_notebook, tmp_path, client):
    folder = tmp_path / "notebooks"
    good = write_notebook(MADE)
    bad = write_notebook("1 / 0", name="13-bad")
    seen = []
    for _ in range(2):
        table = execute_all([good, bad], client, cell_timeout=60).set_index("notebook")
        seen.append(bytes_of(good))
    assert table["status"].to_dict() == {"12-toy": "done", "13-bad": "failed"}
    assert table.loc["13-bad", "note"].startswith("ZeroDivisionError: division by zero")
    assert "in the cell\n\n1 / 0" in table.loc["13-bad", "note"]
    assert seen[0] == seen[1]
    assert b"image/png" in seen[0]
    assert b"one\\n" in seen[0]
    assert str(tmp_path).encode() not in seen[0]
    assert {p.name for p in folder.iterdir()} == {
        "12-toy.md",
        "12-toy.ipynb",
        "13-bad.md",
    }


@pytest.fixture
def no_data(monkeypatch):
    def refuse(name):
        raise DataUnavailable(f"{name} is nowhere")

    monkeypatch.setattr("latentomics.data.fetch", refuse)


def test_absent_data_keeps_stored_outputs(write_notebook, no_data):
    notebook = write_notebook("'real'", header=NEEDS + PARAMETERS)
    table = execute_all([notebook], client=None, cell_timeout=60)
    assert table["status"].tolist() == ["kept"]
    assert table["note"].tolist() == [f"stored outputs shown: no {', '.join(FILES)}"]
    assert b"real" in bytes_of(notebook)


def test_absent_files_are_named(no_data):
    assert absent_files(["ctrpv2_auc"]) == {"ctrpv2_auc": FILES}
    assert absent_files([]) == {}


def test_present_files_are_not_absent(monkeypatch):
    monkeypatch.setattr("latentomics.data.fetch", lambda name: [name])
    assert absent_files(["ctrpv2_auc"]) == {}


def test_one_absent_file_is_told_from_those_here(monkeypatch):
    fates = [DataUnavailable("nowhere")] + (len(FILES) - 1) * ["here"]
    monkeypatch.setattr("latentomics.data.fetch", Mock(side_effect=fates))
    assert absent_files(["ctrpv2_auc"]) == {"ctrpv2_auc": FILES[:1]}


def test_a_shared_file_is_looked_for_once(monkeypatch):
    fetch = Mock()
    monkeypatch.setattr("latentomics.data.fetch", fetch)
    absent_files(["ctrpv2_auc", "ctrpv2_auc", "gdsc1_auc"])
    asked = [call.args[0] for call in fetch.call_args_list]
    assert len(asked) == len(set(asked)) > 1


def test_lost_worker_is_a_failure(write_notebook):
    class Lost:
        status = "error"

        def exception(self):
            return "killed"

    stored = module._store(write_notebook("1"), Lost())
    assert stored == ("failed", None, "the worker was lost: killed")
