"""One run: whole or absent, failures kept with their reason, values never code."""

import json
from dataclasses import replace
from unittest.mock import Mock

import nbformat
import pytest

from latentomics.rerun import run
from latentomics.rerun.point import plan
from latentomics.rerun.run import execute, is_whole, run_point, used_device

HOSTILE = "'); import os; os.mkdir('hacked') #\"\n{x}\\"
CODE = """
from latentomics.rerun import report, report_table
import pandas as pd
report(twice=2 * lam, same_word=word, place=__import__("os").getcwd())
report_table("toy", pd.DataFrame({"seed": [seed], "third": [lam / 3]}))
"""


@pytest.fixture
def fake_execution(monkeypatch):
    """Replace the kernel: gives an empty notebook, or raises."""

    def install(error=None):
        empty = [nbformat.v4.new_notebook()]
        monkeypatch.setattr(run, "execute", Mock(side_effect=error or empty))

    return install


def test_run_of_a_real_kernel(write_notebook, tmp_path):
    notebook = write_notebook(CODE)
    point = plan(notebook, {"word": HOSTILE, "lam": 4.0})
    outcome = run_point(point, tmp_path / "r{u}ns", 60)
    assert outcome.status == "done"
    folder = tmp_path / "r{u}ns" / point.key
    found = json.loads((folder / "metrics.json").read_text())
    assert found["metrics"]["twice"] == 8.0
    assert found["metrics"]["same_word"] == HOSTILE
    assert found["metrics"]["place"] == str(notebook.folder)
    assert found["device"] == "cpu"
    table = (folder / "tables/toy.csv").read_text()
    assert table == f"seed,third\n7,{4 / 3}\n"  # to the last digit
    assert json.loads((folder / "params.json").read_text())["parameters"]["lam"] == 4.0
    assert "A toy" in (folder / "page.html").read_text()
    assert "Executing Cell" in (folder / "log.txt").read_text()
    assert not list(tmp_path.rglob("hacked"))
    assert [p.name for p in folder.parent.iterdir()] == [point.key]


def test_slow_cell_is_stopped(write_notebook, tmp_path):
    notebook = write_notebook("import time; time.sleep(30)")
    outcome = run_point(plan(notebook), tmp_path, 1)
    assert outcome.status == "failed"
    assert "timed out" in outcome.error.lower()


def test_whole_run_is_kept_untouched(write_notebook, tmp_path, fake_execution):
    fake_execution()
    point = plan(write_notebook("1"))
    assert run_point(point, tmp_path, 9).status == "done"
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    fake_execution(error=AssertionError("run again"))
    assert run_point(point, tmp_path, 9).status == "kept"
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == stamps


def test_a_run_whose_saved_file_is_gone_is_run_again(
    write_notebook, tmp_path, fake_execution
):
    saved = tmp_path / "new.csv"
    point = plan(write_notebook("1"))
    point = replace(point, parameters=point.parameters | {"save": str(saved)})
    for status in ("done", "done"):  # no kernel, no file
        fake_execution()
        assert run_point(point, tmp_path, 9).status == status
    saved.write_text("")
    assert run_point(point, tmp_path, 9).status == "kept"


def test_killed_run_is_redone_and_its_rest_removed(
    write_notebook, tmp_path, fake_execution
):
    fake_execution()
    point = plan(write_notebook("1"))
    rest = tmp_path / f".{point.key}-0"
    rest.mkdir()
    (rest / "metrics.json").write_text("{}")
    assert run_point(point, tmp_path, 9).status == "done"
    assert {p.name for p in tmp_path.iterdir()} == {"notebooks", point.key}


def test_kill_in_the_middle_leaves_no_folder_of_that_name(
    write_notebook, tmp_path, fake_execution
):
    fake_execution(error=KeyboardInterrupt())
    point = plan(write_notebook("1"))
    with pytest.raises(KeyboardInterrupt):
        run_point(point, tmp_path, 9)
    assert not (tmp_path / point.key).exists()
    assert not (tmp_path / f"{point.key}.failed").exists()


def test_failure_is_recorded_then_tried_again(write_notebook, tmp_path, fake_execution):
    point = plan(write_notebook("1"))
    failed = tmp_path / f"{point.key}.failed"
    for text in ("first", "second"):
        fake_execution(error=RuntimeError(text))
        assert run_point(point, tmp_path, 9).status == "failed"
        assert (failed / "error.txt").read_text() == f"RuntimeError: {text}\n"
        assert not is_whole(failed)
    fake_execution()
    assert run_point(point, tmp_path, 9).status == "done"
    assert not failed.exists()


def test_another_sweep_may_finish_first(write_notebook, tmp_path, monkeypatch):
    point = plan(write_notebook("1"))
    final = tmp_path / point.key

    def fill(part, point, cell_timeout):
        final.mkdir()
        (final / "metrics.json").write_text("theirs")

    monkeypatch.setattr(run, "_fill", fill)
    assert run_point(point, tmp_path, 9).status == "done"
    assert (final / "metrics.json").read_text() == "theirs"
    assert not list(tmp_path.glob(".*"))


def test_failing_cell_is_named(write_notebook, tmp_path):
    point = plan(write_notebook("lam / 0", "never = 1"))
    with pytest.raises(Exception, match="ZeroDivisionError") as caught:
        execute(
            point.cells,
            {},
            folder=point.folder,
            output=tmp_path / "notebook.ipynb",
            cell_timeout=60,
        )
    told = run.explain(caught.value)
    assert told.startswith("ZeroDivisionError: float division by zero")
    assert told.endswith("in the cell\n\nlam / 0")


def test_device_is_recorded_as_used():
    assert used_device("cpu") == "cpu"
    assert used_device("auto").split(" ")[0] in {"cpu", "cuda"}
