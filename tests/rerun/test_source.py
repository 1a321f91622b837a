"""The source hash: prose does not count, code does, imported or not."""

from pathlib import Path

import pytest

import latentomics
from latentomics.rerun.source import (
    essence,
    imported_files,
    imports,
    loader_modules,
    source_hash,
)

ROOT = Path(latentomics.__file__).parent
CODE = '''\
"""Module."""

import os

# why


class A:
    """Class."""

    def f(self):
        """Two
        lines."""
        return 1  # kept
'''


def test_essence_is_code_alone():
    assert essence(CODE) == (
        "import os\nclass A:\n    def f(self):\n        return 1  # kept"
    )


@pytest.mark.parametrize(
    "code",
    [
        'x = """\n\n# data\n"""',
        'x = f"""\n\n# {1}\n"""',
        'def f(): "short"',
        "%matplotlib inline\n# magic",
    ],
)
def test_what_looks_like_prose_in_a_string_is_kept(code):
    assert essence(code) == code


def test_class_without_prose_keeps_its_string_values():
    assert essence('def f():\n    x = "a"\n    "not a docstring"') == (
        'def f():\n    x = "a"\n    "not a docstring"'
    )


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import latentomics.linalg", ["latentomics.linalg"]),
        ("from latentomics.linalg import svt", ["latentomics.linalg.svt"]),
        ("def f():\n    import latentomics", ["latentomics"]),
        ("import numpy\nfrom . import x", []),
        ("import latentomics_other", []),
        ("%magic\nimport latentomics", []),
    ],
)
def test_imports_of_this_package(code, found):
    assert imports(code) == found


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from .b import c", ["latentomics.a.b.c"]),
        ("from . import b", ["latentomics.a.b"]),
        ("from ..b import c", ["latentomics.b.c"]),
    ],
)
def test_relative_imports_are_resolved(code, found):
    assert imports(code, "latentomics.a") == found


def names_of(code, names=()):
    found = imported_files([code], ROOT, names)
    return {file.relative_to(ROOT).as_posix() for file in found}


def test_a_package_brings_in_all_that_it_offers():
    names = names_of("from latentomics import linalg")
    assert {"linalg/__init__.py", "linalg/spectral.py", "linalg/prox.py"} <= names
    assert "cli.py" not in names


def test_a_name_brings_in_the_module_that_defines_it_and_what_that_imports():
    names = names_of("from latentomics.denoise import StablePCP")
    assert {"denoise/stable_pcp.py", "solvers/loop.py", "arrays.py"} <= names
    assert not {"denoise/__init__.py", "denoise/soft_impute.py"} & names


def test_a_constant_of_a_package_brings_in_its_init():
    assert names_of("from latentomics import __version__") == {"__init__.py"}


def test_an_unknown_name_brings_in_nothing_else():
    assert names_of("import latentomics.nowhere") == {"__init__.py"}


def test_pictures_do_not_count():
    names = names_of(
        "from latentomics.plot import COLORS\n"
        "from latentomics.denoise.figures import plot_matrix\n"
        "from latentomics.metrics import spike_scores"
    )
    assert names == {"metrics/recovery.py"}


def test_of_the_data_the_declared_loaders_count():
    names = names_of("from latentomics.data import load")
    assert not any(name.startswith("data/") for name in names)
    modules = loader_modules(["rtdmf_fimm", "ctrpv2_auc"])
    assert modules == ["latentomics.data.rtdmf", "latentomics.data.ctrpv2"]
    assert {"data/rtdmf.py", "data/ctrpv2.py"} <= names_of("", modules)


def test_report_brings_in_no_machinery():
    assert names_of("from latentomics.rerun import report") == {"rerun/report.py"}


def test_hash_sees_code_and_not_prose(write_notebook):
    first = source_hash(write_notebook("x = 1"))
    assert source_hash(write_notebook("# why\nx = 1\n\n")) == first
    assert source_hash(write_notebook("x = 2")) != first
    assert source_hash(write_notebook("x = 1", "y = 1")) != first


def test_what_follows_the_last_stored_table_does_not_count(write_notebook):
    table = "report_table('speed', x)"
    first = source_hash(write_notebook("x = 1", table, "plot(x)"))
    assert source_hash(write_notebook("x = 1", table, "assert x")) == first
    assert source_hash(write_notebook("x = 2", table, "plot(x)")) != first
    assert source_hash(write_notebook("x = 1", table, "y = 1", table)) != first


def test_hash_sees_the_package(write_notebook, tmp_path, monkeypatch):
    package = tmp_path / "latentomics"
    package.mkdir()
    (package / "__init__.py").write_text("")
    module = package / "tool.py"
    spec = type("Spec", (), {"submodule_search_locations": [str(package)]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    notebook = write_notebook("import latentomics.tool")
    hashes = []
    for text in ["x = 1\n", '"""Prose."""\nx = 1\n', "x = 2\n"]:
        module.write_text(text)
        hashes.append(source_hash(notebook))
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
