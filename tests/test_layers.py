"""Imports point to a smaller number, and what is forbidden in the package stays out."""

import ast
from pathlib import Path

import pytest

import latentomics

LAYERS = [
    {"__init__"},
    {"arrays", "matrices", "checks", "docstrings"},
    {"params"},
    {"base", "linalg", "solvers", "metrics"},
    {"data", "plot"},
    {"denoise", "multitask", "signatures", "sensing"},
    {"studies"},
    {"rerun", "course"},
    {"cli"},
]
ROOT = Path(latentomics.__file__).parent
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
SOURCES = sorted(ROOT.rglob("*.py"))
# What makes a tensor of an array or an array of a tensor, but for .numpy and
# .from_numpy, which are recognised by their ending
BORDER = {"torch.tensor", "torch.as_tensor", "torch.asarray", "torch.from_dlpack"}
FORBIDDEN = {
    "print",
    "pickle.load",
    "pickle.loads",
    "torch.load",
    "torch.manual_seed",
    "np.random.seed",
    "numpy.random.seed",
}

every_file = pytest.mark.parametrize(
    "path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES]
)


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imported_rooms(tree):
    """Yield the rooms of the package that a file names, wherever the import stands."""
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "latentomics":
            names = [f"latentomics.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (n.split(".")[1] for n in names if n.startswith("latentomics."))


def upward_imports(tree, here):
    """Rooms that `here` imports though they do not lie below it."""
    there = set(imported_rooms(tree)) - {here, "__version__"}  # the root has only that
    return sorted(r for r in there if LEVEL.get(r, len(LAYERS)) >= LEVEL[here])


def far_relative_imports(tree):
    """Relative imports that leave their folder, which should say the full name."""
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    return [node.lineno for node in nodes if node.level > 1]


def dotted(node):
    """Return ``np.random.seed`` as it was written, "" for what is not a name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return getattr(node, "id", "")


def crossings(tree):
    """Where a tensor becomes an array, or an array a tensor."""
    names = [dotted(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    return [n for n in names if n in BORDER or n.endswith((".numpy", ".from_numpy"))]


def forbidden_calls(tree):
    """Calls that print, unpickle, or seed the whole process."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    keywords = [f"{k.arg}={ast.unparse(k.value)}" for c in calls for k in c.keywords]
    names = [dotted(call.func) for call in calls]
    return [n for n in names + keywords if n in FORBIDDEN | {"allow_pickle=True"}]


def test_every_room_has_a_level():
    rooms = {room_of(path) for path in SOURCES}
    assert rooms <= LEVEL.keys()
    assert {"arrays", "base", "linalg", "denoise"} <= rooms  # the walk found them


@every_file
def test_imports_point_down(path):
    assert upward_imports(parse(path), room_of(path)) == []
    assert far_relative_imports(parse(path)) == []


@every_file
def test_only_arrays_crosses_between_numpy_and_torch(path):
    assert room_of(path) == "arrays" or crossings(parse(path)) == []


@every_file
def test_nothing_prints_unpickles_or_seeds_the_process(path):
    assert forbidden_calls(parse(path)) == []


@every_file
def test_no_file_is_longer_than_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize(
    ("code", "here", "there"),
    [
        ("from latentomics.denoise import SoftImpute", "solvers", "denoise"),
        ("from latentomics import denoise", "plot", "denoise"),
        ("import latentomics.sensing.maps", "denoise", "sensing"),
        ("def f():\n    from latentomics.base import check_whole", "linalg", "base"),
        ("from latentomics.attic import old", "cli", "attic"),
    ],
)
def test_an_import_upwards_is_noticed(code, here, there):
    assert upward_imports(ast.parse(code), here) == [there]


def test_a_relative_import_out_of_the_folder_is_noticed():
    assert far_relative_imports(ast.parse("from ..base import first")) == [1]


@pytest.mark.parametrize(
    "code", ["T.detach().cpu().numpy()", "torch.from_numpy(X)", "torch.tensor(X)"]
)
def test_a_crossing_is_noticed(code):
    assert crossings(ast.parse(code))


@pytest.mark.parametrize(
    "code", ["print(X)", "np.load(f, allow_pickle=True)", "torch.manual_seed(0)"]
)
def test_a_forbidden_call_is_noticed(code):
    assert forbidden_calls(ast.parse(code))
