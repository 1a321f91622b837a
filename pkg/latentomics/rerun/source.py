"""A hash of what a notebook computes: its code and the package files it imports."""

import ast
import hashlib
import importlib.util
from pathlib import Path

from latentomics.rerun.notebook import code_cells

PACKAGE = "latentomics"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def source_hash(notebook):
    """Return the sha256 of the code cells of `notebook` and of all they import.

    Only files of this package count, found by walking import statements, never by
    running anything. Docstrings, comment lines and blank lines do not count: better
    prose keeps a stored result valid, another line of code does not.
    """
    cells = [cell.source for cell in code_cells(notebook.node)]
    root = Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0])
    found = imported_files(cells, root)
    parts = [("cell", essence(cell)) for cell in cells]
    parts += [
        (file.relative_to(root).as_posix(), essence(file.read_text(encoding="utf-8")))
        for file in sorted(found)
    ]
    digest = hashlib.sha256()
    for name, text in parts:
        digest.update(f"{name}\n{text}\n\0".encode())
    return digest.hexdigest()


def imported_files(sources, root):
    """Return the files under `root` that `sources` import, directly or not."""
    found, todo = set(), [name for code in sources for name in imports(code)]
    while todo:
        for file in module_files(todo.pop(), root):
            if file not in found:
                found.add(file)
                here = ".".join([PACKAGE, *file.relative_to(root).parent.parts])
                todo += imports(file.read_text(encoding="utf-8"), here)
    return found


def imports(code, here=None):
    """List the dotted names of this package that `code`, in package `here`, imports."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:  # a cell with a line magic imports nothing we could follow
        return []
    names = [
        a.name for node in nodes if isinstance(node, ast.Import) for a in node.names
    ]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (here or node.level == 0):
            written = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(written, here)
            names += [module, *(f"{module}.{a.name}" for a in node.names)]
    return [name for name in names if name.split(".")[0] == PACKAGE]


def module_files(name, root):
    """List the files that importing `name` runs: packages on the way, and itself."""
    parts = name.split(".")[1:]
    steps = [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    wanted = [step / "__init__.py" for step in steps]
    wanted += [step.with_name(step.name + ".py") for step in steps[1:]]
    return [file for file in wanted if file.is_file()]


def essence(code):
    """Return `code` without docstrings, comment lines, blank lines and line ends.

    Works on line ranges rather than on a printed syntax tree, which differs between
    Python versions.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return code.strip()
    spoken, literal = _docstring_lines(tree), _string_lines(tree)
    lines = [
        line.rstrip()
        for number, line in enumerate(code.split("\n"), start=1)
        if number in literal - spoken or _counts(line) and number not in spoken
    ]
    return "\n".join(lines)


def _counts(line):
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _docstring_lines(tree):
    documented = (
        node
        for node in ast.walk(tree)
        if isinstance(node, DOCUMENTED)
        and ast.get_docstring(node, clean=False) is not None
        and getattr(node, "lineno", 0) < node.body[0].lineno  # not "def f(): 'doc'"
    )
    return {
        line
        for node in documented
        for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }


def _string_lines(tree):
    """Lines inside a string, where a blank or a leading # means something."""
    strings = (
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.JoinedStr)
        or isinstance(n, ast.Constant)
        and isinstance(n.value, str | bytes)
    )
    return {line for n in strings for line in range(n.lineno, n.end_lineno + 1)}
