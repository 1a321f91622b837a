"""Lines of numbers that nobody measured: ids, totals and means beside a table."""

import warnings

import numpy as np
import pandas as pd
import pytest

from latentomics.data import read_table


@pytest.mark.parametrize(
    "label",
    [
        *("Entrez_Gene_Id", "GeneID", "entrezgene", "Geneid", "ID", "gene id", "NCBI"),
        *("HGNC", "CID", "NSC", "COSMIC identifier", "Unnamed: 0", "index"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_second_column_of_ids_is_no_sample(label, turned, tmp_path):
    table = pd.DataFrame({label: [7157, 672], "s1": [0.5, 1], "s2": [2, 3]}, ["a", "b"])
    (table.T if turned else table).to_csv(tmp_path / "my.csv")
    says = f"look like ids, 7157 first, in {'row' if turned else 'column'} '{label}'"
    with pytest.raises(ValueError, match=f"my.csv must .*{says}: delete it, or rename"):
        read_table(tmp_path / "my.csv")


@pytest.mark.parametrize(
    ("label", "value"),
    [("BID", 7), ("ID1", 7), ("fluid", 7), ("bind", 7), ("GeneID", 7.5)],
)
def test_what_is_named_like_an_id_or_holds_fractions_is_kept(label, value, tmp_path):
    pd.DataFrame({label: [value, 2]}, ["a", "b"]).to_csv(tmp_path / "my.csv")
    assert read_table(tmp_path / "my.csv")[label].tolist() == [value, 2]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("label", ["PatientId", "NCBI"])
def test_whole_numbers_among_whole_numbers_are_kept_with_a_warning(
    label, turned, tmp_path
):
    table = pd.DataFrame({label: [3, 5], "s1": [2, 7]}, ["a", "b"])
    (table.T if turned else table).to_csv(tmp_path / "my.csv")
    axis = "row" if turned else "column"
    says = f"my.csv must .* ids, 3 first, in {axis} '{label}': delete it, or ignore"
    with pytest.warns(UserWarning, match=says) as caught:
        found = read_table(tmp_path / "my.csv", transpose=turned)
    assert found[label].tolist() == [3, 5]
    assert caught[0].filename == __file__


def beside_fractions(line):
    values = np.random.default_rng(0).uniform(0, 20, (len(line), 3))
    return pd.DataFrame(values).round(2).assign(other=line).rename("g{}".format)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ([7157, 3845, 672], True),  # far larger
        ([*range(1, 13)], True),  # many, all different
        ([*range(1, 12), 11], False),
        ([*range(1, 12), 0.5], False),
        ([30, 40, 50], False),  # such as ages
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_whole_numbers_that_stand_out_are_kept_with_a_warning(
    line, told, turned, tmp_path
):
    table = beside_fractions(line)
    (table.T if turned else table).to_csv(tmp_path / "my.csv")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read_table(tmp_path / "my.csv", transpose=turned)
    assert found["other"].tolist() == line
    assert [f"ids, {line[0]} first" in str(w.message) for w in caught] == [True] * told


def test_whole_numbers_among_mostly_whole_numbers_do_not_stand_out(tmp_path):
    table = beside_fractions([*range(1, 13)])
    table.assign(a=0, b=1, c=[0, 1] * 6).to_csv(tmp_path / "my.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_table(tmp_path / "my.csv")


SUMMARIES = {
    "Total": [4, 6],
    "grand total": [4, 6],
    "Sum": [4.01, 6],
    "Mean": [2, 3],
    "average": [2, 3],
    "median": [2, 3],
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("label", SUMMARIES)
def test_a_line_that_sums_up_the_others_is_no_measurement(label, turned, tmp_path):
    table = pd.DataFrame({"s1": [1, 0.5], "s2": [3, 5.5]}, ["a", "b"])
    table = table.assign(**{label: SUMMARIES[label]})
    (table.T if turned else table).to_csv(tmp_path / "my.csv")
    says = f"of the other {'row' if turned else 'column'}s in .* '{label}': delete it"
    with pytest.raises(ValueError, match=f"my.csv must .*{says}"):
        read_table(tmp_path / "my.csv")
    table[label] += 1
    table.to_csv(tmp_path / "my.csv")
    with pytest.warns(UserWarning, match=f"'{label}': delete it, or ignore this if"):
        assert read_table(tmp_path / "my.csv")[label].equals(table[label].astype(float))


def test_a_total_is_told_in_any_units(tmp_path):
    table = pd.DataFrame({"s1": [1e-9, 2e-9], "total": [5e-9, 2e-9]}, ["a", "b"])
    table.to_csv(tmp_path / "my.csv")
    with pytest.warns(UserWarning, match="the sum of the other columns"):
        read_table(tmp_path / "my.csv")
