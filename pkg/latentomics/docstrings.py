"""The docstring of an estimator: its own text, its parameters, what it inherits."""

import ast
import re
from dataclasses import MISSING, is_dataclass
from functools import cache
from inspect import cleandoc, getsourcefile, signature
from pathlib import Path
from textwrap import indent


def documented(cls):
    """Return the docstring with its parameters, and what bases say of attributes."""
    text, sections = _split(cleandoc(cls.__doc__ or ""))
    above = _split(cls.__mro__[1].__doc__ or "")[1]
    if "Attributes" in above:
        own = _entries(sections.get("Attributes", ""))
        entries = _entries(above["Attributes"]) | own
        sections["Attributes"] = "\n".join(entries.values())
    sections.setdefault("Parameters", _parameters(cls))
    sections.setdefault("Raises", above.get("Raises", ""))
    order = dict.fromkeys(["Parameters", "Attributes", "Raises", *sections])
    told = [f"{s}\n{'-' * len(s)}\n{sections[s]}" for s in order if sections.get(s)]
    return "\n\n".join([text, *told])


def _split(doc):
    """Return the text before the sections of a docstring, and the sections by name."""
    text, *parts = re.split(r"\n\n(\w+)\n-{4,}\n", doc)
    return text, dict(zip(parts[::2], parts[1::2], strict=True))


def _entries(section):
    """Return the entries of a section by name."""
    entries = re.split(r"\n(?=\S)", section) if section else []
    return {entry.split(" :")[0]: entry for entry in entries}


def _parameters(cls):
    entries = []
    for name in list(signature(cls.__init__).parameters)[1:]:
        each = cls.__dataclass_fields__.get(name)
        if each is None:  # of a constructor written by hand
            continue
        kind = each.metadata["kind"]
        untold = each.default is MISSING or kind.endswith("optional")
        states = "" if untold else f", default={_quoted(each.default)}"
        entries.append(f"{name} : {kind}{states}")
        sentence = _sentence(cls, each.name)
        entries += [indent(sentence, "    ")] if sentence else []
    return "\n".join(entries)


def _quoted(value):
    if isinstance(value, float):
        return repr(value).replace("e-0", "e-")
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _sentence(cls, name):
    """Return the sentence below a field, of the class or the nearest above it."""
    for each in cls.__mro__:
        found = _sentences(each).get(name)
        if found:
            return found
    return ""


@cache
def _sentences(cls):
    """Return the string below each field in the source of a class."""
    if not is_dataclass(cls):
        return {}
    try:
        source = Path(getsourcefile(cls)).read_text(encoding="utf-8")
    except (TypeError, OSError):  # typed at a prompt
        return {}
    nodes = ast.walk(ast.parse(source))
    body = next(
        (
            n.body
            for n in nodes
            if isinstance(n, ast.ClassDef) and n.name == cls.__name__
        ),
        [],
    )
    return {
        one.target.id: cleandoc(two.value.value)
        for one, two in zip(body, body[1:], strict=False)
        if isinstance(one, ast.AnnAssign)
        and isinstance(two, ast.Expr)
        and isinstance(two.value, ast.Constant)
    }
