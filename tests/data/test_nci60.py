from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from latentomics.data import load

MODULE = import_module("latentomics.data.nci60")
DRUGS = [
    '""\t"NSC"\t"NAME"\t"SMILES"\t"MOA"\t"FDA_STATUS"',
    '"1"\t10\t"ten"\t"C"\t"TOP1"\t"Clinical trial"',
    '"2"\t7\t"seven"\t"N\\C=C\\1"\tNA\tNA',
    '"3"\t99\t"not screened"\t"C"\t"TUBB"\t"FDA approved"',
    '"4"\t2\t""\t"C"\t"A7|AlkAg"\t"FDA approved"',
]


def matrix(values, rows, columns):
    """Return an R matrix with dimnames as rdata reads it."""
    names = {"dim_0": rows, "dim_1": columns}
    return xr.DataArray(np.array(values), dims=list(names), coords=names)


@pytest.fixture
def made(monkeypatch, tmp_path):
    # probes: two of B (the second varies more), one without a symbol, one of A
    intensities = [[5.0, 1.0, 0.0, 7.0], [5.5, 3.0, 90.0, 7.0], [5.0, 2.0, 0.0, 8.0]]
    symbols = pd.array(["B", "B", None, "A"], dtype="string")
    expression = {
        "cellLineInfo": pd.DataFrame({"Name": ["wrong", "names", "here"]}),
        "gene": matrix(intensities, ["1", "39", "41"], ["1", "2", "3", "4"]),
        "geneInfo": pd.DataFrame({"Symbol": symbols}, index=[1, 2, 3, 4]),
    }
    gi50 = [[4.0, np.nan, 6.0], [5.0, 8.0, 9.0], [1.0, 2.0, 3.0]]
    samples = np.array(["H322M", "MCF7ADRr", "MCF7"])
    screen = {
        "compound": matrix(gi50, ["1", "2", "3"], ["10", "5", "2"]),
        "cell.line": {"Sample": samples},
    }
    contents = {"nci60_expression": expression, "nci60_gi50": {"multidrug": screen}}
    (tmp_path / "nci60_drug_info").write_text("\n".join(DRUGS))
    rdata = SimpleNamespace(read_rda=lambda path: contents[path.name])
    monkeypatch.setattr(MODULE, "need", {"rdata": rdata}.get)
    monkeypatch.setattr(MODULE, "fetch_file", lambda file: tmp_path / file)


def test_the_panel_has_sixty_lines_by_tissue():
    assert len(set(MODULE.PANEL)) == len(MODULE.PANEL) == 60
    tissues = [name.split(":")[0] for name in MODULE.PANEL]
    assert list(dict.fromkeys(tissues)) == "BR CNS CO LE ME LC OV PR RE".split()
    assert tissues == sorted(tissues, key=list(dict.fromkeys(tissues)).index)


def test_rows_are_named_by_their_number_in_the_panel(made):
    expression = load("nci60_expression")
    assert expression.index.tolist() == ["BR:MCF7", "LC:NCI_H226", "LC:NCI_H322M"]
    names = (expression.index.name, expression.columns.name)
    assert names == ("cell_line", "gene")


def test_a_gene_has_the_values_of_its_probe_that_varies_most(made):
    expression = load("nci60_expression")
    assert expression.columns.tolist() == ["A", "B"]
    assert expression["A"].tolist() == [7, 7, 8]
    assert expression["B"].tolist() == [1, 3, 2]
    assert expression.attrs["units"].startswith("log2")


def test_both_matrices_name_and_order_the_lines_alike(made):
    gi50 = load("nci60_gi50")
    assert gi50.index.tolist() == ["BR:MCF7", "LC:NCI_H322M", "OV:NCI_ADR_RES"]
    assert gi50.columns.tolist() == ["10", "5", "2"]
    assert gi50["2"].tolist() == [3, 6, 9]
    assert np.isnan(gi50.loc["LC:NCI_H322M", "5"])
    assert (gi50.index.name, gi50.columns.name) == ("cell_line", "drug")
    assert gi50.attrs["units"].startswith("-log10 GI50")


def test_drugs_come_in_the_order_of_the_matrix(made):
    drugs = load("nci60_drugs")
    assert drugs.index.tolist() == ["10", "2"]
    assert drugs.index.name == "drug"
    assert drugs.columns.tolist() == ["name", "mechanism", "moa", "status"]
    assert drugs.loc["10"].tolist() == [
        "ten",
        "TOP1",
        "topoisomerase 1",
        "Clinical trial",
    ]
    assert drugs["name"].isna().tolist() == [False, True]
    assert drugs.loc["2", "mechanism"] == "A7|AlkAg"


def test_a_drug_without_a_mechanism_has_no_group(made, monkeypatch, tmp_path):
    table = "\n".join(DRUGS).replace('"TOP1"', '""').replace('"A7|AlkAg"', "NA")
    (tmp_path / "nci60_drug_info").write_text(table)
    assert load("nci60_drugs")[["mechanism", "moa"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("mechanism", "group"),
    [
        ("A6|AlkAg", "alkylating"),
        ("A7|Ho|AlkAg|anti-Ho|CYP11A1", "alkylating"),
        ("TOP1", "topoisomerase 1"),
        ("TOP2|NonCan:Cardioprotective", "topoisomerase 2"),
        ("TOP2|TOP1", "other"),
        ("TUBB|Tu-frag", "antimitotic"),
        ("Ds|TYMS", "DNA antimetabolite"),
        ("AM|Dr", "DNA antimetabolite"),
        ("Ds|Rs|TYMS", "RNA/DNA antimetabolite"),
        ("Df|DHFR", "RNA/DNA antimetabolite"),
        ("Db|Rs", "other"),
        ("DNMT", "other"),
    ],
)
def test_groups_of_mechanisms(mechanism, group):
    assert MODULE._moa(mechanism) == group
