from importlib import import_module

import pandas as pd
import pytest

from latentomics.data import load

MODULE = import_module("latentomics.data.ctrpv2")


@pytest.fixture
def made(monkeypatch, tmp_path):
    lines = [",drug a,b", "Z-2,1,2", "A1,3,", "Z2,5,4", "A1,5,8", "A1,10,9"]
    targets = ["compound,genes,what", "drug a,EGFR;ERBB2,inhibitor", "b,,screening hit"]
    (tmp_path / "ctrpv2_auc").write_bytes("\r".join(lines).encode())
    (tmp_path / "ctrpv2_drug_targets").write_bytes("\r".join(targets).encode())
    monkeypatch.setattr(MODULE, "fetch_file", lambda file: tmp_path / file)
    ids = pd.Series({"A1": "ACH-000001", "Z2": "ACH-000002"})
    monkeypatch.setattr(MODULE, "prefix_ids", lambda: ids)


def test_the_first_screen_of_each_line(made):
    auc = load("ctrpv2_auc")
    assert auc.index.tolist() == ["ACH-000001", "ACH-000002"]
    assert auc.columns.tolist() == ["drug a", "b"]
    assert auc["drug a"].tolist() == [3, 1]
    assert auc["b"].isna().tolist() == [True, False]


def test_the_mean_is_over_what_was_measured(made):
    auc = load("ctrpv2_auc", repeats="mean")
    assert auc.to_numpy().tolist() == [[6, 8.5], [3, 3]]
    assert auc.attrs["options"] == {"repeats": "mean"}


def test_all_screens_are_numbered(made):
    auc = load("ctrpv2_auc", repeats="all")
    assert auc.index.names == ["cell_line", "repeat"]
    assert auc["drug a"].to_dict() == {
        ("ACH-000001", 1): 3,
        ("ACH-000001", 2): 5,
        ("ACH-000001", 3): 10,
        ("ACH-000002", 1): 1,
        ("ACH-000002", 2): 5,
    }


def test_no_fourth_way():
    with pytest.raises(ValueError, match=r"'first', 'mean', 'all'\); got 'last'"):
        load("ctrpv2_auc", repeats="last")


def test_drugs(made):
    drugs = load("ctrpv2_drugs")
    assert drugs.columns.tolist() == ["targets", "mechanism"]
    assert drugs.loc["drug a"].tolist() == ["EGFR;ERBB2", "inhibitor"]
    assert pd.isna(drugs.loc["b", "targets"])
