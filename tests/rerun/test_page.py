"""The HTML of a run is readable without network and without the book's markup."""

import base64
import re

import nbformat
import pytest

from latentomics.rerun.page import copy_mathjax, plain_markdown, to_html

DOT = "iVBORw0KGgo="


@pytest.fixture
def page(write_notebook):
    nb = write_notebook("x").node
    nb.cells[-1].metadata["mystnb"] = {
        "image": {"alt": "A dot, <b>bold</b>."},
        "figure": {"caption": "Dots cluster."},
    }
    picture = nbformat.v4.new_output("display_data", data={"image/png": DOT})
    nb.cells[-1].outputs = [picture]
    nb.cells[0].source += "\n\n![A sketch](sketch.png)"
    sketch = write_notebook("x").folder / "sketch.png"
    sketch.write_bytes(base64.b64decode(DOT))
    return to_html(nb, "A toy", sketch.parent)


def test_page_asks_nothing_of_the_network(page):
    assert re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=.?https?:", page) == []
    assert "cdnjs" not in page
    assert 'src="../mathjax/tex-chtml.js"' in page


def test_page_holds_picture_with_its_words(page):
    assert page.count(f'src="data:image/png;base64,{DOT}"') == 2  # one in the text
    assert 'alt="A dot, &lt;b&gt;bold&lt;/b&gt;."' in page
    assert "<figcaption>Dots cluster.</figcaption>" in page
    assert "<title>A toy</title>" in page


@pytest.mark.parametrize(
    ("book", "plain"),
    [
        ("(ch-x)=\n# A", "\n# A"),
        ("see {eq}`eq-a` and {numref}`fig`", "see eq-a and fig"),
        ("$$ x $$ (eq-a)", "$$ x $$"),
        ("$$\nx\n$$ (eq-a)", "$$\nx\n$$"),
        ("```{note}\n:class: tip\nHi\n```\nend", "\n**Note**\n\nHi\n\nend"),
        ("```python\nx\n```", "```python\nx\n```"),
    ],
)
def test_book_markup_becomes_markdown(book, plain):
    assert plain_markdown(book) == plain


def test_mathjax_is_copied_once(tmp_path):
    source = tmp_path / "book/_static/mathjax"
    source.mkdir(parents=True)
    (source / "tex-chtml.js").write_text("1")
    out = tmp_path / "runs"
    out.mkdir()
    for _ in range(2):
        copy_mathjax(tmp_path / "notebooks", out)
    assert (out / "mathjax/tex-chtml.js").read_text() == "1"
