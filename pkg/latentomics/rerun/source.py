"""A hash of what a notebook computes: its code, and every definition it reaches."""

import ast
import hashlib
import importlib.util
from functools import cache, cached_property
from pathlib import Path

from latentomics.rerun.notebook import Notebook, code_cells
from latentomics.rerun.syntax import (
    IMPORTS,
    MAGIC,
    PACKAGE,
    Unread,
    bindings,
    chain,
    imported,
    own_imports,
    parsed,
)

TABLE_OF_DATA = "LOADERS"  # names every loader, needed or not
SILENT = {"ctx", "annotation", "returns", "type_comment", "kind"}  # compute nothing


def source_hash(notebook):
    """Return the sha256 of the code cells of `notebook` and of all that they reach.

    A function, class or constant of this package counts if a cell, or another
    definition that counts, names it; this is read from the syntax, and nothing is run.
    Its name and syntax are hashed, not its place: a stored result stays valid when code
    moves, a module is renamed, or docstrings, comments and type hints change, but not
    when a line of arithmetic does. Plotting code (`plot`, modules of `figures`) does
    not count, nor do the values in the parameters cell, which a stored result states
    itself, nor anything after the last reported table. Loaders count if the notebook
    declares their data sets.
    """
    cells = until_last_table(code_cells(notebook.node))
    trees = [parsed(cell.source) for cell in cells]
    names = {k: v for tree in trees for k, v in imported(tree).items()}
    parts, targets = [], []
    for cell, tree in zip(cells, trees, strict=True):
        reader = Reader(names)
        text = reader.text(tree)
        if "parameters" in cell.metadata.get("tags", []):
            text = "parameters"
        if isinstance(tree, Unread):
            text = cell.source.strip()
        text += "".join(line[0].strip() for line in MAGIC.finditer(cell.source))
        own = [name for name in reader.mentioned if name.startswith(f"{PACKAGE}.")]
        parts.append(with_meanings(text, own))
        targets += own
    found, given = loaders(notebook.datasets)
    parts += sorted(reached(targets + found)) + given
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part}\n\0".encode())
    return digest.hexdigest()


class TablesOnly(Notebook):
    """A notebook up to its last reported table: all that its stored tables need."""

    @cached_property
    def node(self):
        """Its cells up to the last table, cleaned, without outputs."""
        nb = Notebook(self.path).node
        nb.cells = until_last_table(nb.cells)
        return nb


def until_last_table(cells):
    """Return the cells up to the last that reports a table; all if none does."""
    reporting = [
        place
        for place, cell in enumerate(cells)
        if cell.cell_type == "code" and "report_table(" in cell.source
    ]
    return cells[: reporting[-1] + 1] if reporting else cells


def loaders(datasets):
    """Return the dotted names of the loaders of `datasets`, and their arguments."""
    if not datasets:
        return [], []
    from latentomics.data.datasets import LOADERS

    names, given = [], []
    for dataset in sorted(datasets):
        loader = LOADERS[dataset]
        function = getattr(loader, "func", loader)
        names.append(f"{function.__module__}.{function.__name__}")
        given.append(repr([getattr(loader, k, None) for k in ("args", "keywords")]))
    return names, given


def reached(targets):
    """Return the set of names and syntax of all definitions that `targets` lead to."""
    todo, seen, found = list(targets), set(), set()
    while todo:
        target = todo.pop()
        if target in seen:
            continue
        seen.add(target)
        module, name = resolve(target)
        if module is None or module.silent or name == TABLE_OF_DATA:
            continue
        if name is None:  # a module as a value: anything in it may be used
            todo += [f"{module.name}.{each}" for each in module.statements if each]
            todo += module.imported.values()
            continue
        for bound in (name, ""):  # "": what the module does on import
            text, mentioned = module.read(bound)
            found.add(f"{bound} = {with_meanings(text, mentioned)}")
            todo += mentioned
    return found


def with_meanings(text, mentioned):
    """Return syntax followed by a hash of the definitions that its names refer to."""
    homes = [resolve(target) for target in mentioned]
    meant = [
        home.read(name)[0]
        for home, name in homes
        if home and name and not home.silent and name != TABLE_OF_DATA
    ]
    return f"{text} {hashlib.sha256(repr(meant).encode()).hexdigest()}"


class Module:
    """A file of the package: its top-level statements by the names they bind."""

    def __init__(self, name, file):
        tree = parsed(file.read_text(encoding="utf-8"))
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        self.name, self.imported = name, imported(tree, package)
        self.statements = {}
        for statement in tree.body:
            for bound, part in bindings(statement):
                self.statements.setdefault(bound, []).append(part)

    @property
    def silent(self):
        """Whether it draws pictures."""
        parts = self.name.split(".")
        return "plot" in parts[1:2] or parts[-1].endswith("figures")

    @cache  # noqa: B019 - modules are few, and live as long as the hash needs them
    def read(self, name):
        """Return the syntax that binds a name, and the dotted names it mentions."""
        reader = Reader(self.imported)
        text = ";".join(map(reader.text, self.statements.get(name, ())))
        own = f"{PACKAGE}."
        return text, [
            each if each.startswith(own) else f"{self.name}.{each}"
            for each in reader.mentioned
        ]


class Reader:
    """Writes syntax in a canonical form, and collects the names mentioned in it.

    Names are written as in their definitions, without module or alias.
    """

    def __init__(self, imported):
        self.imported, self.mentioned = imported, []

    def text(self, node):
        """Return the syntax of a node without docstrings, hints and own imports."""
        if isinstance(node, list):
            return ",".join(filter(None, map(self.text, node)))
        if isinstance(node, ast.Constant) or not isinstance(node, ast.AST):
            return repr(getattr(node, "value", node))
        if isinstance(node, IMPORTS) and own_imports(node) or is_sentence(node):
            return ""
        names = chain(node)
        if names:
            return f"<{self._named(names)}>"
        fields = {f: v for f, v in ast.iter_fields(node) if f not in SILENT}
        written = (
            f"{f}={self.text(v)}" for f, v in fields.items() if v not in ([], None)
        )
        return f"{type(node).__name__}({';'.join(written)})"

    def _named(self, names):
        first, *rest = names
        target = self.imported.get(first)
        if target is None:
            self.mentioned.append(first)
            return ".".join(names)
        while rest and resolve(target)[1] is None:
            target = f"{target}.{rest.pop(0)}"
        self.mentioned.append(target)
        last = resolve(target)[1] or target.rpartition(".")[2]
        return ".".join([last, *rest])


def is_sentence(node):
    """Whether a statement is a docstring, or the sentence below a field."""
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(getattr(value, "value", None), str)


def resolve(target):
    """Return the `Module` that defines a dotted name, and the name it has there.

    The name is None for a module itself; the module is None where there is none.
    """
    parent, _, name = target.rpartition(".")
    home = module_of(parent) if parent else None
    if home and name in home.statements:
        return home, name
    if home and home.imported.get(name, target) != target:
        return resolve(home.imported[name])
    return module_of(target), None


def module_of(name):
    """Return the `Module` of a dotted name, None if no file has it."""
    root = Path(importlib.util.find_spec(PACKAGE).submodule_search_locations[0])
    path = root.joinpath(*name.split(".")[1:])
    for file in (path.with_name(path.name + ".py"), path / "__init__.py"):
        if file.is_file():
            return _module(name, file, file.stat().st_mtime_ns)
    return None


@cache
def _module(name, file, mtime):
    return Module(name, file)
