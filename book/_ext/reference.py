"""Docstrings as pages: an equation that one names becomes a link to its chapter."""

import re

# members that these give to a class are not ours to explain
FOREIGN = "BaseEstimator TransformerMixin RegressorMixin ClassifierMixin"
FOREIGN += " MetaEstimatorMixin _MetadataRequester ValueError OSError Exception"
EQUATION = re.compile(r"``(eq-[a-z0-9-]+)``")


def link(app, what, name, obj, options, lines):
    """Let ``eq-...`` point to its equation, and make a paragraph of each reference."""
    text = EQUATION.sub(r":eq:`\1`", "\n".join(lines))
    body, title, references = text.partition("\nReferences\n----------\n")
    references = re.sub(r"\n(?=\[\d\] )", r"\n\n", re.sub(r"\n +", " ", references))
    lines[:] = (body + title + references).split("\n")


def skip(app, what, name, obj, skip, options):
    """Leave out what scikit-learn adds to every estimator for its own use."""
    return True if name.startswith("set_") and name.endswith("_request") else None


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
    app.config.nitpick_ignore_regex = [("py:.*", ".*")]
    app.connect("autodoc-process-docstring", link, priority=100)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
