"""Python source as syntax, without type hints and magics, and the names it binds."""

import ast
import importlib.util
import re

PACKAGE = "latentomics"
IMPORTS = (ast.Import, ast.ImportFrom)
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
MAGIC = re.compile(r"^([ \t]*)[%!](?!%).*$", re.MULTILINE)


def chain(node):
    """Return ["a", "b", "c"] for the expression ``a.b.c``, None for any other."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else None


def bindings(statement):
    """Yield (name, statement) for each name that a top-level statement binds.

    ("", statement) if it binds none; nothing for docstrings and the package's own
    imports. An import of several names is split.
    """
    if isinstance(statement, IMPORTS):
        for alias in [] if own_imports(statement) else statement.names:
            alone = type(statement)(**{**vars(statement), "names": [alias]})
            yield (alias.asname or alias.name).split(".")[0], alone
    elif isinstance(statement, DEFINITIONS):
        yield statement.name, statement
    elif not isinstance(statement, ast.Expr) or not isinstance(
        statement.value, ast.Constant
    ):
        stored = {
            n.id
            for n in ast.walk(statement)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        inside = [
            n for n in ast.walk(statement) if isinstance(n, DEFINITIONS + IMPORTS)
        ]
        stored |= {name for n in inside for name, _ in bindings(n)}
        for name in stored or {""}:
            yield name, statement


def imported(tree, package=None):
    """Map local names to the dotted names of this package that they stand for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in own_imports(node):
                local = alias.asname or PACKAGE
                found[local] = alias.name if alias.asname else PACKAGE
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            written = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(written, package)
            if module.split(".")[0] == PACKAGE:
                found |= {a.asname or a.name: f"{module}.{a.name}" for a in node.names}
    return found


def own_imports(node):
    """Return the aliases of an import statement that come from this package."""
    if isinstance(node, ast.ImportFrom):
        own = node.level or node.module.split(".")[0] == PACKAGE
        return node.names if own else []
    return [alias for alias in node.names if alias.name.split(".")[0] == PACKAGE]


class Unread(ast.Module):
    """A cell in a language other than Python."""


class Unhinted(ast.NodeTransformer):
    """Removes type hints, except those of a class, which define fields."""

    def visit_AnnAssign(self, node):  # noqa: N802 - the name that ast wants
        """Return ``x = 1`` for ``x: int = 1``, nothing for ``x: int``."""
        made = ast.Assign(targets=[node.target], value=node.value, type_comment=None)
        return node.value and ast.copy_location(made, node)

    def visit_ClassDef(self, node):  # noqa: N802
        """Leave the fields of a class as they are."""
        fields = (ast.AnnAssign,)
        node.body = [n if isinstance(n, fields) else self.visit(n) for n in node.body]
        node.body = [n for n in node.body if n is not None]
        return node

    def visit_If(self, node):  # noqa: N802
        """Drop what is there for type checkers only."""
        names = chain(node.test) or [""]
        return None if names[-1] == "TYPE_CHECKING" else self.generic_visit(node)


def parsed(code):
    """Return the syntax tree of Python code without type hints and line magics."""
    for text in (code, MAGIC.sub(r"\1pass", code)):
        try:
            return Unhinted().visit(ast.parse(text))
        except SyntaxError:
            continue
    return Unread(body=[], type_ignores=[])
