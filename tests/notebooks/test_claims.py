"""Every verdict of the ledger follows from numbers that are stored."""

import importlib.util
import math
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[2] / "book"
spec = importlib.util.spec_from_file_location("claims", BOOK / "_ext" / "claims.py")
claims = importlib.util.module_from_spec(spec)
spec.loader.exec_module(claims)

LEDGER = claims.read_claims()
FIELDS = {"id", "paper", "where", "claim", "theirs", "verdict", "why", "chapter"}
CHAPTERS = "".join(
    page.read_text(encoding="utf-8") for page in BOOK.parent.glob("notebooks/*.md")
)
every_claim = pytest.mark.parametrize("claim", LEDGER, ids=lambda claim: claim["id"])


def test_ids_are_unique():
    assert len({claim["id"] for claim in LEDGER}) == len(LEDGER)


@every_claim
def test_an_entry_is_complete(claim):
    assert FIELDS <= set(claim) <= FIELDS | {"ours", "holds_if"}
    assert claim["verdict"] in claims.VERDICTS
    assert f"({claim['chapter']})=" in CHAPTERS
    assert f"{{{claim['paper']}," in (BOOK / "references.bib").read_text()


@every_claim
def test_a_verdict_has_numbers_that_are_stored(claim):
    found = claims.numbers(claim)
    assert bool(found) == (claim["verdict"] != "data closed")
    assert all(math.isfinite(value) for value in found.values())


@pytest.mark.parametrize(
    "claim",
    [claim for claim in LEDGER if claim["verdict"] != "data closed"],
    ids=lambda claim: claim["id"],
)
def test_a_verdict_follows_from_its_numbers(claim):
    assert claims.verdict_is_true(claim)


def test_a_wrong_verdict_or_number_is_noticed():
    claim = dict(LEDGER[0], verdict="holds", holds_if="constant_fimm < 0")
    assert not claims.verdict_is_true(claim)
    with pytest.raises(KeyError):
        claims.look_up({"metric": "no such", "notebook": "21-residual-thresholding"})
    nowhere = {"table": "denoise_simulation", "column": "re_15", "where": {"start": -1}}
    with pytest.raises(KeyError, match="no row of denoise_simulation"):
        claims.look_up(nowhere)
