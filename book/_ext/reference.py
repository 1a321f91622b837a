"""Docstrings as pages: an equation that one names becomes a link to its chapter."""

import re
from importlib import import_module
from pathlib import Path

# members that these give to a class are not ours to explain
FOREIGN = "BaseEstimator TransformerMixin RegressorMixin ClassifierMixin"
FOREIGN += " MetaEstimatorMixin _MetadataRequester ValueError OSError Exception"
EQUATION = re.compile(r"``(eq-[a-z0-9-]+)``")
ROOMS = "denoise multitask signatures sensing data metrics solvers linalg"
NAME = re.compile(r":(class|func):`(\w+)`")


def addresses():
    """Return where names of other pages stand, by the name alone."""
    inside = (Path(__file__).parents[1] / "reference/internals.md").read_text("utf-8")
    found = re.findall(r"auto\w+:: (latentomics[\w.]+)", inside)
    for room in ROOMS.split():
        names = import_module(f"latentomics.{room}").__all__
        found += [f"latentomics.{room}.{name}" for name in names]
    return {name.rpartition(".")[2]: name for name in found}


ADDRESSES = addresses()


def addressed(match):
    """Return a reference to a short name with its whole address, if that is known."""
    role, name = match.groups()
    return f":{role}:`~{ADDRESSES[name]}`" if name in ADDRESSES else match[0]


def link(app, what, name, obj, options, lines):
    """Let ``eq-...`` point to its equation, and make a paragraph of each reference."""
    text = EQUATION.sub(r":eq:`\1`", "\n".join(lines))
    text = NAME.sub(addressed, text)
    body, title, references = text.partition("\nReferences\n----------\n")
    references = re.sub(r"\n(?=\[\d\] )", r"\n\n", re.sub(r"\n +", " ", references))
    lines[:] = (body + title + references).split("\n")


def skip(app, what, name, obj, skip, options):
    """Leave out parameters, which the class explains, and scikit-learn's methods."""
    value = what == "class" and not callable(obj) and not isinstance(obj, property)
    request = name.startswith("set_") and name.endswith("_request")
    return True if value or request else None


def setup(app):
    """Read NumPy's form of docstrings, and link their equations."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.config.napoleon_google_docstring = False
    app.config.napoleon_use_rtype = False
    app.config.autodoc_member_order = "alphabetical"
    app.config.autodoc_default_options = {
        "members": True,
        "imported-members": True,
        "inherited-members": FOREIGN.replace(" ", ","),
    }
    app.config.autodoc_preserve_defaults = True
    # types are words, as "array of shape (n, p)": there is nothing to link them to
    app.config.napoleon_use_param = False
    app.config.napoleon_custom_sections = [("Attributes", "params_style")]
    app.config.nitpick_ignore_regex = [
        ("py:.*", r"(?!latentomics\.).+\..+")
    ]  # of other libraries
    app.connect("autodoc-process-docstring", link, priority=100)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
