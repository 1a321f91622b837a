import re
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest

from latentomics.data import (
    datasets,
    files,
    load,
    registry,
    requires,
)
from latentomics.data.datasets import LOADERS


@pytest.mark.parametrize("name", registry())
def test_every_file_has_its_facts(name):
    raw = registry()[name]
    assert raw.name == name
    assert re.fullmatch("[0-9a-f]{64}", raw.sha256)
    assert raw.size > 0
    address = urlsplit(raw.url)
    assert address.scheme == "https"
    # a public repository, pinned by commit: the bytes behind it never change
    assert re.search("/[0-9a-f]{40}/", address.path)
    assert all(asdict(raw).values())


def test_files_lie_under_different_names():
    table = files()
    assert len(table) == 53
    assert table["file"].is_unique
    assert table["sha256"].is_unique
    assert not table["file"].str.contains(r"^/|\.\.", regex=True).any()


def test_the_table_of_data_sets_lists_what_can_be_loaded():
    table = datasets()
    assert table["name"].tolist() == list(LOADERS)
    columns = ["name", "what", "units", "rows", "columns", "files", "terms", "cite"]
    assert table.columns.tolist() == columns
    assert (table != "").all(axis=None)
    row = table.set_index("name").loc["ctrpv2_auc"]
    assert row["files"] == "ctrpv2_auc, ccle_cell_line_annotations"
    assert row["cite"].count("; ") >= 2


@pytest.mark.parametrize("name", LOADERS)
def test_what_a_data_set_is_made_of_is_registered(name):
    assert set(requires(name)) <= set(registry())


@pytest.mark.parametrize("ask", [load, requires])
def test_an_unknown_data_set_is_met_with_the_known_ones(ask):
    with pytest.raises(ValueError, match=r"cell_lines.*rtdmf_mixed.*got 'gdsc2'"):
        ask("gdsc2")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        (
            "gdsc1_auc",
            {"id": "prefix"},
            r"options of gdsc1_auc are \('ids',\); got 'id'",
        ),
        ("rtdmf_fimm", {"name": "x"}, r"options of rtdmf_fimm are \(\); got 'name'"),
    ],
)
def test_an_option_that_a_loader_does_not_have_is_refused(name, options, says):
    with pytest.raises(ValueError, match=says):
        load(name, **options)
