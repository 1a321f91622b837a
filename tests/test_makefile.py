"""The two commands, played in a folder of their own with tools that only take notes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("latentomics", "jupyter-book", "python")
NOTE = '#!/bin/sh\necho "$(basename "$0") $*" >> notes.txt\n'


@pytest.fixture
def project(tmp_path):
    """A folder with the Makefile and a finished .venv of fake tools."""
    folder = tmp_path / "project"
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    for name in ("pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    for name in TOOLS:
        put_tool(folder, name, NOTE)
    (folder / ".venv/.installed").touch()
    return folder


def put_tool(folder, name, script):
    tool = folder / ".venv/bin" / name
    tool.write_text(script)
    tool.chmod(0o755)


def make(folder, *words):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "LATENT"))}
    return subprocess.run(
        ["make", *words], cwd=folder, env=env, capture_output=True, text=True
    )


def notes(folder):
    file = folder / "notes.txt"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize(
    "target", ["book", "test", "test-portable", "html", "data", "sync", "lint"]
)
def test_dry_run_runs_nothing(project, target):
    assert make(project, "-n", target).returncode == 0
    assert notes(project) == []


def test_book_executes_then_renders_and_tells_where(project):
    ran = make(project, "book")
    assert ran.returncode == 0
    assert [note.split()[:2] for note in notes(project)] == [
        ["latentomics", "execute"],
        ["jupyter-book", "build"],
    ]
    assert f"file://{project}/_build/html/index.html" in ran.stdout
    assert "make book took 0 min" in ran.stdout


def test_failing_notebook_stops_the_book(project):
    put_tool(project, "latentomics", "#!/bin/sh\nexit 1\n")
    assert make(project, "book").returncode != 0
    assert notes(project) == []


def test_failing_build_fails_the_book(project):
    put_tool(project, "jupyter-book", "#!/bin/sh\nexit 1\n")
    for target in ("book", "html", "test"):
        ran = make(project, target)
        assert ran.returncode != 0
        assert "the book: file" not in ran.stdout


def test_tests_come_in_order(project):
    ran = make(project, "test", "BROWSER=chromium")
    assert ran.returncode == 0
    unit, nbval, html, browser = notes(project)
    two = "-n 2 --dist loadscope"
    assert unit == f"python -m pytest {two} tests --ignore tests/browser"
    assert two in nbval
    assert "--nbval --nbval-current-env" in nbval
    assert "-p nbval_gate" in nbval
    assert html == "jupyter-book build . -n -W --keep-going -q"
    assert browser == "python -m pytest tests/browser"


def test_portable_runs_what_is_asked(project):
    ran = make(project, "test-portable", "CHAPTERS=31 36", "VARIANTS=mkl threads")
    assert ran.returncode == 0
    assert notes(project) == [
        "python tests/portable.py 31 36 --variant mkl --variant threads"
    ]
    put_tool(project, "python", "#!/bin/sh\nexit 1\n")
    assert make(project, "test-portable").returncode != 0


def test_without_chromium_says_what_to_install(project):
    ran = make(project, "test", "BROWSER=")
    assert ran.returncode == 0
    assert len(notes(project)) == 3
    assert "left out tests/browser: no Chromium here; install it" in ran.stdout


def test_present_files_are_used(project):
    put_tool(
        project, "latentomics", '#!/bin/sh\necho "$LATENTOMICS_DATA" > notes.txt\n'
    )
    raw = project.parent / "shared/data/raw"
    raw.mkdir(parents=True)
    make(project, "data")
    assert notes(project) == [str(raw)]


def test_old_python_is_one_sentence(project):
    (project / ".venv/.installed").unlink()
    ran = make(project, "html", "PYTHON=")
    assert ran.returncode != 0
    assert "Python >= 3.11 with its venv module is needed" in ran.stdout
    assert notes(project) == []
