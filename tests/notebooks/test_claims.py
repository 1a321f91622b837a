"""Every verdict of the ledger is computed from stored numbers, and exported."""

import importlib.util
import json
import math
import re
from pathlib import Path

import pandas as pd
import pytest

BOOK = Path(__file__).parents[2] / "book"
spec = importlib.util.spec_from_file_location("claims", BOOK / "_ext" / "claims.py")
claims = importlib.util.module_from_spec(spec)
spec.loader.exec_module(claims)

LEDGER = claims.read_claims()
EXPORTED = {row["id"]: row for row in json.loads(claims.EXPORT.read_text("utf-8"))}
ALWAYS = {"id", "paper", "kind", "where", "claim", "theirs", "chapter"}
JUDGED = ALWAYS | {"ours", "holds_if", "why", "would_change"}
UNJUDGED = ALWAYS | {"reason"}
CHAPTERS = "".join(
    page.read_text(encoding="utf-8") for page in BOOK.parent.glob("notebooks/*.md")
)
# trainings end a little differently on another processor
NEAR = {"rel": 0.05, "abs": 5e-3}
every_claim = pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim["id"])


def test_ids_are_unique():
    assert len({claim["id"] for claim in LEDGER}) == len(LEDGER)


@every_claim
def test_an_entry_is_complete(claim):
    if "reason" in claim:
        assert UNJUDGED <= set(claim) <= UNJUDGED | {"ours"}
    else:
        assert JUDGED <= set(claim) <= JUDGED | {"partly_if", "chance"}
    assert claim["kind"] in claims.KINDS
    assert claim["paper"] in claims.PAPERS
    assert f"({claim['chapter']})=" in CHAPTERS
    assert f"{{{claim['paper']}," in (BOOK / "references.bib").read_text()


def test_the_page_has_every_paper_once():
    page = (BOOK / "claims.md").read_text(encoding="utf-8")
    shown = re.findall(r"(?m)^```\{claims\} (\S+)$", page)
    assert sorted(shown) == sorted({claim["paper"] for claim in LEDGER})


@every_claim
def test_numbers_are_stored_with_their_spread_or_a_word_on_chance(claim):
    found = claims.numbers(claim).values()
    for number in found:
        assert math.isfinite(number.value)
        assert number.low <= number.high
    if "reason" not in claim:
        assert found
        assert any(number.n for number in found) != ("chance" in claim)


@every_claim
def test_every_number_of_a_row_is_in_its_rules(claim):
    rules = claim.get("holds_if", "") + " " + claim.get("partly_if", "")
    said = re.findall(r"[A-Za-z]\w*", rules)
    known = {
        name for n in claim.get("ours", {}) for name in (n, f"{n}_low", f"{n}_high")
    }
    assert set(said) - {"abs"} <= known


@every_claim
def test_the_export_is_of_today(claim):
    fresh, stored = claims.exported(claim), EXPORTED[claim["id"]]
    assert {**fresh, "ours": 0} == {**stored, "ours": 0}
    assert fresh["ours"].keys() == stored["ours"].keys()
    for name, number in fresh["ours"].items():
        assert number == pytest.approx(stored["ours"][name], **NEAR)


def test_the_export_has_no_other_rows():
    assert list(EXPORTED) == [claim["id"] for claim in LEDGER]


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ({"holds_if": "1 < 2", "partly_if": "1 < 2"}, "holds"),
        ({"holds_if": "2 < 1", "partly_if": "1 < 2"}, "partly"),
        ({"holds_if": "2 < 1", "partly_if": "2 < 1"}, "does not hold"),
        ({"holds_if": "2 < 1"}, "does not hold"),
        ({"holds_if": "1 < 2", "reason": "closed"}, "not checked"),
    ],
)
def test_the_first_rule_that_is_true_gives_the_verdict(rules, verdict):
    assert claims.verdict(rules) == verdict


@pytest.fixture
def five_starts(monkeypatch):
    """A stored table: one method from five starts, another from one."""
    rows = [("a", start, float(start**2), 7) for start in range(5)] + [("b", 0, 9.0, 7)]
    stored = pd.DataFrame(rows, columns=["method", "start", "error", "drugs"])
    monkeypatch.setattr(claims, "table", lambda name: stored)
    return lambda **source: claims.look_up({"table": "any", "column": "error"} | source)


def test_rows_that_match_give_their_median_their_ends_and_their_number(five_starts):
    assert five_starts(where={"method": "a"}) == claims.Number(4, 0, 16, 5)
    assert five_starts(where={"method": "b"}) == claims.Number(9, 9, 9)
    assert five_starts(where={"method": "a"}, take="mean").value == 6
    spread = five_starts(where={"method": "a"}, take="std")
    assert spread.value == pytest.approx(6.5954530)
    assert spread.low == spread.high == spread.value
    apart = five_starts(where={"method": ["a", "b"]}, take="distance")
    assert apart.value == 5


def test_an_interval_may_be_stored_in_columns(five_starts):
    given = {"low": "start", "high": "error", "n": "drugs", "where": {"method": "b"}}
    assert five_starts(**given) == claims.Number(9, 0, 9, 7)
    assert five_starts(**given | {"n": 3}).n == 3


def test_rules_may_ask_for_the_ends(five_starts):
    ours = {"error": {"table": "any", "column": "error", "where": {"method": "a"}}}
    rules = {"holds_if": "error_low > 0", "partly_if": "error_high == 16"}
    assert claims.verdict({"ours": ours} | rules) == "partly"


def test_a_number_that_is_not_stored_is_noticed():
    with pytest.raises(KeyError):
        claims.look_up({"metric": "no such", "notebook": "21-residual-thresholding"})
    nowhere = {"table": "denoise_simulation", "column": "re_15", "where": {"start": -1}}
    with pytest.raises(KeyError, match="no row of denoise_simulation"):
        claims.look_up(nowhere)


@every_claim
def test_an_entry_shows_all_that_it_rests_on(claim):
    text = claims.entry(claim)
    assert claims.verdict(claim) in text
    assert claim["claim"][1:] in text
    for field in {"where", "theirs", "why", "reason", "would_change", "chance"}:
        assert str(claim.get(field, "")) in text
    for name, number in claims.numbers(claim).items():
        assert f"{name.replace('_', ' ')} {number}" in text
    for rule in {"holds_if", "partly_if"} & set(claim):
        assert claims.words(f"{rule} {claim[rule]}") in text


def test_counts_leave_our_questions_out():
    rows = [
        {"paper": "hu2025", "kind": "claim", "holds_if": "1 < 2"},
        {"paper": "hu2025", "kind": "claim", "reason": "closed"},
        {"paper": "hu2025", "kind": "our question", "holds_if": "1 < 2"},
    ]
    line = claims.counts(rows).splitlines()[2]
    assert line.endswith("| 2 | 1 | 0 | 0 | 1 |")


def test_a_rule_reads_as_english():
    said = claims.words("(a_1 < .5 * b) & (c > d - .2) | (e == 1)")
    assert said == "(a 1 < .5 × b) and (c > d − .2) or (e = 1)"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (claims.Number(0.319, 0.287, 0.3471, 24), "0.319 (0.287 to 0.347, n = 24)"),
        (claims.Number(7, 7, 7, 5), "7"),
        (claims.Number(7, 7, 7), "7"),
    ],
)
def test_a_number_is_shown_with_its_spread(number, shown):
    assert str(number) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (569.0, "569"), (3175.0, "3,175"), (-3.86e-5, "-0.0000386")],
)
def test_a_number_has_three_digits_and_no_exponent(value, shown):
    assert claims.neat(value) == shown
