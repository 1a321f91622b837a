import gzip

import numpy as np
import pandas as pd
import pytest

from latentomics.data import read_labels

LINES = ["name,tissue,stage", "NA,lung,1", "b ,NA,2", " c,skin ,"]
TABLE = pd.DataFrame(
    {"tissue": ["lung", None, "skin"], "stage": ["1", "2", None]},
    index=["NA", "b", "c"],
    dtype=object,
)


def h5ad(path):
    anndata = pytest.importorskip("anndata")
    obs = TABLE.set_axis(TABLE.index.astype(object))
    var = pd.DataFrame(index=pd.Index([], dtype=object))
    anndata.AnnData(obs=obs, var=var).write_h5ad(path)


def bare_h5ad(path):
    anndata = pytest.importorskip("anndata")
    names = pd.DataFrame(index=pd.Index(["a"], dtype=object))
    anndata.AnnData(np.ones((1, 1)), obs=names, var=names).write_h5ad(path)


def text(lines=LINES, sign=","):
    return lambda path: path.write_text("\n".join(lines).replace(",", sign))


GOOD = {
    "labels.csv": text(),
    "labels.tsv": text(sign="\t"),
    "labels.txt": text(sign="\t"),
    "from_r.csv": text(["tissue,stage", *LINES[1:]]),
    "labels.csv.gz": lambda path: path.write_bytes(
        gzip.compress("\n".join(LINES).encode())
    ),
    "labels.xlsx": TABLE.to_excel,
    "numbers.xlsx": TABLE.assign(stage=[1, 2, None]).to_excel,
    "labels.parquet": TABLE.to_parquet,
    "flat.parquet": TABLE.rename_axis("name").reset_index().to_parquet,
    "nullable.parquet": TABLE.astype({"stage": "Int64"}).to_parquet,
    "floats.parquet": TABLE.assign(stage=[1.0, 2.0, None]).to_parquet,
    "labels.h5ad": h5ad,
}


@pytest.mark.parametrize("name", GOOD)
def test_every_format_gives_the_same_labels(name, tmp_path):
    GOOD[name](tmp_path / name)
    labels = read_labels(tmp_path / name)
    pd.testing.assert_frame_equal(
        labels, TABLE, check_index_type=False, check_column_type=False
    )
    assert labels.attrs == {"file": name}


def test_labels_come_in_the_order_of_the_names(tmp_path):
    text()(tmp_path / "x.csv")
    labels = read_labels(tmp_path / "x.csv", ["c", "NA"])
    assert labels.index.tolist() == ["c", "NA"]
    assert labels["tissue"].tolist() == ["skin", "lung"]


def test_names_may_be_numbers(tmp_path):
    text(["id,group", "17,a", "18,b"])(tmp_path / "x.csv")
    labels = read_labels(tmp_path / "x.csv", pd.Index([18, 17]))
    assert labels.index.tolist() == [18, 17]
    assert labels["group"].tolist() == ["b", "a"]


DATES = pd.DataFrame({"stage": [pd.Timestamp("2020-03-01"), "x"]}, ["a", "b"])
BAD = {
    "one.csv": (text(["tissue", "lung"]), "two columns, .*; got one, 'tissue'"),
    "one.parquet": (
        pd.DataFrame({"tissue": ["lung"]}).to_parquet,
        "two columns, .*; got one, 'tissue'",
    ),
    "empty.csv": (text([]), "must hold a table; got an empty file"),
    "header.csv": (text(LINES[:1]), "at least one label; got only a first line"),
    "twice.csv": (text([*LINES, "b,x,y"]), "one label of each sample; got two of 'b'"),
    "no_name.csv": (text([*LINES, ",x,y"]), "name every row; got none for row 4"),
    "columns.csv": (text(["name,x,x", "a,1,2"]), "unique column names; got 'x' 2"),
    "void.csv": (text(["name,x,y", "a,1,NA"]), "a label in column 'y'; got none"),
    "date.xlsx": (DATES.to_excel, "the date 2020-03-01 .*in row 'a', column 'stage'"),
    "failed.csv": (
        text([*LINES, "d,#REF!,1"]),
        "'#REF!', the error of a formula, in row 'd', column 'tissue'",
    ),
    "short.csv": (text([*LINES, "d,x"]), "got 2 in line 5 and 3 in the header"),
    "semi.csv": (text(sign=";"), "must be split by commas .* split by ';'"),
    "no_obs.h5ad": (bare_h5ad, "must hold labels as obs; got none"),
    "labels.doc": (text(), "must end in .csv.* got .doc"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_one_sentence(name, tmp_path):
    write, says = BAD[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=says) as caught:
        read_labels(tmp_path / name)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["b", "d", "e"], "x.csv .* got none of 'd' and of 1 more, and 'NA' first"),
        (["name", "b"], "x.csv must have column names in its first line; got .*'name'"),
        ("b", "names must be a list of names; got 'b'"),
    ],
)
def test_names_that_are_not_there(names, says, tmp_path):
    text()(tmp_path / "x.csv")
    with pytest.raises(ValueError, match=says):
        read_labels(tmp_path / "x.csv", names)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be a file; found none at"):
        read_labels(tmp_path / "nowhere.csv")
