"""The source hash: definitions count by name and syntax, wherever they stand."""

import ast

import pytest

from latentomics.rerun.notebook import Notebook
from latentomics.rerun.source import Reader, loaders, reached, resolve, source_hash

CELL = "from latentomics.tool import answer\nanswer(2)"
TOOL = '''\
"""Module."""

import math
from functools import cache

from latentomics.base import LIMIT, Base

HALF = 0.5


def helper(x):
    """Prose."""
    return math.sqrt(x) * HALF + LIMIT


def limited(x, *, most=9, least=0):
    if x < most:
        return max(x, least, key=abs) if x else -x
    try:
        return [y for y in range(x) if y > least][1:x:2]
    except ValueError as error:
        raise TypeError("none") from error


class Answer(Base):
    """Prose."""

    scale: float = 1.0

    def of(self, x: int) -> float:
        # why
        return helper(limited(x)) * self.scale


@cache
def answer(x):
    return Answer().of(x)


def unused(x):
    return x - 1
'''
BASE = "LIMIT = 3\nOTHER = 4\n\n\nclass Base:\n    level = 1\n"
FILES = {"tool.py": TOOL, "base.py": BASE}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package of that name from file -> text, in place of the real one."""
    root = tmp_path / "latentomics"
    place = type("Spec", (), {"submodule_search_locations": [str(root)]})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: place)
    versions = iter(range(1, 100))

    def write(**changed):
        nonlocal root
        root = tmp_path / f"v{next(versions)}" / "latentomics"
        place.submodule_search_locations = [str(root)]
        for name, text in {"__init__.py": "", **changed}.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            (file.parent / "__init__.py").touch()

    return write


@pytest.fixture
def hash_of(package, write_notebook):
    def of(files, *cells):
        package(**files)
        return source_hash(write_notebook(*(cells or (CELL,))))

    return of


SAME = {
    "a docstring": ("tool.py", '"""Prose."""\n    return math', "return math"),
    "a comment": ("tool.py", "# why", "# because of this"),
    "a hint": ("tool.py", "x: int) -> float", "x)"),
    "blank lines": ("tool.py", "\n\n\nclass", "\n\n\n\nclass"),
    "the way a number is written": ("tool.py", "HALF = 0.5", "HALF = 5e-1"),
    "what nobody reaches": ("tool.py", "x - 1", "x - 2"),
    "a constant nobody reaches": ("base.py", "OTHER = 4", "OTHER = 5"),
    "a hint of a constant": ("tool.py", "HALF = 0.5", "HALF: float = 0.5"),
    "an import for type checkers": (
        "tool.py",
        "HALF = 0.5",
        "HALF = 0.5\nif TYPE_CHECKING:\n    from latentomics.base import OTHER",
    ),
    "one more import": ("tool.py", "import math\n", "import math\nimport os\n"),
    "an alias": (
        "tool.py",
        "LIMIT, Base\n\nHALF = 0.5\n\n\ndef helper(x):\n"
        '    """Prose."""\n    return math.sqrt(x) * HALF + LIMIT',
        "LIMIT as TOP, Base\n\nHALF = 0.5\n\n\ndef helper(x):\n"
        '    """Prose."""\n    return math.sqrt(x) * HALF + TOP',
    ),
    "a module in place of its name": (
        "tool.py",
        "import LIMIT, Base\n\nHALF = 0.5\n\n\ndef helper(x):\n"
        '    """Prose."""\n    return math.sqrt(x) * HALF + LIMIT',
        "import Base\nfrom latentomics import base\n\nHALF = 0.5\n\n\ndef helper(x):\n"
        '    """Prose."""\n    return math.sqrt(x) * HALF + base.LIMIT',
    ),
}
OTHER = {
    "arithmetic": ("tool.py", "helper(limited(x)) *", "helper(limited(x)) +"),
    "a default after the star": ("tool.py", "most=9", "most=8"),
    "a comparison": ("tool.py", "x < most", "x <= most"),
    "a keyword": ("tool.py", "key=abs", "key=str"),
    "a sign": ("tool.py", "else -x", "else +x"),
    "a condition": ("tool.py", "if x else", "if least else"),
    "a filter": ("tool.py", "if y > least", "if y >= least"),
    "a step": ("tool.py", "[1:x:2]", "[1:x:3]"),
    "an exception": ("tool.py", "except ValueError", "except KeyError"),
    "what is raised": ("tool.py", "raise TypeError", "raise NameError"),
    "arithmetic of a helper": ("tool.py", "HALF + LIMIT", "HALF - LIMIT"),
    "a constant": ("tool.py", "0.5", "0.6"),
    "a constant of another module": ("base.py", "LIMIT = 3", "LIMIT = 4"),
    "a base class": ("base.py", "level = 1", "level = 2"),
    "a default": ("tool.py", "scale: float = 1.0", "scale: float = 2.0"),
    "a decorator": ("tool.py", "@cache\n", ""),
    "another library": ("tool.py", "import math\n", "import cmath as math\n"),
    "what a module does on import": ("base.py", "OTHER = 4", "print(LIMIT)"),
    "a constant set twice": ("tool.py", "HALF = 0.5", "HALF = 2\nHALF = 0.5"),
    "a field that is none": ("tool.py", "scale: float = 1.0", "scale = 1.0"),
    "a line that begins with a sign": (
        "tool.py",
        "* HALF + LIMIT",
        "* (HALF\n% LIMIT)",
    ),
    "a statement more": ("tool.py", "return Answer()", "x += 1\n    return Answer()"),
}


def edited(file, old, new):
    assert FILES[file].count(old) == 1
    return FILES | {file: FILES[file].replace(old, new)}


@pytest.mark.parametrize("what", SAME)
def test_what_computes_nothing_does_not_count(hash_of, what):
    assert hash_of(edited(*SAME[what])) == hash_of(FILES)


@pytest.mark.parametrize("what", OTHER)
def test_what_computes_counts(hash_of, what):
    assert hash_of(edited(*OTHER[what])) != hash_of(FILES)


def test_a_move_and_a_renamed_module_do_not_count(hash_of):
    first = hash_of(FILES)
    renamed = {"studies/instrument.py": TOOL, "base.py": BASE}
    cell = CELL.replace("latentomics.tool", "latentomics.studies.instrument")
    assert hash_of(renamed, cell) == first
    answer = TOOL[TOOL.index("@cache") : TOOL.index("def unused")]
    moved = {
        "tool.py": TOOL.replace(answer, ""),
        "front.py": "from functools import cache\n\n"
        "from latentomics.tool import Answer\n\n" + answer,
        "base.py": BASE,
    }
    assert hash_of(moved, CELL.replace(".tool", ".front")) == first
    cell = "from latentomics import front\nfront.answer(2)"
    assert hash_of(moved, cell) == first
    passed_on = moved | {"rooms/__init__.py": "from ..front import answer as reply\n"}
    cell = "from latentomics.rooms import reply as mine\nmine(2)"
    assert hash_of(passed_on, cell) == first


TWINS = {
    "a.py": "def agreement(x):\n    return x\n",
    "b.py": "def agreement(x):\n    return 2 * x\n",
    "tool.py": "from .a import agreement as one\nfrom .b import agreement as two\n\n\n"
    "def answer(x):\n    return one(x) - two(x)\n",
}


def test_two_definitions_of_one_name_are_told_apart(hash_of):
    first = hash_of(TWINS)
    other = TWINS["tool.py"].replace("one(x) - two(x)", "two(x) - one(x)")
    assert hash_of(TWINS | {"tool.py": other}) != first
    last = TWINS["tool.py"].replace("one(x) - two(x)", "one(x) - one(x)")
    assert hash_of(TWINS | {"tool.py": last}) != first
    imports = "from latentomics.{} import agreement as p\nfrom latentomics.{} import "
    cells = [imports.format(*p) + "agreement as q\np(1) - q(1)" for p in ("ab", "ba")]
    assert hash_of(TWINS, cells[0]) != hash_of(TWINS, cells[1])


def test_the_order_of_two_values_of_a_name_counts(hash_of):
    cell = "from latentomics.tool import x\nx"
    first = hash_of({"tool.py": "x = 1\nx = 2\n"}, cell)
    assert hash_of({"tool.py": "x = 2\nx = 1\n"}, cell) != first


def test_a_cell_with_a_line_magic_is_followed(hash_of):
    cell = "%matplotlib inline\n" + CELL
    first = hash_of(FILES, cell)
    assert hash_of(edited("tool.py", "HALF + LIMIT", "HALF - LIMIT"), cell) != first
    assert hash_of(FILES, cell.replace("inline", "widget")) != first


def test_a_function_of_the_name_of_its_module_is_the_function(package):
    front = "from .pursuit import pursuit\n"
    package(**{"rooms/__init__.py": front, "rooms/pursuit.py": "def pursuit(): 1\n"})
    home, name = resolve("latentomics.rooms.pursuit")
    assert (home.name, name) == ("latentomics.rooms.pursuit", "pursuit")


def test_a_module_used_as_a_value_counts_whole(hash_of):
    cell = "from latentomics import tool\ngetattr(tool, name)(2)"
    whole = hash_of(FILES, cell)
    assert hash_of(edited("tool.py", "x - 1", "x - 2"), cell) != whole
    cell = "from latentomics import tool\ntool.answer(2)"
    part = hash_of(FILES, cell)
    assert hash_of(edited("tool.py", "x - 1", "x - 2"), cell) == part


def test_pictures_do_not_count(hash_of):
    cell = (
        "from latentomics.plot.style import COLORS\n"
        "from latentomics.rooms.figures import draw\ndraw(COLORS)"
    )
    files = {"plot/style.py": "COLORS = 1\n", "rooms/figures.py": "def draw(x): x\n"}
    other = {"plot/style.py": "COLORS = 2\n", "rooms/figures.py": "def draw(x): -x\n"}
    assert hash_of(files, cell) == hash_of(other, cell)


def test_an_unknown_name_is_no_error(hash_of):
    assert hash_of({}, "import latentomics.nowhere\nlatentomics.nowhere.x()")


@pytest.mark.parametrize(
    "code", ["try:\n    import fast\nexcept ImportError:\n    fast = None\n"]
)
def test_an_optional_import_counts(hash_of, code):
    cell = "from latentomics.tool import go\ngo()"
    use = "def go():\n    return fast\n"
    first = hash_of({"tool.py": code + use}, cell)
    assert hash_of({"tool.py": code.replace("None", "1") + use}, cell) != first


def test_of_the_data_the_declared_loaders_count():
    names, given = loaders(["rtdmf_fimm", "ctrpv2_auc"])
    assert names == [
        "latentomics.data.ctrpv2.ctrpv2_auc",
        "latentomics.data.rtdmf.planted_set",
    ]
    assert loaders(["rtdmf_mixed", "ctrpv2_auc"]) != (names, given)
    names = {text.split(" = ")[0] for text in reached({"latentomics.data.load"})}
    assert "load" in names
    assert not {"planted_set", "ctrpv2_auc", "LOADERS"} & names
    names = {text.split(" = ")[0] for text in reached(loaders(["ctrpv2_auc"])[0])}
    assert "ctrpv2_auc" in names


def test_an_estimator_reaches_its_solver_and_not_its_neighbours():
    names = {
        text.split(" = ")[0] for text in reached({"latentomics.denoise.RobustPCA"})
    }
    assert {"RobustPCA", "admm", "iterate", "svt", "as_tensor"} <= names
    assert not {"SoftImpute", "StablePCP", "as_strided"} & names


def test_cells_count_without_prose(hash_of):
    first = hash_of(FILES, CELL)
    assert hash_of(FILES, "# why\n" + CELL + "\n\n") == first
    assert hash_of(FILES, CELL.replace("2", "3")) != first
    assert hash_of(FILES, CELL, "y = 1") != first
    for magic in ("%magic", "%%magic"):
        hashes = {hash_of(FILES, CELL, f"{magic} {k}\n!x") for k in range(2)}
        assert len(hashes) == 2


def test_values_of_the_parameters_cell_do_not_count(write_notebook):
    first = write_notebook("x = lam")
    told, before = first.path.read_text(), source_hash(first)
    assert "1.0  # metres" in told
    first.path.write_text(told.replace("1.0  # metres", "2.0  # metres"))
    assert source_hash(Notebook(first.path)) == before


def test_what_follows_the_last_stored_table_does_not_count(write_notebook):
    table = "report_table('speed', x)"
    first = source_hash(write_notebook("x = 1", table, "plot(x)"))
    assert source_hash(write_notebook("x = 1", table, "assert x")) == first
    assert source_hash(write_notebook("x = 2", table, "plot(x)")) != first
    assert source_hash(write_notebook("x = 1", table, "y = 1", table)) != first


@pytest.mark.parametrize(
    ("one", "two"),
    [("x = 'a'", "x = b'a'"), ("x = 1", "x = 1.0"), ("x = a.b", "x = 'a.b'")],
)
def test_syntax_tells_values_apart(one, two):
    texts = {Reader({}).text(ast.parse(code)) for code in (one, two)}
    assert len(texts) == 2
