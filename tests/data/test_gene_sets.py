from importlib import import_module

import pandas as pd
import pytest

from latentomics.data import load, membership

MODULE = import_module("latentomics.data.gene_sets")
SETS = {"big": tuple("ABCDE"), "none": ("X",), "small": ("C", "A", "Z", "A")}


@pytest.mark.parametrize(
    ("name", "file"), [("go_bp", "go_bp_2021"), ("hallmark", "hallmark")]
)
def test_a_set_is_a_sorted_tuple_of_genes(name, file, monkeypatch, tmp_path):
    lines = ["two (GO:2)\t\tTP53\tA1BG\tTP53\t", "ONE\thttps://one\tBRAF"]
    (tmp_path / file).write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(MODULE, "fetch_file", lambda asked: tmp_path / asked)
    sets = load(name)
    assert sets.to_dict() == {"two (GO:2)": ("A1BG", "TP53"), "ONE": ("BRAF",)}
    assert sets.index.name == "gene_set"
    assert sets.attrs["units"] == "gene symbols"
    assert [source["name"] for source in sets.attrs["files"]] == [file]


def test_members_among_the_measured_genes():
    inside = membership(SETS, ["C", "B", "A"], min_size=2)
    assert inside.index.tolist() == ["big", "small"]
    assert inside.columns.tolist() == ["C", "B", "A"]
    assert inside.to_numpy().tolist() == [[True, True, True], [True, False, True]]
    assert set(map(str, inside.dtypes)) == {"bool"}
    assert (inside.index.name, inside.columns.name) == ("gene_set", "gene")


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ({}, ["big"]),
        ({"min_size": 1}, ["big", "small"]),
        ({"min_size": 2, "max_size": 5}, ["big", "small"]),
        ({"min_size": 2, "max_size": 4}, ["small"]),
        ({"min_size": 3}, ["big"]),
    ],
)
def test_only_measured_members_count_and_each_once(sizes, kept):
    assert membership(SETS, list("ABCDE"), **sizes).index.tolist() == kept


def test_a_set_of_500_is_kept_and_one_of_501_is_not():
    genes = [f"G{number}" for number in range(501)]
    sets = {"500": genes[1:], "501": genes}
    assert membership(sets, genes).index.tolist() == ["500"]


@pytest.mark.parametrize(
    ("genes", "sizes", "says"),
    [
        ([], {}, "genes must name at least one gene; got none"),
        (["A", "B", "A"], {}, "genes must be unique; got 'A' twice"),
        ("TP53", {}, "genes must be a list of names; got 'TP53'"),
        (7, {}, "genes must be a list of names; got 7"),
        (pd.DataFrame({"g": ["A"]}), {}, "a list of names; got DataFrame"),
        (["A"], {"min_size": "2"}, "min_size must be a whole number .*got '2'"),
        (["A"], {"min_size": 0}, "between 1 and max_size; got 0 and 500"),
        (["A"], {"min_size": 3, "max_size": 2}, "max_size; got 3 and 2"),
        (
            ["A", "B"],
            {"min_size": 3},
            "one with 3 to 500 of the 2 genes; got 3 sets, the largest with 2",
        ),
    ],
)
def test_what_cannot_be_asked(genes, sizes, says):
    with pytest.raises(ValueError, match=says):
        membership(SETS, genes, **sizes)


def test_no_sets_at_all():
    with pytest.raises(ValueError, match="got 0 sets, the largest with 0"):
        membership({}, ["A"])


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ({"big": "TP53"}, "set 'big' must be a list of names; got 'TP53'"),
        (["TP53"], "sets must be lists of genes .*got list"),
        ("TP53", "sets must be lists of genes .*got str"),
    ],
)
def test_sets_are_lists_of_genes(sets, says):
    with pytest.raises(ValueError, match=says):
        membership(sets, ["T", "P"])
