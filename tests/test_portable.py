"""The second machine: its canary, its variants, and how numbers are compared."""

import os
import subprocess
import sys
from importlib import util
from pathlib import Path
from types import SimpleNamespace

import nbformat
import portable
import pytest
import yaml

GATE = Path(__file__).parent / "notebooks/nbval_gate.py"
spec = util.spec_from_file_location("nbval_gate", GATE)
gate = util.module_from_spec(spec)
spec.loader.exec_module(gate)

READ = {  # table -> the chapters that name it, and those that are always tried
    "signatures_real.csv": sorted(
        {"31", "36"}
        | {
            page.name[:2]
            for page in portable.ROOT.glob("notebooks/*.md")
            if "signatures_real.csv" in page.read_text(encoding="utf-8")
        }
    )
}


def test_canary_is_silent_where_nothing_changes():
    assert portable.changed_by({"NO_SUCH_SWITCH": "1"}) == []


def test_canary_sings_under_other_arithmetic():
    if not set(portable.KERNELS) & set(portable.variants()):
        pytest.skip("OpenBLAS has no kernel types for this processor")
    changed = [portable.changed_by(env) for env in portable.variants().values()]
    assert any("numpy" in libraries for libraries in changed)


def test_switches_of_numpy_turn_its_own_loops():
    if not portable.simd():
        pytest.skip("NumPy has no loops of its own for this processor")
    changed = portable.changed_by(portable.variants()["simd"])
    assert "numpy" in changed
    assert "blas" not in changed


def test_switches_of_numpy_are_those_it_names(monkeypatch):
    monkeypatch.setattr(portable.umath, "__cpu_dispatch__", ["ASIMDHP", "SVE"])
    monkeypatch.setattr(portable.umath, "__cpu_features__", {"ASIMDHP": True})
    off = {"NPY_DISABLE_CPU_FEATURES": "ASIMDHP"}  # what it lacks cannot be off
    found = portable.variants()
    assert found["simd"] == off
    assert off.items() <= found["combined"].items()


def test_no_kernel_is_offered_that_the_processor_lacks(monkeypatch):
    monkeypatch.setattr(portable, "simd", list)
    monkeypatch.setattr(Path, "read_text", lambda path: "flags : fpu pni sse4_2")
    monkeypatch.setattr(Path, "exists", lambda path: True)
    found = portable.variants()
    assert found.keys() == {"combined", "Nehalem", "Prescott", "mkl", "threads"}
    assert found["combined"]["OPENBLAS_CORETYPE"] == "Nehalem"


def test_other_processors_keep_what_is_left(monkeypatch):
    monkeypatch.setattr(portable, "simd", list)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert portable.variants().keys() == {"combined", "mkl", "threads"}


def test_nothing_but_dead_canaries_is_a_failure(monkeypatch, capsys):
    monkeypatch.setattr(portable, "changed_by", lambda env: [])
    monkeypatch.setattr(sys, "argv", ["portable", "31"])
    assert portable.main() == 1
    assert "no variant changes bits on this machine" in capsys.readouterr().out


@pytest.mark.parametrize("code", [0, 1, -4, -9])
def test_one_failure_is_told(monkeypatch, capsys, code):
    calls = []

    def run(words, **given):
        calls.append((words, given["env"]))
        return SimpleNamespace(returncode=code)

    monkeypatch.setattr(portable, "changed_by", lambda env: ["numpy"])
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["portable", "31", "--variant", "mkl"])
    assert portable.main() == bool(code)
    [(words, env)] = calls
    assert Path(words[-1]).name == "31-one-drug-at-a-time.ipynb"
    assert env["MKL_CBWR"] == "COMPATIBLE"
    assert ("failed under mkl" in capsys.readouterr().out) == bool(code)


def test_the_chapters_that_read_a_table_are_found():
    assert "45" in READ["signatures_real.csv"]
    assert "21" not in READ["signatures_real.csv"]


@pytest.mark.parametrize(
    ("files", "chapters"),
    [
        (["README.md"], ["31", "36"]),
        (["notebooks/45-cancer-types.md"], ["31", "36", "45"]),
        (["notebooks/45-under-another-name.md"], ["31", "36", "45"]),
        (["notebooks/99-taken-out.md", "notebooks/README.md"], ["31", "36"]),
        (["pkg/latentomics/base.py", "notebooks/45-cancer-types.md"], []),
        (["book/results/signatures_real.csv"], READ["signatures_real.csv"]),
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
        ("0.9995", "1", True),
        ("-1.", "-1.0005", True),
        ("r=0.2114, (0.5)", "r=0.2115, (0.5005)", True),
        ("0.2114.", "0.2115.", True),
        ("v0.2114", "v0.2115", False),
        ("1.2.0001", "1.2.0002", False),
        ("0.0001nm", "0.0002nm", False),
    ],
)
def test_numbers_agree_within_the_tolerance_and_text_exactly(stored, found, same):
    assert gate.agree(stored, found, 1e-3) == same


@pytest.mark.parametrize(
    "pair",
    [
        ('{"n": 243461}', '{"n": 243462}'),
        ('"GO:1904251"', '"GO:1904252"'),
        ("243461", "-243461"),
        ("+243461", "243462"),
    ],
)
def test_whole_numbers_agree_exactly(pair):
    assert not gate.agree(*pair, 10)
    assert not gate.agree(*pair, 0, 1e-5)


@pytest.mark.parametrize(
    ("stored", "found", "same"),
    [
        ({"error": 0.211}, {"error": 0.211001}, True),
        ({"error": 0.211}, {"error": 0.21101}, False),
        ({"n": 243461}, {"n": 243462}, False),
        ({"error": 1.0}, {"error": 1}, False),
        ({"true": True}, {"true": 1}, False),
        ({"gone": None}, {"gone": 0.0}, False),
        ({"rank": "0.500001"}, {"rank": "0.500002"}, False),
        ({"0.500001": 1}, {"0.500002": 1}, False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
    ],
)
def test_only_floats_reported_may_differ(stored, found, same):
    assert gate.agree_reported({"metrics": stored}, {"metrics": found}, 0) == same


@pytest.mark.parametrize(
    ("found", "same"),
    [
        ("term,0.5,p\nGO:1904251,7,0.211\n", True),
        ("term,0.5,p\nGO:1904251,7,0.211001\n", True),
        ("term,0.5,p\nGO:1904251,7,0.212\n", False),
        ("term,0.5,p\nGO:1904252,7,0.211\n", False),
        ("term,0.5,p\nGO:1904251,8,0.211\n", False),
        ("term,0.500001,p\nGO:1904251,7,0.211\n", False),
        ("term,0.5,p\n", False),
    ],
)
def test_only_floats_of_a_table_may_differ(found, same):
    stored = {"terms": "term,0.5,p\nGO:1904251,7,0.211\n"}
    assert gate.agree_tables(stored, {"terms": found}, 0) == same
    assert not gate.agree_tables(stored, {"others": found}, 0)


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
    assert not gate.compare(item, [], stored, lambda found, stored: True)


def test_tables_and_metrics_of_a_cell_are_both_compared():
    item = SimpleNamespace(cell=nbformat.v4.new_code_cell())

    def says(error, csv):
        message = {"metrics": {"error": error}, "tables": {"t": csv}}
        metadata = {"latentomics": message}
        return [nbformat.v4.new_output("display_data", {}, metadata=metadata)]

    stored = says(0.5, "p\n0.5\n")
    for found, same in (
        (stored, True),
        (says(0.6, "p\n0.5\n"), False),
        (says(0.5, "p\n0.6\n"), False),
    ):
        assert gate.compare(item, found, stored, lambda *given: True) == same


PRODUCT = """
import hashlib
import numpy as np
A = np.random.default_rng(0).normal(size=(400, 300))
gram, lengths = A.T @ A, np.square(A).sum(axis=0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shown", "caught"),
    [
        ("round(gram.std(), 6)", 0),
        ("hashlib.sha1(gram.tobytes()).hexdigest()", 1),
        (
            "np.flatnonzero(gram.diagonal() > lengths).tolist()",
            1,
        ),  # equal but for rounding
    ],
    ids=["six digits", "all digits", "choices by the last bit"],
)
def test_a_page_that_turns_on_the_last_bit_is_caught(tmp_path, shown, caught):
    env = portable.variants()["combined"]
    if "blas" not in portable.changed_by(env):
        pytest.skip("no variant changes the bits of matrix products here")
    one = os.environ | {"OMP_NUM_THREADS": "1"}
    code, book = f"{PRODUCT}print({shown})", tmp_path / "11-last-bit.ipynb"
    text = subprocess.check_output([sys.executable, "-c", code], env=one, text=True)
    output = nbformat.v4.new_output("stream", name="stdout", text=text)
    cell = nbformat.v4.new_code_cell(code, outputs=[output], execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), book)
    path = {"PYTHONPATH": f"{GATE.parent}:{os.environ.get('PYTHONPATH', '')}"}
    run = [sys.executable, "-m", "pytest", *portable.PLUGIN.split(), str(book)]
    for changes, expected in ({}, 0), (env, caught):
        done = subprocess.run(run, env=one | path | changes, capture_output=True)
        assert done.returncode == expected, done.stdout.decode()


def test_the_night_brings_the_data_to_where_it_is_looked_for():
    text = (GATE.parents[2] / ".github/workflows/nightly.yml").read_text()
    job = yaml.safe_load(text)["jobs"]["portable"]
    steps = [step.get("run") for step in job["steps"]]
    cached = next(s for s in job["steps"] if "actions/cache" in s.get("uses", ""))
    assert steps.index(None) < job["steps"].index(cached) < steps.index("make data")
    assert steps.index("make data") < steps.index("make test-portable")
    where = "${{ github.workspace }}/" + cached["with"]["path"]
    assert job["env"]["LATENTOMICS_CACHE"] == where
    assert "data/registry.toml" in cached["with"]["key"]


def test_what_is_printed_between_reports_does_not_count():
    said = nbformat.v4.new_output("stream", text="a warning")
    shown = outputs("0.211", 0.211)
    item = SimpleNamespace(cell=nbformat.v4.new_code_cell())
    assert gate.compare(item, [*shown, said], [said, *shown], lambda a, b: True)
