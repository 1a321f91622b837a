"""The command: thin, fast to answer, and one sentence when it cannot."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from latentomics import cli
from latentomics.rerun.commands import app

PAGE = """\
---
kernelspec: {name: python3, display_name: Python 3, language: python}
---
# A toy

```{code-cell} ipython3
:tags: [parameters]
lam: float = 1.0  # metres
seed: int = 7  # of the draws
```
```{code-cell} ipython3
from latentomics.rerun import report
report(half=lam / 2)
```
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one notebook, as the working directory."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/12-toy.md").write_text(PAGE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words):
    return CliRunner().invoke(app, list(words))


def main(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["latentomics", *words])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def test_list_names_every_notebook(project):
    assert call("list").stdout.split("\n")[2].split()[:3] == ["12-toy", "A", "toy"]


def test_show_tells_type_default_and_meaning(project):
    lines = call("show", "12-toy").stdout.splitlines()
    assert lines[2].split() == ["lam", "float", "1.0", "metres"]
    assert lines[3].split() == ["seed", "int", "7", "of", "the", "draws"]


def test_run_then_results(project):
    words = ["run", "12-toy", "-p", "lam=3", "--out", "runs", "--workers", "1"]
    first = call(*words)
    assert first.exit_code == 0
    assert "dashboard: http://127.0.0.1:" in first.stderr
    assert "| done " in first.stdout
    again = call(*words)  # nothing to do: not even a cluster
    assert again.exit_code == 0
    assert "dashboard" not in again.stderr
    csv = call("results", "runs", "--format", "csv").stdout.splitlines()
    row = dict(zip(csv[0].split(","), csv[1].split(","), strict=True))
    assert (row["lam"], row["half"], row["status"]) == ("3.0", "1.5", "done")


def test_misspelt_parameter_is_refused_with_the_known_ones(project, monkeypatch):
    told = main(monkeypatch, "run", "12-toy", "-p", "lamm=1", "--out", "runs")
    assert told == (
        "latentomics: 12-toy has no parameter 'lamm'; did you mean lam? "
        "it has lam, seed"
    )
    assert not (project / "runs").exists()


def test_failing_point_makes_the_command_fail(project, monkeypatch):
    from latentomics.rerun import commands
    from latentomics.rerun.run import record_failure

    def failing(planned, out, *rest):
        return [record_failure(point, out, "boom") for point in planned]

    monkeypatch.setattr(commands, "_sweep", failing)
    ran = call("run", "12-toy", "--out", "runs")
    assert ran.exit_code == 1
    assert "| failed " in ran.stdout
    assert "boom" in ran.stderr


def test_execute_ends_with_a_table_and_fails_when_a_notebook_does(project, monkeypatch):
    import pandas as pd

    def told(status):
        def execute_all(found, client, *, cell_timeout):
            note = "Error: x\n\nin the cell\n\ny"
            rows = [(n.name, status, 1.0, note) for n in found]
            return pd.DataFrame(rows, columns=["notebook", "status", "seconds", "note"])

        return execute_all

    from contextlib import nullcontext
    from types import SimpleNamespace

    link = SimpleNamespace(dashboard_link="here")
    monkeypatch.setattr(
        "latentomics.rerun.cluster.open_client", lambda workers: nullcontext(link)
    )
    for status, code in (("kept", 0), ("failed", 1)):
        monkeypatch.setattr("latentomics.rerun.execute.execute_all", told(status))
        ran = call("execute")
        assert ran.exit_code == code
        assert ran.stdout.splitlines()[2].split()[:2] == ["12-toy", status]
        assert ran.stderr.count("in the cell") == code


def test_publish_fills_the_results_folder(project):
    from latentomics.rerun.notebook import open_notebook
    from latentomics.rerun.point import plan
    from latentomics.rerun.run import write_json

    run = project / "runs/one"
    (run / "tables").mkdir(parents=True)
    (run / "tables/speed.csv").write_text("a\n1\n")
    write_json(run / "params.json", plan(open_notebook("12-toy")).describe())
    found = {"metrics": {}, "seconds": 1.0, "device": "cpu"}
    write_json(run / "metrics.json", found)
    (project / "book/results").mkdir(parents=True)
    assert call("publish", "runs/one").exit_code == 0
    assert (project / "book/results/speed.csv").read_text() == "a\n1\n"


def test_restamp_runs_the_part_again(project):
    from latentomics.rerun.notebook import open_notebook
    from latentomics.rerun.publish import fits, read_stamp

    page = project / "notebooks/12-toy.md"
    code = "from latentomics.rerun import report_table"
    code += "\nimport pandas as pd\nreport_table('t', pd.DataFrame({'x': [lam]}))"
    page.write_text(page.read_text() + f"\n```{{code-cell}} ipython3\n{code}\n```\n")
    results = project / "book/results"
    results.mkdir(parents=True)
    assert call("run", "12-toy", "--grid", "seed=0,1", "--out", "runs").exit_code == 0
    runs = [str(path) for path in (project / "runs").iterdir()]
    assert call("publish", *runs).exit_code == 0
    rest = "\n```{code-cell} ipython3\nraise SystemError('not for tables')\n```\n"
    page.write_text(page.read_text().replace("[lam]", "[lam * 1.0]") + rest)
    assert not fits(read_stamp(results, "t"), open_notebook("12-toy"))
    ran = call("restamp", "t", "--seed", "1", "--out", "again")
    assert ran.exit_code == 0, ran.stderr
    assert "t: 1 rows, largest relative difference 0\n" in ran.stdout
    assert fits(read_stamp(results, "t"), open_notebook("12-toy"))
    ran = call("restamp", "t", "--seed", "1", "--out", "again")
    assert "out must have no earlier run of this part" in str(ran.exception)
    page.write_text(page.read_text().replace("* 1.0", "* 1.1"))
    ran = call("restamp", "t", "--seed", "1", "--out", "again")
    assert isinstance(ran.exception, ValueError)
    assert "tolerance is 0; got t: 1 rows, largest relative difference 0.091" in str(
        ran.exception
    )


def test_data_commands(monkeypatch):
    import pandas as pd

    from latentomics.data import DataUnavailable

    def fetch(name):
        raise DataUnavailable(f"{name} is nowhere")

    def verdict(where, ok):
        rows = [("ctrpv2_auc", where, ok, "")]
        return pd.DataFrame(rows, columns=["file", "where", "ok", "note"])

    monkeypatch.setattr("latentomics.data.fetch", fetch)
    fetched = call("data", "fetch", "a", "b")
    assert fetched.exit_code == 1
    assert fetched.stderr.count("is nowhere") == 2
    monkeypatch.setattr("latentomics.data.fetch", lambda name: [name])
    assert call("data", "fetch", "a").stdout == "a\n"
    for where, ok, code in (("absent", False, 0), ("cache", False, 1)):
        monkeypatch.setattr(
            "latentomics.data.verify", lambda names, w=where, ok=ok: verdict(w, ok)
        )
        assert call("data", "verify").exit_code == code
    assert "gdsc1_auc" in call("data", "list").stdout


def test_sync_writes_the_pair(project):
    assert call("sync").stdout == "12-toy: updated\n"
    assert (project / "notebooks/12-toy.ipynb").is_file()
    assert call("sync").stdout == "12-toy: as it was\n"


def test_missing_library_names_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "latentomics.rerun.commands", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    assert main(monkeypatch, "list") == (
        "latentomics: this needs typer; install it by: pip install 'latentomics[rerun]'"
    )


def test_unknown_missing_module_is_a_bug_and_shown(monkeypatch):
    monkeypatch.delitem(sys.modules, "latentomics.rerun.commands", raising=False)
    monkeypatch.setitem(sys.modules, "pathlib", None)
    monkeypatch.setattr(sys, "argv", ["latentomics", "list"])
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_import_is_light():
    heavy = "{'typer', 'papermill', 'dask', 'torch', 'pandas', 'nbformat'}"
    code = (
        "import sys, latentomics.cli, latentomics.rerun;"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


def test_help_loads_no_heavy_module():
    code = (
        "import sys; from latentomics.rerun.commands import app;"
        "print(sorted({'papermill', 'dask', 'torch', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
