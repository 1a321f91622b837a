"""A stored table of a paper-size run still belongs to the code that made it."""

import json
from pathlib import Path

import pandas as pd
import pytest

from latentomics.rerun.notebook import Notebook
from latentomics.rerun.publish import fits

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "book" / "results"
STAMPS = sorted(RESULTS.glob("*.json"))
FACTS = {"notebook", "parameters", "seeds", "version", "source_hash", "data"}
FACTS |= {"device", "seconds", "runs"}

every_stamp = pytest.mark.parametrize("path", STAMPS, ids=lambda path: path.stem)


def test_every_table_has_its_stamp():
    assert {p.stem for p in RESULTS.glob("*.csv")} == {p.stem for p in STAMPS}


@every_stamp
def test_stamp_is_complete(path):
    assert set(json.loads(path.read_text(encoding="utf-8"))) == FACTS


@every_stamp
def test_source_still_fits(path):
    stamp = json.loads(path.read_text(encoding="utf-8"))
    notebook = Notebook(ROOT / "notebooks" / f"{stamp['notebook']}.md")
    assert fits(stamp, notebook), (
        f"{path.stem} was made from another source than {notebook.name} has now: run "
        f"it again with `latentomics run {notebook.name} -p scale=paper` and publish it"
    )


@every_stamp
def test_table_has_rows(path):
    assert len(pd.read_csv(path.with_suffix(".csv"))) > 0
