"""The ledger of claims as a reader sees it."""

from pathlib import Path

import pytest
import yaml

BOOK = Path(__file__).parents[2] / "book"
LEDGER = yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))
PAGE = "book/claims.html"


def plain(text):
    """Text without what typesetting changes: case, quotes, dashes, spaces."""
    return "".join(c for c in text.casefold() if c.isalnum())


@pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim["id"])
def test_every_row_is_on_the_page(visit, claim):
    page = visit.page if visit.page.url.endswith(PAGE) else visit.open(PAGE)
    row = page.locator(f"#claim-{claim['id']}")
    assert row.is_visible()
    for field in ("claim", "verdict", "why", "where"):
        assert plain(claim[field]) in plain(row.inner_text())


def test_questions_of_ours_stand_apart(visit):
    page = visit.open(PAGE)
    ours = [c["id"] for c in LEDGER if c.get("kind") == "our question"]
    after = page.locator(".rubric ~ .claim").evaluate_all("a => a.map(e => e.id)")
    assert sorted(after) == sorted(f"claim-{name}" for name in ours)


def test_the_contents_name_no_citation_key(visit):
    page = visit.open(PAGE)
    headings = page.locator("#pst-page-navigation-heading-2 ~ nav a, .bd-toc a")
    said = " ".join(headings.all_inner_texts())
    assert headings.count() >= 4
    assert not any(claim["paper"] in said for claim in LEDGER)
