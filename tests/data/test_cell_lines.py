from importlib import import_module

import pandas as pd
import pytest

from latentomics.data import load
from latentomics.data.cell_lines import gdsc_ids, key

MODULE = import_module("latentomics.data.cell_lines")
GDSC = import_module("latentomics.data.gdsc")
# GDSC name -> ln IC50 of two drugs; twins in the numbered file have the same values
NAMED = {
    "A-1": (1.0, 2.0),
    "Renamed": (3.0, 4.0),
    "MS-1": (5.0, 6.0),
    "NCI-H292": (7.0, 8.0),
    "TT": (9.0, 9.5),
    "T-T": (10.0, 10.5),
    "KMH-2": (11.0, 11.5),
    "KM-H2": (12.0, 12.5),
    "Nobody": (13.0, 13.5),
    "Half": (1.0, -2.0),  # shares one of its two values with A-1
}
NUMBERED = {
    "ACH-000001": (1.0, 2.0),
    "ACH-000002": (3.0000000001, 4.0),
    "ACH-001131": (5.0, 6.0),
    "ACH-000474": (7.0, 8.0),
    "ACH-001075": (7.0, 8.0),
    "ACH-000561": (10.0, None),
}
ANNOTATION = pd.DataFrame(
    [
        ("A1_LUNG", "ACH-000001", "A-1", "lung"),
        ("MS1_SKIN", "ACH-001958", "MS-1", "skin"),
        ("NCIH292_LUNG", "ACH-001075", "NCI-H292", None),
        ("TT_OESOPHAGUS", "ACH-000561", "T.T", "oesophagus"),
        ("TT_THYROID", "ACH-001321", "TT", "NS"),
        ("KMH2_HAEMATOPOIETIC_AND_LYMPHOID_TISSUE", "ACH-000815", "KM-H2", "blood"),
        ("KMH2_THYROID", "ACH-002397", None, "thyroid"),
        ("WS1_SKIN", None, None, None),
    ],
    columns=["CCLE_ID", "depMapID", "Name", "Site_Primary"],
)


@pytest.fixture
def made(monkeypatch):
    """Replace the three files by ones small enough to see through."""
    rows = [
        (name, f"GDSC:{drug}", value, value / 20)
        for name, values in NAMED.items()
        for drug, value in enumerate(values)
    ]
    long = pd.DataFrame(rows, columns=["CellLine", "Drug", "LN_IC50", "AUC"])
    lnic50 = pd.DataFrame(NUMBERED, index=["GDSC:0", "GDSC:1"], dtype=float)
    annotation = ANNOTATION.reindex(columns=["depMapID", *MODULE.COLUMNS])
    for module in (MODULE, GDSC):
        monkeypatch.setattr(module, "long_table", long.copy)
        monkeypatch.setattr(module, "lnic50_table", lnic50.copy)
    monkeypatch.setattr(MODULE, "annotation", annotation.copy)


def test_a_key_is_upper_case_letters_and_digits():
    assert key("NCI-H292 (é)") == "NCIH292"
    assert key("T-T") == key("tt")


def test_values_go_before_names_and_two_lines_are_told_apart(made):
    assert gdsc_ids().to_dict() == {
        "A-1": "ACH-000001",
        "Renamed": "ACH-000002",
        "MS-1": "ACH-001131",
        "NCI-H292": "ACH-001075",
        "TT": "ACH-001321",
        "T-T": "ACH-000561",
        "KMH-2": "ACH-002397",
        "KM-H2": "ACH-000815",
    }


def test_by_name_alone_ms1_is_wrong_and_twins_are_lost(made):
    assert gdsc_ids("prefix").to_dict() == {
        "A-1": "ACH-000001",
        "MS-1": "ACH-001958",
        "NCI-H292": "ACH-001075",
        "T-T": "ACH-000561",
        "KM-H2": "ACH-000815",
    }


def test_only_two_ways_of_naming():
    with pytest.raises(ValueError, match="ids must be 'corrected' or 'prefix'; got 1"):
        gdsc_ids(1)


def test_the_response_matrix_keeps_lines_without_an_id(made):
    auc = load("gdsc1_auc")
    assert auc.shape == (10, 2)
    assert auc.index.is_unique
    assert auc.loc["Nobody"].tolist() == [0.65, 0.675]
    assert auc.loc["ACH-001321", "GDSC:0"] == 9 / 20
    assert auc.attrs["options"] == {}
    assert load("gdsc1_auc", ids="prefix").loc["TT", "GDSC:0"] == 9 / 20
    assert auc.attrs["files"][0]["name"] == "gdsc1_auc_ic50"


def test_every_row_of_a_matrix_is_described(made):
    lines = load("cell_lines")
    assert lines.index.is_unique
    for matrix in (load("gdsc1_auc"), load("gdsc1_lnic50")):
        assert set(matrix.index) <= set(lines.index)
    assert lines["gdsc_name"].notna().sum() == len(NAMED)
    assert lines.loc["Nobody", ["gdsc_name", "name"]].tolist() == ["Nobody", "Nobody"]
    assert lines.loc["WS1_SKIN", "tissue"] == "skin"
    assert lines.loc[["Nobody", "WS1_SKIN"], "depmap_id"].isna().all()
    assert lines.loc["ACH-000001", "depmap_id"] == "ACH-000001"


def test_the_tissue_comes_from_the_name_where_the_table_has_none(made):
    tissue = load("cell_lines")["tissue"]
    assert tissue["ACH-001075"] == "lung"
    assert tissue["ACH-001321"] == "thyroid"
    assert tissue["ACH-000815"] == "blood"
