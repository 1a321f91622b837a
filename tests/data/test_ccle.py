from importlib import import_module

import pandas as pd
import pytest
import torch

from latentomics.data import load

MODULE = import_module("latentomics.data.ccle")


@pytest.fixture
def made(monkeypatch, tmp_path, data_class, save_object):
    responses = [
        "CCLE Cell Line Name,Compound,Doses (uM),EC50 (uM),IC50 (uM),Amax,ActArea",
        'Z-2_LUNG,drug b,".1,8",,8,-3,0.25',
        'A1_MOVED_ELSEWHERE,drug b,".1,8",0.4,0.5,-90,6',
        'NOBODY_SKIN,A,".1,8",1,2,-50,1.5',
        'A1_MOVED_ELSEWHERE,A,".1,8",7,8,-1,0',
    ]
    mutations = ["DepMap_ID,(673),(7157)", "ACH-000002,1,0", "ACH-000001,0,1"]
    symbols = [
        "Approved symbol\tNCBI id",
        "TP53\t7157",
        "gone~withdrawn\t",
        "BRAF\t673",
    ]
    texts = {
        "ccle_drug_response": responses,
        "ccle_mutation_census706": mutations,
        "entrez_to_symbol": symbols,
    }
    for file, lines in texts.items():
        (tmp_path / file).write_text("\n".join(lines))
    for kind, shift in (("expression", 0), ("copy_number", 10)):
        rows = {"ACH-000002": [2.0, 2.5], "ACH-000001": [1.0, 1.5]}
        objects = {
            line: data_class(x=torch.tensor(row)[:, None] + shift)
            for line, row in rows.items()
        }
        save_object(tmp_path / f"ccle_{kind}_census706", objects)
    monkeypatch.setattr(MODULE, "fetch_file", lambda file: tmp_path / file)
    ids = pd.Series({"A1": "ACH-000001", "Z2": "ACH-000002"})
    monkeypatch.setattr(MODULE, "prefix_ids", lambda: ids)


def test_the_response_is_a_matrix_of_activity_areas(made):
    response = load("ccle_response")
    assert response.index.tolist() == ["ACH-000001", "ACH-000002", "NOBODY_SKIN"]
    assert response.columns.tolist() == ["A", "drug b"]
    assert response["drug b"].tolist()[:2] == [6, 0.25]
    assert response["A"].tolist()[::2] == [0, 1.5]
    assert response.isna().to_numpy().sum() == 2
    assert (response.index.name, response.columns.name) == ("cell_line", "drug")
    assert "activity area" in response.attrs["units"]


def test_ic50_is_in_micromolar_as_the_file_has_it(made):
    ic50 = load("ccle_response", measure="ic50")
    assert ic50.loc["ACH-000001"].tolist() == [8, 0.5]
    assert ic50.attrs["options"] == {"measure": "ic50"}


def test_ec50_and_the_greatest_effect_are_as_the_file_has_them(made):
    ec50 = load("ccle_response", measure="ec50")
    assert ec50.loc["ACH-000001"].tolist() == [7, 0.4]
    assert ec50.isna().to_numpy().sum() == 3
    assert load("ccle_response", measure="amax").loc["ACH-000001"].tolist() == [-1, -90]


def test_no_fifth_measure():
    with pytest.raises(ValueError, match=r"'ec50', 'amax'\); got 'area'"):
        load("ccle_response", measure="area")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("expression", [[1, 1.5], [2, 2.5]]),
        ("copy_number", [[11, 11.5], [12, 12.5]]),
        ("mutation", [[0, 1], [1, 0]]),
    ],
)
def test_all_kinds_have_the_same_rows_and_genes(kind, values, made):
    features = load("ccle_features", kind=kind)
    assert features.index.tolist() == ["ACH-000001", "ACH-000002"]
    assert features.columns.tolist() == ["BRAF", "TP53"]  # the order of the csv
    assert features.to_numpy().tolist() == values
    assert (features.index.name, features.columns.name) == ("cell_line", "gene")


def test_expression_is_what_one_gets_unasked(made):
    asked = load("ccle_features", kind="expression")
    pd.testing.assert_frame_equal(load("ccle_features"), asked)


def test_no_fourth_kind():
    with pytest.raises(ValueError, match=r"'copy_number', 'mutation'\); got 'protein'"):
        load("ccle_features", kind="protein")
