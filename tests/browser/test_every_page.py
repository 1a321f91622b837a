"""Each page of the table of contents, as a reader without network sees it."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

import pytest
import yaml

TOC = yaml.safe_load((Path(__file__).parents[2] / "_toc.yml").read_text("utf8"))
CHAPTERS = [c["file"] for part in TOC["parts"] for c in part["chapters"]]
PAGES = [f"{name}.html" for name in [TOC["root"], *CHAPTERS]]
each_page = pytest.mark.parametrize("name", PAGES)
# maths or markup that a reader should never meet as text
RAW = re.compile(
    r"\$\$|\\\(|\\\[|\\[a-z]{2,}\b|\$\\|\beq-[a-z]|\{(?:eq|ref|doc|term|cite\S*)\}|```|:::"
)
# what the default description looks like: the path of the picture's file
NO_ALT = re.compile(r"^\s*$|_images|/\S+/|\.(png|svg|jpe?g)\s*$")
FACTS = """() => {
    const all = (query) => [...document.querySelectorAll(query)];
    const prose = document.querySelector("article").cloneNode(true);
    // code shows source on purpose, mjx-container holds drawn maths
    prose.querySelectorAll("pre, code, script, style, mjx-container")
        .forEach(e => e.remove());
    return {
        prose: prose.textContent,
        formulas: all("article .math").length,
        undrawn: all("article .math").filter(e => !e.querySelector("mjx-container"))
            .map(e => e.textContent),
        refused: all("mjx-merror, [data-mjx-error]").map(e => e.textContent),
        // a box that scrolls sideways hides the end of its line
        cut: all("article pre, article div.math, article mjx-container[display]")
            .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
            .map(e => `${e.closest("[id]")?.id}: ${e.textContent.slice(0, 60)}`),
        images: all("article img").map(i => ({
            src: i.getAttribute("src"), alt: i.alt, width: i.naturalWidth,
            framed: i.closest("figure") !== null})),
        silent: all("article figure")
            .filter(f => !f.querySelector("figcaption")?.textContent.trim())
            .map(f => f.id),
        links: all("a[href]").map(a => a.href),
    };
}"""


@pytest.fixture(scope="session")
def look(desk):
    """Open a page once, and report what is on it and what went wrong."""

    @cache
    def facts(name):
        desk.wrong.clear()
        page = desk.open(name)
        page.wait_for_load_state("networkidle")
        return page.evaluate(FACTS) | {"wrong": list(desk.wrong)}

    return facts


@each_page
def test_nothing_goes_wrong(look, name):
    assert look(name)["wrong"] == []


@pytest.mark.parametrize("name", ["index.html", "search.html", "genindex.html"])
def test_nothing_goes_wrong_around_the_pages(visit, name):
    visit.page.goto(f"{visit.site}/{name}")
    visit.page.wait_for_load_state("networkidle")
    assert visit.wrong == []


@each_page
def test_formulas_are_drawn(look, name):
    assert look(name)["undrawn"] == []
    assert look(name)["refused"] == []


@pytest.mark.parametrize("name", [n for n in PAGES if n.startswith("notebooks/")])
def test_a_chapter_has_formulas(look, name):
    assert look(name)["formulas"] > 0


@each_page
def test_no_markup_is_left_in_the_prose(look, name):
    assert RAW.findall(look(name)["prose"]) == []


@each_page
def test_no_line_of_code_or_maths_is_cut_off(look, name):
    assert look(name)["cut"] == []


@each_page
def test_images_are_there_and_described(look, name):
    images = look(name)["images"]
    assert [image for image in images if image["width"] == 0] == []
    assert [image for image in images if NO_ALT.search(image["alt"])] == []


@each_page
def test_every_picture_is_a_figure_with_a_caption(look, name):
    assert [i["src"] for i in look(name)["images"] if not i["framed"]] == []
    assert look(name)["silent"] == []


@each_page
def test_links_inside_the_book_lead_somewhere(look, site, html, name):
    inside = {link for link in look(name)["links"] if link.startswith(site)}
    assert len(inside) > len(PAGES)  # the sidebar alone has as many
    assert [link for link in sorted(inside) if not leads_somewhere(html, link)] == []


def leads_somewhere(html, link):
    """Tell whether the file is there and, for a page, the named place in it."""
    address, place = urldefrag(link)
    target = html / unquote(urlparse(address).path).lstrip("/")
    return target.is_file() and (not place or f'id="{place}"' in target.read_text())
