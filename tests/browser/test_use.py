"""What a reader does: search, copy, launch, follow a word, turn the page."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

CHAPTER = "notebooks/12-soft-impute.html"
TOC = yaml.safe_load((Path(__file__).parents[2] / "_toc.yml").read_text("utf8"))
ORDER = [TOC["root"], *(c["file"] for p in TOC["parts"] for c in p["chapters"])]
SEARCHES = [
    ("residual", "notebooks/21-residual-thresholding"),
    ("concordance", "notebooks/24-cross-study"),
    ("shrinkage", "notebooks/12-soft-impute"),
    ("scheduler", "book/rerun"),
]


def pages_found(page):
    """Addresses that the finished search lists, best first."""
    status = page.locator("#search-results .search-summary")
    status.filter(has_text="finished").wait_for()
    links = page.locator("#search-results ul.search > li > a")
    return links.evaluate_all("e => e.map(a => a.getAttribute('href'))")


@pytest.mark.parametrize(("word", "target"), SEARCHES)
def test_search_finds_the_page(visit, word, target):
    page = visit.open("book/intro.html")
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input[type=search]").fill(word)
    page.keyboard.press("Enter")
    assert [found for found in pages_found(page) if found.startswith(target)]
    page.wait_for_load_state("networkidle")  # each hit fetches its page for a summary
    assert page.locator("#search-results p.context").count() > 0
    assert visit.wrong == []


def test_search_says_so_when_nothing_is_found(visit):
    page = visit.page
    page.goto(f"{visit.site}/search.html?q=zzyzx")
    page.get_by_text("did not match any documents").wait_for()
    assert page.locator("#search-results li").count() == 0


def test_copy_button_copies_the_code(new_visit, site):
    visit = new_visit(site, permissions=["clipboard-read", "clipboard-write"])
    page = visit.open(CHAPTER)
    cell = page.locator("div.cell_input div.highlight").first
    cell.hover()
    cell.locator("button.copybtn").click()
    page.locator("button.copybtn.success").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    assert "seed" in copied  # the first cell of a chapter is its parameters


def test_every_cell_has_a_copy_button(visit):
    page = visit.open(CHAPTER)
    cells = page.locator("div.cell_input pre").count()
    assert page.locator("div.cell_input button.copybtn").count() == cells > 0


@pytest.mark.parametrize("name", [n for n in ORDER if n.startswith("notebooks/")])
@pytest.mark.parametrize("host", ["mybinder.org", "colab.research.google.com"])
def test_launch_buttons_name_the_notebook(visit, name, host):
    page = visit.open(f"{name}.html")
    link = page.locator(f".dropdown-launch-buttons a[href^='https://{host}/']")
    assert link.get_attribute("href").endswith(f"{name}.ipynb")
    assert "latentomics/latentomics" in link.get_attribute("href")


def test_reading_on_visits_the_whole_book_in_order(visit):
    page = visit.open(f"{ORDER[0]}.html")
    assert page.locator("a.left-prev").count() == 0
    for before, name in pairwise(ORDER):
        page.locator("a.right-next").click()
        page.wait_for_url(f"**/{name}.html")
        back = page.locator("a.left-prev").evaluate("a => a.href")
        assert back == f"{visit.site}/{before}.html"
    assert page.locator("a.right-next").count() == 0


def test_a_glossary_word_leads_to_its_meaning(visit):
    page = visit.open("book/intro.html")
    page.locator("article a[href*='glossary.html#term-AUC']").first.click()
    page.wait_for_url("**/glossary.html#term-AUC")
    meaning = page.locator("dt#term-AUC + dd")
    assert "dose-response curve" in meaning.inner_text()


def test_a_formula_is_cited_across_pages(visit):
    page = visit.open("book/notation.html")
    link = page.locator("a[href$='#equation-eq-soft-impute']").first
    number = link.inner_text()
    link.click()
    page.wait_for_url("**/12-soft-impute.html#equation-eq-soft-impute")
    assert number in page.locator("#equation-eq-soft-impute").inner_text()


def test_a_citation_leads_to_the_reference(visit):
    page = visit.open("book/glossary.html")
    page.locator(
        "a[href$='references.html#id1'], article a[href*='references.html#']"
    ).first.click()
    page.wait_for_url("**/references.html#*")
    assert page.locator("article .citation, article .csl-entry").count() > 0


def test_a_solution_is_folded_until_asked_for(visit):
    page = visit.open(CHAPTER)
    solution = page.locator(".solution.dropdown").first
    body = solution.locator("p:not(.admonition-title)").first
    assert not body.is_visible()
    solution.locator(".admonition-title, button").first.click()
    body.wait_for(state="visible")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_page_follows_the_readers_light(new_visit, site, scheme):
    page = new_visit(site, color_scheme=scheme).open("book/intro.html")
    assert page.locator("html").get_attribute("data-theme") == scheme


def test_opens_from_a_folder_without_server(new_visit, html):
    visit = new_visit(html.as_uri())
    page = visit.open(CHAPTER)
    assert page.locator("article mjx-container").count() > 0
    page.keyboard.press("Control+k")
    page.locator("#pst-search-dialog input[type=search]").fill("residual")
    page.keyboard.press("Enter")
    assert "21-residual-thresholding" in "".join(pages_found(page))
    page.wait_for_load_state("networkidle")
    assert visit.wrong == []


def test_a_forbidden_request_is_noticed(visit):
    """The other tests are worth nothing if the net has a hole."""
    page = visit.open("book/intro.html")
    page.evaluate("fetch('https://example.org/x.js').catch(() => 0)")
    page.wait_for_load_state("networkidle")
    assert "asked the network: https://example.org/x.js" in visit.wrong
