"""The second machine: its canary, its variants, and how numbers are compared."""

import subprocess
import sys
from importlib import util
from pathlib import Path
from types import SimpleNamespace

import nbformat
import portable
import pytest

GATE = Path(__file__).parent / "notebooks/nbval_gate.py"
spec = util.spec_from_file_location("nbval_gate", GATE)
gate = util.module_from_spec(spec)
spec.loader.exec_module(gate)


def test_canary_is_silent_where_nothing_changes():
    assert portable.changed_by({"NO_SUCH_SWITCH": "1"}) == []


def test_canary_sings_under_other_arithmetic():
    if not set(portable.KERNELS) & set(portable.variants()):
        pytest.skip("OpenBLAS has no kernel types for this processor")
    changed = [portable.changed_by(env) for env in portable.variants().values()]
    assert any("numpy" in libraries for libraries in changed)


def test_no_kernel_is_offered_that_the_processor_lacks(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: "flags : fpu pni sse4_2")
    monkeypatch.setattr(Path, "exists", lambda path: True)
    found = portable.variants()
    assert found.keys() == {"combined", "Nehalem", "Prescott", "mkl", "threads"}
    assert found["combined"]["OPENBLAS_CORETYPE"] == "Nehalem"


def test_other_processors_keep_what_is_left(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert portable.variants().keys() == {"combined", "mkl", "threads"}


def test_nothing_but_dead_canaries_is_a_failure(monkeypatch, capsys):
    monkeypatch.setattr(portable, "changed_by", lambda env: [])
    monkeypatch.setattr(sys, "argv", ["portable", "31"])
    assert portable.main() == 1
    assert "no variant changes bits on this machine" in capsys.readouterr().out


@pytest.mark.parametrize("code", [0, 1])
def test_one_failure_is_told(monkeypatch, capsys, code):
    calls = []

    def run(words, **given):
        calls.append((words, given["env"]))
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr(portable, "changed_by", lambda env: ["numpy"])
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["portable", "31", "--variant", "mkl"])
    assert portable.main() == code
    [(words, env)] = calls
    assert Path(words[-1]).name == "31-one-drug-at-a-time.ipynb"
    assert env["MKL_CBWR"] == "COMPATIBLE"
    assert ("failed under mkl" in capsys.readouterr().out) == bool(code)


@pytest.mark.parametrize(
    ("files", "chapters"),
    [
        (["README.md"], ["31", "36"]),
        (["notebooks/45-cancer-types.md"], ["31", "36", "45"]),
        (["pkg/latentomics/base.py", "notebooks/45-cancer-types.md"], []),
    ],
)
def test_a_change_reaches_chapters(monkeypatch, files, chapters):
    answers = {"rev-parse": ["a"], "merge-base": ["b"], "diff": files}
    monkeypatch.setattr(portable, "git", lambda verb, *words: answers[verb])
    assert portable.changed_chapters() == chapters


def test_on_main_a_day_is_compared(monkeypatch):
    seen = []
    answers = {"rev-parse": ["a"], "merge-base": ["a"], "rev-list": ["c"], "diff": []}
    monkeypatch.setattr(
        portable, "git", lambda verb, *words: seen.append(words) or answers[verb]
    )
    assert portable.changed_chapters() == ["31", "36"]
    assert seen[-1] == ("--name-only", "c")


@pytest.mark.parametrize(
    ("stored", "found", "same"),
    [
        ("a  0.211\nb 1", "a 0.2115\nb 1", True),
        ("a 0.211", "a 0.213", False),
        ("a 0.211", "b 0.211", False),
        ("0.2 0.3", "0.2", False),
        ("-0.0003", "0.0003", True),
        ("1e-05", "2e-05", True),
        ("3", "4", False),
    ],
)
def test_numbers_agree_within_the_tolerance_and_text_exactly(stored, found, same):
    assert gate.agree(stored, found, 1e-3) == same


def outputs(text, metric):
    message = {"latentomics": {"metrics": {"error": metric}}}
    data = {"text/plain": text}
    return [nbformat.v4.new_output("display_data", data, metadata=message)]


@pytest.mark.parametrize(
    ("tolerance", "found", "same"),
    [
        (0, ("0.211", 0.211), True),
        (0, ("0.211", 0.211 + 1e-12), True),
        (0, ("0.211", 0.211001), True),  # the last of six digits
        (0, ("0.211", 0.21101), False),
        (0, ("0.211001", 0.211), False),
        (0, ("0.212", 0.211), False),
        (2e-3, ("0.212", 0.212), True),
        (2e-3, ("0.214", 0.211), False),
        (2e-3, ("0.211", 0.214), False),
    ],
)
def test_a_cell_is_compared_as_its_metadata_says(tolerance, found, same):
    metadata = {"latentomics": {"tolerance": tolerance}} if tolerance else {}
    item = SimpleNamespace(cell=nbformat.v4.new_code_cell(metadata=metadata))

    def plain(found, stored):
        return [o.data for o in found] == [o.data for o in stored]

    stored = outputs("0.211", 0.211)
    assert gate.compare(item, outputs(*found), stored, plain) == same
