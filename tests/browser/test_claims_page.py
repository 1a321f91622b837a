"""The ledger of claims as a reader sees it."""

import json
from pathlib import Path

import pytest
import yaml

BOOK = Path(__file__).parents[2] / "book"
LEDGER = yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))
EXPORT = json.loads((BOOK / "results" / "claims.json").read_text(encoding="utf-8"))
VERDICTS = {row["id"]: row.get("verdict", "not checked") for row in EXPORT}
PAGE = "book/claims.html"


def plain(text):
    """Text without what typesetting changes: case, quotes, dashes, spaces."""
    return "".join(c for c in text.casefold() if c.isalnum())


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim["id"])
def test_every_row_is_on_the_page(visit, claim):
    page = visit.page if visit.page.url.endswith(PAGE) else visit.open(PAGE)
    row = page.locator(f"#claim-{claim['id']}")
    assert row.is_visible()
    shown = plain(row.inner_text())
    for field in ("claim", "why", "reason", "where"):
        assert plain(str(claim.get(field, ""))) in shown
    assert plain(VERDICTS[claim["id"]]) in shown


def test_questions_of_ours_stand_apart(visit):
    page = visit.open(PAGE)
    ours = [c["id"] for c in LEDGER if c.get("kind") == "our question"]
    after = page.locator(".rubric ~ .claim").evaluate_all("a => a.map(e => e.id)")
    assert sorted(after) == sorted(f"claim-{name}" for name in ours)


def shown_rows(page):
    """Return the ids of the rows that can be seen."""
    return page.locator(".claim:visible").evaluate_all("a => a.map(e => e.id)")


def test_rows_are_chosen_by_paper_verdict_and_words(visit):
    page = visit.open(PAGE)
    rows = {f"claim-{c['id']}": c for c in LEDGER}
    assert len(shown_rows(page)) == len(rows)
    place = page.locator("#ledger-filter")
    place.get_by_label("paper and part").select_option("paper-yuan2016")
    left = shown_rows(page)
    assert left
    assert set(left) == {k for k, c in rows.items() if c["paper"] == "yuan2016"}
    place.get_by_label("verdict").select_option("verdict-does-not-hold")
    wanted = [k for k in left if VERDICTS[k.removeprefix("claim-")] == "does not hold"]
    assert shown_rows(page) == wanted
    assert f"{len(wanted)} of {len(rows)}" in place.inner_text()
    place.get_by_label("words").fill("no such word anywhere")
    assert shown_rows(page) == []


def test_a_link_to_a_row_finds_it_although_it_is_filtered_out(visit):
    page = visit.open(PAGE)
    place = page.locator("#ledger-filter")
    place.get_by_label("paper and part").select_option("paper-yuan2016")
    other = next(c["id"] for c in LEDGER if c["paper"] == "hu2025")
    row = page.locator(f"#claim-{other}")
    assert not row.is_visible()
    page.evaluate(f"location.hash = 'claim-{other}'")
    row.wait_for(state="visible", timeout=2000)


def test_every_row_says_its_address(visit):
    page = visit.open(PAGE)
    links = page.locator(".claim a.headerlink").evaluate_all(
        "a => a.map(e => [e.closest('.claim').id, e.getAttribute('href')])"
    )
    assert len(links) == len(LEDGER)
    assert all(address == f"#{name}" for name, address in links)


def test_the_contents_name_no_citation_key(visit):
    page = visit.open(PAGE)
    headings = page.locator("#pst-page-navigation-heading-2 ~ nav a, .bd-toc a")
    said = " ".join(headings.all_inner_texts())
    assert headings.count() >= 4
    assert not any(claim["paper"] in said for claim in LEDGER)
