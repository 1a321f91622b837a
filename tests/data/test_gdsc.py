from importlib import import_module

import pandas as pd

from latentomics.data import load

HEADER = "drug_id,Name,Synonyms,Targets,Target pathway,PubCHEM,Sample Size,Count"


def test_drugs_come_in_the_order_of_the_matrices(monkeypatch, tmp_path):
    rows = [
        '9,Nine,,"A, B",Mitosis,none,1,266',
        '1001,Later,"L8, Late",,Other,123,1,266',
        "10,Ten,Dix,C,Other,several,1,266",
    ]
    (tmp_path / "gdsc_drug_list").write_text("\n".join([HEADER, *rows]))
    gdsc = import_module("latentomics.data.gdsc")
    monkeypatch.setattr(gdsc, "fetch_file", lambda file: tmp_path / file)
    drugs = load("gdsc_drugs")
    assert drugs.index.tolist() == ["GDSC:10", "GDSC:1001", "GDSC:9"]
    assert drugs.columns.tolist() == [
        "name",
        "synonyms",
        "targets",
        "pathway",
        "pubchem",
    ]
    assert drugs.loc["GDSC:1001", "pubchem"] == "123"
    assert drugs["pubchem"].isna().tolist() == [True, False, True]
    assert drugs.loc["GDSC:9", "targets"] == "A, B"


def test_lnic50_is_turned_to_lines_by_drugs(monkeypatch, tmp_path):
    raw = import_module("latentomics.data.gdsc_raw")
    (tmp_path / "gdsc1_lnic50").write_text('"",B,A\nGDSC:1,1.5,\nGDSC:2,3,-4\n')
    monkeypatch.setattr(raw, "fetch_file", lambda file: tmp_path / file)
    lnic50 = load("gdsc1_lnic50")
    assert lnic50.index.tolist() == ["A", "B"]
    assert lnic50.columns.tolist() == ["GDSC:1", "GDSC:2"]
    assert lnic50.loc["B"].tolist() == [1.5, 3]
    assert pd.isna(lnic50.loc["A", "GDSC:1"])
    assert lnic50.attrs["units"].startswith("ln IC50")
