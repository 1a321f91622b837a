"""environment.yml, pyproject.toml and constraints.txt say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
ASKED = sorted({*PROJECT["dependencies"], *(r for e in EXTRAS.values() for r in e)})
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text("utf8").splitlines()
    if not line.startswith("#")
]
PINNED = {canonicalize_name(name): v for name, v in (p.split("==") for p in PINS)}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text("utf8"))
SPECS = [spec for spec in CONDA["dependencies"] if isinstance(spec, str)]
PIP = [line for d in CONDA["dependencies"] if isinstance(d, dict) for line in d["pip"]]


@pytest.mark.parametrize("requirement", ASKED)
def test_the_pin_satisfies_what_the_project_asks(requirement):
    asked = Requirement(requirement)
    assert asked.specifier, f"{asked.name} has no lower bound"
    assert PINNED[canonicalize_name(asked.name)] in asked.specifier


@pytest.mark.parametrize("pin", PINS)
def test_a_pin_is_one_public_version(pin):
    """A local version or a file address would not be found elsewhere."""
    assert re.fullmatch(r"[\w.-]+==\d[\w.]*", pin)
    assert Version(pin.split("==")[1]).local is None


def test_pins_are_sorted_and_unique():
    names = [pin.split("==")[0].lower() for pin in PINS]
    assert names == sorted(names)
    assert len(PINNED) == len(PINS)


def test_the_installer_itself_is_not_pinned():
    assert PINNED.keys().isdisjoint({"pip", "setuptools", "wheel", "latentomics"})


def test_conda_reads_every_line_of_the_environment():
    rattler = pytest.importorskip("rattler")
    names = [rattler.MatchSpec(spec).name.normalized for spec in SPECS]
    assert names == ["python", "pip", "make"]


def test_conda_takes_a_python_that_the_project_accepts():
    rattler = pytest.importorskip("rattler")
    python = next(s for s in SPECS if s.startswith("python"))
    version = rattler.MatchSpec(python).version.lstrip("=").removesuffix(".*")
    assert version in SpecifierSet(PROJECT["requires-python"])


def test_conda_installs_this_project_with_the_pins():
    constraint, project = PIP
    option, path = constraint.split()
    assert (option, ROOT / path) == ("--constraint", ROOT / "constraints.txt")
    asked = Requirement(f"latentomics {project.removeprefix('--editable .')}")
    assert asked.extras == set(EXTRAS)


def test_the_makefile_installs_the_same_torch():
    makefile = (ROOT / "Makefile").read_text("utf8")
    assert re.search(r"torch==(\S+)", makefile).group(1) == PINNED["torch"]
