"""The parameters cell of a notebook: names, types, defaults and comments."""

import ast
import difflib
import io
import math
import tokenize
from dataclasses import dataclass

KINDS = {"int": int, "float": float, "str": str, "bool": bool}
TRUTH = {"true": True, "false": False}
SCALES = ("teaching", "paper")  # of the parameter `scale`, in every notebook


@dataclass(frozen=True)
class Parameter:
    """One annotated scalar of a parameters cell."""

    name: str
    kind: str
    default: int | float | str | bool
    comment: str

    def read(self, text):
        """Convert the text typed after ``-p name=`` to a value of this type."""
        try:
            value = (
                TRUTH[text.lower()] if self.kind == "bool" else KINDS[self.kind](text)
            )
        except (KeyError, ValueError):
            wanted = "true or false" if self.kind == "bool" else f"of type {self.kind}"
            raise ValueError(f"{self.name} must be {wanted}; got {text!r}") from None
        if self.kind == "float" and not math.isfinite(value):
            raise ValueError(f"{self.name} must be a finite number; got {text!r}")
        if self.name == "scale" and value not in SCALES:
            raise ValueError(f"scale must be one of {SCALES}; got {text!r}")
        return value


def read_cell(source):
    """List the `Parameter` of a cell such as ``lam: float = 1.0  # AUC units``.

    Raises
    ------
    ValueError
        If a line is anything but one scalar of type int, float, str or bool.
    """
    comments = _comments(source)
    return [_parameter(node, comments) for node in ast.parse(source).body]


def _parameter(node, comments):
    line = ast.unparse(node)
    rule = "a parameters cell holds lines like 'lam: float = 1.0  # units'"
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
        raise ValueError(f"{rule}; got {line!r}")
    kind = ast.unparse(node.annotation)
    if kind not in KINDS:
        raise ValueError(f"{rule}, of type {', '.join(KINDS)}; got {line!r}")
    try:
        default = ast.literal_eval(node.value)
    except (TypeError, ValueError):
        raise ValueError(f"{rule}, with a literal default; got {line!r}") from None
    default = float(default) if kind == "float" and type(default) is int else default
    if type(default) is not KINDS[kind]:
        raise ValueError(f"{rule}, a default of its own type; got {line!r}")
    return Parameter(node.target.id, kind, default, comments.get(node.lineno, ""))


def _comments(source):
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def lookup(parameters, name, notebook):
    """Return the parameter called `name`, or refuse with the list of known ones."""
    known = {p.name: p for p in parameters}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(
        f"{notebook} has no parameter {name!r}; {hint}it has {', '.join(known)}"
    )


def split_pair(text, option):
    """Split ``name=value`` at the first ``=``, and strip the spaces around both."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"{option} takes name=value; got {text!r}")
    return name.strip(), value.strip()


def _listed(text):
    """Split ``a, b`` at its commas."""
    return [value.strip() for value in text.split(",")]


def points(parameters, notebook, assigned=(), grid=()):
    """List the values to change, one dict per point of the grid.

    Parameters
    ----------
    parameters : list of Parameter
    notebook : str
        Its name, for error messages.
    assigned : iterable of str
        ``name=value``, the same at every point.
    grid : iterable of str
        ``name=a,b,c``, every combination of them.
    """
    found = [{}]
    pairs = [(*split_pair(text, "-p"), False) for text in assigned]
    pairs += [(*split_pair(text, "--grid"), True) for text in grid]
    for name, text, several in pairs:
        parameter = lookup(parameters, name, notebook)
        if name in found[0]:
            raise ValueError(f"{name} is given twice; give it once, by -p or --grid")
        values = [parameter.read(v) for v in (_listed(text) if several else [text])]
        found = [{**point, name: value} for point in found for value in values]
    return found
