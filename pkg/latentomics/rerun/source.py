"""A hash of what a notebook computes: its code and the package files it imports."""

import ast
import hashlib
import importlib.util
from pathlib import Path

from latentomics.rerun.notebook import code_cells

PACKAGE = "latentomics"
TABLE_OF_DATA = ("data", "datasets")  # names every loader, whoever needs it
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def source_hash(notebook):
    """Return the sha256 of the code cells of `notebook` and of all they import.

    Only files of this package count, found by walking import statements, never by
    running anything. Docstrings, comment lines and blank lines do not count: better
    prose keeps a stored result valid, another line of code does not. Nor does what
    changes no number: pictures (`plot`, `figures`), and what a package offers beside
    the names that are imported from it. Of the data sets, the loaders of those that
    the notebook declares count. What a page does with its stored tables after the
    last of them is reported cannot change them, and does not count either.
    """
    cells = until_last_table([cell.source for cell in code_cells(notebook.node)])
    root = Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0])
    found = imported_files(cells, root, loader_modules(notebook.datasets))
    parts = [("cell", essence(cell)) for cell in cells]
    parts += [
        (file.relative_to(root).as_posix(), essence(file.read_text(encoding="utf-8")))
        for file in sorted(found)
    ]
    digest = hashlib.sha256()
    for name, text in parts:
        digest.update(f"{name}\n{text}\n\0".encode())
    return digest.hexdigest()


def until_last_table(cells):
    """Return the cells up to the last that reports a table; all if none does."""
    reporting = [i for i, cell in enumerate(cells) if "report_table(" in cell]
    return cells[: reporting[-1] + 1] if reporting else cells


def loader_modules(datasets):
    """Return the modules that read `datasets`, by dotted name."""
    if not datasets:
        return []
    from latentomics.data.datasets import LOADERS

    loaders = [LOADERS[name] for name in datasets]
    return [getattr(loader, "func", loader).__module__ for loader in loaders]


def imported_files(sources, root, names=()):
    """Return the files under `root` that `sources` and `names` bring in."""
    found = set()
    todo = [*names, *(name for code in sources for name in imports(code))]
    while todo:
        file = defining_file(todo.pop(), root)
        if file is None or file in found or without_numbers(file, root):
            continue
        found.add(file)
        code = file.read_text(encoding="utf-8")
        todo += imports(code, package_of(file, root))
    return found


def without_numbers(file, root):
    """Say whether `file` draws pictures, or is the table of all data sets."""
    parts = file.relative_to(root).with_suffix("").parts
    return parts[0] == "plot" or parts[-1] == "figures" or parts == TABLE_OF_DATA


def package_of(file, root):
    """Return the dotted name that relative imports in `file` start from."""
    return ".".join([PACKAGE, *file.relative_to(root).parent.parts])


def imports(code, here=None):
    """List the dotted names of this package that `code`, in package `here`, imports."""
    return [
        f"{module}.{name}" if name else module
        for module, name, _ in statements(code, here)
    ]


def statements(code, here=None):
    """List (module, name, local name) of what `code` imports from this package."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except SyntaxError:  # a cell with a line magic imports nothing we could follow
        return []
    found = [
        (a.name, "", "") for n in nodes if isinstance(n, ast.Import) for a in n.names
    ]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (here or node.level == 0):
            written = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(written, here)
            found += [(module, a.name, a.asname or a.name) for a in node.names]
    return [each for each in found if each[0].split(".")[0] == PACKAGE]


def defining_file(name, root):
    """Return the file that a dotted name of this package comes from, or None.

    A name that a package only passes on belongs to the module that defines it.
    """
    path = root.joinpath(*name.split(".")[1:])
    for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if file.is_file():
            return file
    parent, _, wanted = name.rpartition(".")
    if not parent:
        return None
    file = defining_file(parent, root)
    if file is None or file.name != "__init__.py":
        return file
    code = file.read_text(encoding="utf-8")
    for module, original, local in statements(code, package_of(file, root)):
        if local == wanted:
            return defining_file(f"{module}.{original}", root)
    return file


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
