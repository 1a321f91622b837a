import gzip
import sys

import numpy as np
import pandas as pd
import pytest

from latentomics.data import read_table

FRAME = pd.DataFrame(
    [[1.5, np.nan], [3.0, -400.0], [5.0, 6.0]],
    index=pd.Index(["s1", "s2", "s3"], dtype=object),
    columns=pd.Index(["g1", "g2"], dtype=object),
)
LINES = ["id,g1,g2", "s1,1.5, NA ", "s2, 3 ,-4e2", "s3 ,5,6", ""]


MIXED = FRAME.assign(g1=["1.5", "3", "5"], g2=FRAME["g2"].astype("Int64"))


def h5ad(path):
    anndata = pytest.importorskip("anndata")
    obs, var = pd.DataFrame(index=FRAME.index), pd.DataFrame(index=FRAME.columns)
    anndata.AnnData(FRAME.to_numpy(), obs=obs, var=var).write_h5ad(path)


def text(lines, newline="\n"):
    return lambda path: path.write_bytes(newline.join(lines).encode())


def tabs(path):
    path.write_text("\n".join(LINES).replace(",", "\t"))


def sheets(path):
    with pd.ExcelWriter(path) as book:
        (FRAME + 1).to_excel(book, sheet_name="raw")
        FRAME.to_excel(book, sheet_name="scaled")


GOOD = {
    "plain.csv": (text(LINES), {}),
    "windows.csv": (text(LINES, "\r\n"), {}),
    "old_mac.csv": (text(LINES, "\r"), {}),
    "signed.csv": (text(["\ufeffg1,g2", *LINES[1:]]), {}),
    "from_r.csv": (text(["g1,g2", *LINES[1:]]), {}),
    "blank_lines.csv": (text(["", LINES[0], "", *LINES[1:], ",,"]), {}),
    "quoted.csv": (text(['"id","g1","g2"', *LINES[1:]]), {}),
    "spaced.csv": (text(["id, g1 ,g2", *LINES[1:]]), {}),
    "UPPER.CSV": (text(LINES), {}),
    "table.tsv": (tabs, {}),
    "table.txt": (tabs, {}),
    "zipped.csv.gz": (
        lambda path: path.write_bytes(gzip.compress("\n".join(LINES).encode())),
        {},
    ),
    "indexed.parquet": (FRAME.to_parquet, {}),
    "flat.parquet": (FRAME.rename_axis("id").reset_index().to_parquet, {}),
    "mixed.parquet": (MIXED.to_parquet, {}),
    "one.xlsx": (FRAME.to_excel, {}),
    "two.xlsx": (sheets, {"sheet": "scaled"}),
    "cells.h5ad": (h5ad, {}),
    "turned.csv": (
        text(["id,s1,s2,s3", "g1,1.5,3,5", "g2,null,-400,6"]),
        {"transpose": True},
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_every_format_gives_the_same_table(name, tmp_path):
    write, options = GOOD[name]
    write(tmp_path / name)
    read = read_table(tmp_path / name, **options)
    pd.testing.assert_frame_equal(
        read, FRAME, check_index_type=False, check_column_type=False
    )
    assert read.attrs == {"file": name}


def test_rows_without_names_are_numbered(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("g1,g2\n1,2\n3,4\n")
    table = read_table(path, row_names=False)
    assert table.index.tolist() == ["0", "1"]
    assert table.to_numpy().tolist() == [[1, 2], [3, 4]]


def test_rows_of_parquet_without_names_are_numbered(tmp_path):
    path = tmp_path / "x.parquet"
    FRAME.reset_index(drop=True).to_parquet(path)
    table = read_table(path, row_names=False)
    assert table.shape == FRAME.shape
    assert table.index.tolist() == ["0", "1", "2"]


def cells(*lines):
    return text(["id,g1,g2", *lines])


def dates(path):
    pd.DataFrame({"g": [pd.Timestamp("2020-03-01"), 1]}, ["a", "b"]).to_excel(path)


def truths(path):
    pd.DataFrame({"g": [True, False]}, index=["a", "b"]).to_parquet(path)


BAD = {
    "word.csv": (
        cells("s1,1,2", "s2,high,3"),
        r"word.csv must hold finite numbers; got 'high' in row 's2', column 'g1'",
    ),
    "hex.csv": (cells("s1,0x1F,2"), "got '0x1F' in row 's1', column 'g1'"),
    "inf.csv": (cells("s1,1,-inf"), "finite numbers; got '-inf' in row 's1'"),
    "comma.tsv": (
        text(["id\tg1", "s1\t0,5"]),
        r"got '0,5' \(decimals take a point, thousands no .*\) in row 's1'",
    ),
    "inf.parquet": ((FRAME * np.inf).to_parquet, r"got inf in row 's1', column 'g1'"),
    "date.xlsx": (dates, "got 2020-03-01 00:00:00 in row 'a', column 'g'"),
    "truth.parquet": (truths, "got True in row 'a', column 'g'"),
    "short.csv": (
        cells("s1,1,2", "s2,1"),
        "equally many cells in each line; got 2 in line 3 and 3 in the header",
    ),
    "blank.csv": (
        text(["", "id,g1,g2", "", '"s\n1",1,2', "", "s2,1"]),
        "got 2 in line 7 and 3 in the header$",
    ),
    "mixed.csv": (cells("s1,1,2", "s2;1;2"), r"got 1 in line 3 .*line 3 split by ';'"),
    "long.csv": (cells("s1,1,2", "s2,1,2,3"), "got 4 in line 3 and 3"),
    "rows.csv": (cells("s1,1,2", "s1 ,3,4"), "unique row names; got 's1' 2 times"),
    "columns.csv": (text(["id,g,g", "s,1,2"]), "unique column names; got 'g' 2 times"),
    "no_row_name.csv": (cells("s1,1,2", ",3,4"), "every row; got none for row 2"),
    "no_name.csv": (text(["id,g,", "s,1,2"]), "every column; got none for column 2"),
    "no_value_row.csv": (cells("s1,1,2", "s2,,NA"), "got none in row 's2'"),
    "no_value.csv": (cells("s1,1,", "s2,2,NaN"), "got none in column 'g2'"),
    "empty.csv": (text([""]), "empty.csv must hold a table; got an empty file"),
    "empty.xlsx": (pd.DataFrame().to_excel, "must hold a table; got an empty file"),
    "header.csv": (cells(), "got 0 rows and 2 columns"),
    "names_only.csv": (text(["id", "s1"]), "got 1 rows and 0 columns"),
    "semicolon.csv": (
        text(["id;g1", "s1;0,5"]),
        "must be split by commas .* got a first line split by ';'",
    ),
    "commas.tsv": (cells("s1,1,2"), "must be split by tabs .* split by ','"),
    "latin.csv": (
        lambda path: path.write_bytes("id,g\nsé,1\n".encode("latin1")),
        "must be UTF-8 text; got byte 0xe9 .*save it as UTF-8",
    ),
    "quote.csv": (text(['id,"g', "s,1"]), "is not well-formed text: unexpected end"),
    "not.csv.gz": (cells("s1,1,2"), "not.csv.gz cannot be read: Not a gzipped file"),
    "cut.csv.gz": (
        lambda path: path.write_bytes(gzip.compress(b"id,g\ns,1\n")[:-9]),
        "cut.csv.gz cannot be read: Compressed file ended",
    ),
    "not.xlsx": (cells("s1,1,2"), "cannot be read as .xlsx .*is it complete"),
    "not.parquet": (cells("s1,1,2"), "cannot be read as .parquet .*is it complete"),
    "not.h5ad": (cells("s1,1,2"), "cannot be read as .h5ad .*is it complete"),
    "several.xlsx": (
        sheets,
        r"several sheets: sheet must be one of \['raw', 'scaled'\]",
    ),
    "table.rds": (cells("s1,1,2"), r"must end in .csv.* got .rds"),
    "table.xlsx.gz": (cells("s1,1,2"), r"must end in .csv.* got .gz"),
    "table": (cells("s1,1,2"), "got no extension"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_one_sentence(name, tmp_path):
    write, message = BAD[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=message) as caught:
        read_table(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a file; found none at"):
        read_table(tmp_path / "nowhere.csv")


def test_a_sheet_that_is_not_there(tmp_path):
    sheets(tmp_path / "two.xlsx")
    with pytest.raises(
        ValueError, match=r"one of \['raw', 'scaled'\] in two.xlsx; got 'third'"
    ):
        read_table(tmp_path / "two.xlsx", sheet="third")


def test_a_sheet_of_a_text_file(tmp_path):
    cells("s1,1,2")(tmp_path / "x.csv")
    with pytest.raises(ValueError, match="sheet is for .xlsx files; got 'raw'"):
        read_table(tmp_path / "x.csv", sheet="raw")


@pytest.mark.parametrize("library", ["pyarrow", "openpyxl", "anndata"])
def test_a_missing_library_is_named(library, tmp_path, monkeypatch):
    ending = {"pyarrow": "parquet", "openpyxl": "xlsx", "anndata": "h5ad"}[library]
    path = tmp_path / f"x.{ending}"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{library} is needed .*\[data\]"):
        read_table(path)


def test_a_name_in_a_sheet_may_look_like_a_missing_value(tmp_path):
    path = tmp_path / "x.xlsx"
    pd.DataFrame({"NA": [1.0], "null": [2.0]}, index=["None"]).to_excel(path)
    table = read_table(path)
    assert table.index.tolist() == ["None"]
    assert table.columns.tolist() == ["NA", "null"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("0.1,0.2,0.3\n0.4,0.5,0.6\n", "the first line"),
        ("a,b\n0.1,2\n0.3,4\n", "the first column"),
    ],
)
def test_numbers_are_not_taken_for_names(tmp_path, text, where):
    path = tmp_path / "my.csv"
    path.write_text(text)
    says = rf"my.csv must have names in {where}, but they are all numbers.*row_names"
    with pytest.raises(ValueError, match=says):
        read_table(path)


def test_whole_numbers_may_be_names(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("line,1001,1002\n17,0.5,1\n18,2,3\n")
    table = read_table(path)
    assert list(table.index) == ["17", "18"]
    assert list(table.columns) == ["1001", "1002"]


def test_a_parquet_file_of_numbers_alone_has_no_row_names(tmp_path):
    path = tmp_path / "my.parquet"
    pd.DataFrame({"a": [0.5, 1.5], "b": [1.0, 2.0]}).to_parquet(path)
    with pytest.raises(ValueError, match="names in the first column.*got '0.5' first"):
        read_table(path)
    assert read_table(path, row_names=False).shape == (2, 2)
