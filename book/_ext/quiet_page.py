"""Drop what makes a page ask the network, and follow the reader's light or dark."""

THEBE = "thebe"  # live cells: its script lies on a public host, and we offer none
# a page opened from a folder may not fetch the others, so it lists hits without text
FROM_FOLDER = """if (location.protocol === "file:")
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;"""


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
    """Add the script, and the hook, late enough to see what the others added."""
    app.add_js_file(None, body=FROM_FOLDER)
    app.connect("html-page-context", quieten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
