"""The HTML page of a run, readable without a network."""

import copy
import html
import re
import shutil
from pathlib import Path

from latentomics.rerun.notebook import code_cells

# nbconvert's own template fetches require.js, MathJax and mermaid from the network
TEMPLATE = r"""
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}
<script>
MathJax = {tex: {inlineMath: [['$', '$'], ['\\(', '\\)']], tags: 'ams'}};
</script>
<script defer src="../mathjax/tex-chtml.js"></script>
{%- endblock -%}
"""
TARGET = re.compile(r"^\([\w-]+\)=\s*$", re.MULTILINE)
ROLE = re.compile(r"\{[\w:-]+\}`([^`]*)`")
LABEL = re.compile(r"^(\$\$.*\$\$|\$\$)[ ]*\([\w-]+\)[ ]*$", re.MULTILINE)
FENCE = re.compile(
    r"^(`{3,}|:{3,})\{([\w:-]+)\}(.*)\n((?::[\w-]+:.*\n)*)", re.MULTILINE
)


def to_html(nb, title, folder):
    """Return `nb` as one HTML page; maths needs the folder ``mathjax`` beside it.

    Parameters
    ----------
    nb : NotebookNode
    title : str
    folder : path
        Base of the relative paths of pictures in the text, which are embedded.
    """
    import jinja2
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        extra_loaders=[jinja2.DictLoader({"run.html.j2": TEMPLATE})],
        template_file="run.html.j2",
        embed_images=True,
    )
    page, _ = exporter.from_notebook_node(
        _plain(nb), resources={"metadata": {"name": title, "path": str(folder)}}
    )
    return page


def copy_mathjax(notebooks, out):
    """Put the book's MathJax beside the runs in `out`, once.

    Parameters
    ----------
    notebooks, out : Path
        Without a book next to `notebooks` the pages show their formulas as TeX.
    """
    source, target = Path(notebooks).parent / "book/_static/mathjax", out / "mathjax"
    if source.is_dir() and not target.exists():
        shutil.copytree(source, target)


def _plain(nb):
    """Copy `nb` with the book's own markup turned into plain Markdown."""
    nb = copy.deepcopy(nb)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = plain_markdown(cell.source)
    for cell in code_cells(nb):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.data["text/html"] = _figure(output, cell.metadata)
    return nb


def _figure(output, metadata):
    """Return a picture with the alt text and the caption that the book gives it."""
    words = metadata.get("mystnb", {})
    alt = html.escape(words.get("image", {}).get("alt", ""))
    caption = html.escape(words.get("figure", {}).get("caption", ""))
    source = f"data:image/png;base64,{output.data['image/png'].strip()}"
    return (
        f'<figure><img src="{source}" alt="{alt}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def plain_markdown(text):
    """Turn directives, roles and labels of MyST into plain Markdown."""
    text = LABEL.sub(r"\1", TARGET.sub("", text))
    fences = [match[1] for match in FENCE.finditer(text)]
    text = FENCE.sub(lambda m: f"\n**{m[2].split(':')[-1].capitalize()}**\n\n", text)
    for fence in fences:
        text = re.sub(rf"^{fence}[ ]*$", "", text, count=1, flags=re.MULTILINE)
    return ROLE.sub(r"\1", text)
