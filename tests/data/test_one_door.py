"""A reader's own files are read by `read_table`, `read_labels` and `read_catalogue`."""

import ast
from pathlib import Path

import pytest

from latentomics.rerun.notebook import Notebook, code_cells

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pkg/latentomics"
READERS = {
    *("read_csv", "read_table", "read_fwf", "read_excel", "ExcelFile", "read_parquet"),
    *("read_feather", "read_hdf", "read_json", "read_h5ad", "load_workbook", "reader"),
    *("loadtxt", "genfromtxt", "fromfile", "fromregex"),
}
DOORS = {"cells.py", "grids.py"}  # of data/


def reads(tree):
    """List the attributes of other libraries that read a file, with their nodes."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in READERS
    ]


def test_the_package_reads_files_of_the_reader_in_one_place():
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        if reads(ast.parse(text)) and "fetch_file" not in text:  # registered files
            found.add(path.relative_to(PACKAGE).as_posix())
    stored = {"rerun/publish.py", "rerun/restamp.py"}  # tables of the package itself
    assert found - stored == {f"data/{door}" for door in DOORS}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.md")), ids=lambda p: p.stem
)
def test_notebooks_read_what_their_parameters_name_by_the_package(path):
    notebook = Notebook(path)
    given = {parameter.name for parameter in notebook.parameters}
    for cell in code_cells(notebook.node):
        for call in ast.walk(ast.parse(cell.source)):
            if isinstance(call, ast.Call) and reads(call.func):
                named = {n.id for n in ast.walk(call) if isinstance(n, ast.Name)}
                assert not named & given, ast.unparse(call)
