"""Many points: a bad one never stops the others, a killed sweep resumes."""

import os
from dataclasses import replace

import pytest

from latentomics.rerun import sweep as module
from latentomics.rerun.point import plan
from latentomics.rerun.results import collect
from latentomics.rerun.run import Outcome, write_json
from latentomics.rerun.sweep import sweep

CODE = """
from latentomics.rerun import report
report(half=lam / 2, inverse=1 / lam)
"""


def run_quickly(point, out, cell_timeout):
    """Stand in for run_point: no kernel, and lam tells how the point ends."""
    from pathlib import Path

    fates = {3.0: lambda: os._exit(1), 4.0: lambda: 1 / 0}
    fates.get(point.parameters["lam"], lambda: None)()
    folder = Path(out) / point.key
    folder.mkdir(exist_ok=True)
    write_json(folder / "params.json", point.describe())
    found = {"metrics": {}, "seconds": 0.1, "device": "cpu"}
    write_json(folder / "metrics.json", found)
    return Outcome(point.key, "done")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(module, "run_point", run_quickly)


def test_sweep_of_real_kernels(write_notebook, tmp_path, client):
    notebook = write_notebook(CODE)
    points = [plan(notebook, {"lam": lam}) for lam in (0.0, 2.0)]
    bad, good = sweep(points, tmp_path / "runs", client, cell_timeout=60)
    assert (bad.status, good.status) == ("failed", "done")
    table = collect(tmp_path / "runs").set_index("lam")
    assert table.loc[2.0, ["half", "inverse", "status"]].tolist() == [1.0, 0.5, "done"]
    assert table.loc[0.0, "status"] == "failed"
    assert table.loc[0.0, "error"] == "ZeroDivisionError: float division by zero"


def test_resumed_sweep_redoes_nothing(write_notebook, tmp_path, client, quick):
    notebook = write_notebook("1")
    first, second = (plan(notebook, {"lam": lam}) for lam in (1.0, 2.0))
    sweep([first], tmp_path / "runs", client, cell_timeout=9)
    (tmp_path / "runs" / f".{second.key}-0").mkdir()  # as a kill leaves it
    stamp = (tmp_path / "runs" / first.key / "metrics.json").stat().st_mtime_ns
    outcomes = sweep([first, second], tmp_path / "runs", client, cell_timeout=9)
    assert [o.status for o in outcomes] == ["kept", "done"]
    again = (tmp_path / "runs" / first.key / "metrics.json").stat().st_mtime_ns
    assert again == stamp


def test_a_run_whose_saved_file_is_gone_is_run_again(
    write_notebook, tmp_path, client, quick
):
    saved, out = tmp_path / "new.csv", tmp_path / "runs"
    point = plan(write_notebook("1"), {"lam": 2.0})
    point = replace(point, parameters=point.parameters | {"save": str(saved)})
    for _ in range(2):
        assert sweep([point], out, client, cell_timeout=60)[0].status == "done"
    saved.write_text("")
    assert sweep([point], out, client, cell_timeout=60)[0].status == "kept"


def test_same_point_twice_is_one_run(write_notebook, tmp_path, client, quick):
    notebook = write_notebook("1")
    assert len(sweep(2 * [plan(notebook)], tmp_path / "r", client, cell_timeout=9)) == 1


def test_error_of_the_runner_is_recorded(write_notebook, tmp_path, client, quick):
    notebook = write_notebook("1")
    points = [plan(notebook, {"lam": lam}) for lam in (4.0, 5.0)]
    outcomes = sweep(points, tmp_path / "runs", client, cell_timeout=9)
    assert [o.status for o in outcomes] == ["failed", "done"]
    told = tmp_path / "runs" / f"{points[0].key}.failed" / "error.txt"
    assert told.read_text() == "the worker was lost: division by zero\n"


def test_mathjax_lies_beside_the_runs(write_notebook, tmp_path, client, quick):
    source = tmp_path / "book/_static/mathjax"
    source.mkdir(parents=True)
    sweep([plan(write_notebook("1"))], tmp_path / "runs", client, cell_timeout=9)
    assert (tmp_path / "runs/mathjax").is_dir()
    assert len(collect(tmp_path / "runs")) == 1
