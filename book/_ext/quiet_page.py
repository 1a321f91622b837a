"""Drop what makes a page ask the network, and follow the reader's light or dark."""

THEBE = "thebe"  # live cells: its script lies on a public host, and we offer none


def is_thebe(script):
    """Tell whether a script tag belongs to sphinx-thebe."""
    inline = getattr(script, "attributes", {}).get("body") or ""
    return THEBE in f"{script} {inline}".lower()


def quieten(app, pagename, templatename, context, doctree):
    """Edit the variables that the page template is about to receive."""
    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]
    context["css_files"] = [s for s in context["css_files"] if THEBE not in str(s)]
    context["default_mode"] = "auto"


def setup(app):
    """Register the hook, late enough to see every other extension's scripts."""
    app.connect("html-page-context", quieten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
