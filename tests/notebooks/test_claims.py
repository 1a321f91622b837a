"""Every verdict of the ledger follows from numbers that are stored, and is shown."""

import importlib.util
import math
import re
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "book"
spec = importlib.util.spec_from_file_location("claims", BOOK / "_ext" / "claims.py")
claims = importlib.util.module_from_spec(spec)
spec.loader.exec_module(claims)

LEDGER = claims.read_claims()
FIELDS = {"id", "paper", "kind", "where", "claim", "theirs", "verdict", "why"}
FIELDS |= {"chapter"}
CHAPTERS = "".join(
    page.read_text(encoding="utf-8") for page in BOOK.parent.glob("notebooks/*.md")
)
every_claim = pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim["id"])


def test_ids_are_unique():
    assert len({claim["id"] for claim in LEDGER}) == len(LEDGER)


@every_claim
def test_an_entry_is_complete(claim):
    assert FIELDS <= set(claim) <= FIELDS | {"ours", "holds_if", "partly_if"}
    assert claim["verdict"] in claims.VERDICTS
    assert claim["kind"] in claims.KINDS
    assert f"({claim['chapter']})=" in CHAPTERS
    assert f"{{{claim['paper']}," in (BOOK / "references.bib").read_text()


def test_the_page_has_every_paper_once():
    page = (BOOK / "claims.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?m)^```\{claims\} (\S+)$", page)
    assert sorted(shown) == sorted({claim["paper"] for claim in LEDGER})


@every_claim
def test_a_verdict_has_numbers_that_are_stored(claim):
    found = claims.numbers(claim)
    assert bool(found) == (claim["verdict"] != "data closed")
    assert all(math.isfinite(value) for value in found.values())


@every_claim
def test_only_a_computed_verdict_has_rules(claim):
    assert ("holds_if" in claim) == (claim["verdict"] in claims.COMPUTED)
    assert "holds_if" in claim or "partly_if" not in claim


@pytest.mark.parametrize(
    "claim",
    [claim for claim in LEDGER if claim["verdict"] in claims.COMPUTED],
    ids=lambda claim: claim["id"],
)
def test_a_verdict_follows_from_its_numbers(claim):
    assert claims.verdict(claim) == claim["verdict"]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ({"holds_if": "1 < 2", "partly_if": "1 < 2"}, "holds"),
        ({"holds_if": "2 < 1", "partly_if": "1 < 2"}, "partly"),
        ({"holds_if": "2 < 1", "partly_if": "2 < 1"}, "does not hold"),
        ({"holds_if": "2 < 1"}, "does not hold"),
    ],
)
def test_the_first_rule_that_is_true_gives_the_verdict(rules, verdict):
    assert claims.verdict(rules) == verdict


def test_a_number_that_is_not_stored_is_noticed():
    with pytest.raises(KeyError):
        claims.look_up({"metric": "no such", "notebook": "21-residual-thresholding"})
    nowhere = {"table": "denoise_simulation", "column": "re_15", "where": {"start": -1}}
    with pytest.raises(KeyError, match="no row of denoise_simulation"):
        claims.look_up(nowhere)


@every_claim
def test_an_entry_shows_all_that_it_rests_on(claim):
    text = claims.entry(claim)
    for field in ("verdict", "where", "theirs", "why", "chapter"):
        assert str(claim[field]) in text
    assert claim["claim"][1:] in text
    for name, value in claims.numbers(claim).items():
        assert f"{name.replace('_', ' ')} {claims.neat(value)}" in text
    for rule in {"holds_if", "partly_if"} & set(claim):
        assert claims.words(f"{rule} {claim[rule]}") in text


def test_a_rule_reads_as_english():
    said = claims.words("(a_1 < .5 * b) & (c > d - .2) | (e == 1)")
    assert said == "(a 1 < .5 × b) and (c > d − .2) or (e = 1)"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (569.0, "569"), (3175.0, "3,175"), (-3.86e-5, "-0.0000386")],
)
def test_a_number_has_three_digits_and_no_exponent(value, shown):
    assert claims.neat(value) == shown
