"""Cells that are neither numbers nor names, whatever file they stand in."""

import datetime

import numpy as np
import pandas as pd
import pytest

from latentomics.data import read_labels, read_table

openpyxl = pytest.importorskip("openpyxl")
ERRORS = ["#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"]


def sheet(lines):
    def write(path):
        book = openpyxl.Workbook()
        for line in lines:
            book.active.append(line)
        book.save(path)

    return write


def text(lines):
    def write(path):
        said = "\n".join(",".join(map(str, line)) for line in lines)
        path.write_text(said if path.suffix == ".csv" else said.replace(",", "\t"))

    return write


def with_cell(cell, at):
    """A small table, one cell of it replaced."""
    lines = [["id", "g1", "g2"], ["s1", 1, 2], ["s2", 3, 4]]
    lines[at[0]][at[1]] = cell
    return lines


WRITERS = {"my.xlsx": sheet, "my.csv": text, "my.tsv": text}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("error", ERRORS)
def test_a_failed_formula_is_no_number_and_no_name(error, name, tmp_path):
    for at, says in (
        ((2, 1), f"finite numbers; got '{error}' in row 's2', column 'g1'"),
        ((2, 0), f"name every row; got '{error}', the error of a formula for row 2"),
        ((0, 2), f"name every column; got '{error}', the error of .*for column 2"),
    ):
        WRITERS[name](with_cell(error, at))(tmp_path / name)
        with pytest.raises(ValueError, match=says.replace("?", r"\?")):
            read_table(tmp_path / name)


@pytest.mark.parametrize("name", WRITERS)
def test_not_available_is_a_gap_but_no_name(name, tmp_path):
    WRITERS[name](with_cell("#N/A", (2, 1)))(tmp_path / name)
    assert np.isnan(read_table(tmp_path / name).loc["s2", "g1"])
    WRITERS[name](with_cell("#N/A", (2, 0)))(tmp_path / name)
    with pytest.raises(ValueError, match="name every row; got '#N/A', the error"):
        read_table(tmp_path / name)


def test_a_formula_needs_a_stored_value(tmp_path):
    for at, says in (
        ((1, 2), "got a formula without a stored value .* in row 's1', column 'g2'"),
        ((1, 0), "name every row; got a formula without a stored value .*for row 1"),
        ((0, 1), "name every column; got a formula without .*for column 1"),
    ):
        sheet(with_cell("=1+1", at))(tmp_path / "my.xlsx")
        with pytest.raises(ValueError, match=says):
            read_table(tmp_path / "my.xlsx")
        with pytest.raises(ValueError, match="a formula without a stored value"):
            read_labels(tmp_path / "my.xlsx")


def patched(path, old, new):
    """Replace text in the XML of the first sheet."""
    import zipfile

    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    inner = "xl/worksheets/sheet1.xml"
    assert old in parts[inner]
    parts[inner] = parts[inner].replace(old, new)
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        (b'<c r="C2"><f>1+1</f><v>2</v></c>', 2.0),
        (b'<c r="C2" t="str"><f>IF(1,"")</f><v></v></c>', np.nan),
    ],
)
def test_stored_values_of_formulas_are_read(stored, value, tmp_path):
    path = tmp_path / "my.xlsx"
    sheet(with_cell("=1+1", (1, 2)))(path)
    patched(path, b'<c r="C2"><f>1+1</f><v /></c>', stored)
    np.testing.assert_equal(read_table(path).loc["s1", "g2"], value)


def test_a_wrong_size_in_the_file_hides_nothing(tmp_path):
    path = tmp_path / "my.xlsx"
    sheet(with_cell(5, (2, 2)))(path)
    patched(path, b'<dimension ref="A1:C3"', b'<dimension ref="A1:B2"')
    assert read_table(path).to_numpy().tolist() == [[1, 2], [3, 5]]


@pytest.mark.parametrize(
    "date", [datetime.datetime(2020, 3, 1), datetime.date(2020, 3, 1), datetime.time(9)]
)
def test_a_date_is_no_name(date, tmp_path):
    for at, axis in (((0, 1), "column"), ((1, 0), "row")):
        sheet(with_cell(date, at))(tmp_path / "my.xlsx")
        says = f"my.xlsx must name every {axis}; got the date .*format such cells as te"
        with pytest.raises(ValueError, match=says):
            read_table(tmp_path / "my.xlsx")


def test_a_date_in_the_index_of_a_parquet_file_is_no_name(tmp_path):
    rows = pd.to_datetime(["2020-03-01", "2020-03-02"])
    pd.DataFrame({"g": [1.0, 2.0]}, rows).to_parquet(tmp_path / "my.parquet")
    with pytest.raises(ValueError, match="every row; got the date 2020-03-01"):
        read_table(tmp_path / "my.parquet")


@pytest.mark.parametrize(
    "cell", ["0,5", "1,000", "1.000,5", "1 000", "1\u202f000", "1'000", "-1,5e-3"]
)
def test_numbers_in_another_notation_are_explained(cell, tmp_path):
    (tmp_path / "my.tsv").write_text(f"id\tg\ns\t{cell}\n", encoding="utf-8")
    says = r"in row 's'|decimals take a point, thousands no separator: 1000.5"
    with pytest.raises(ValueError, match=says) as caught:
        read_table(tmp_path / "my.tsv")
    assert "thousands no separator" in str(caught.value)


ROWS = ["id,g1,g2", "s1,1,2", "s2,3,4"]
FORMS = {
    "comment.csv": (["# made by me", *ROWS], "no comments; got '# made by me'"),
    "commas.csv": (["# a,b,c", *ROWS], "no comments; got '# a'"),
    "body.csv": ([*ROWS, "# the end"], "no comments; got '# the end'"),
    "padded.csv": (["#1.2,,", "2,2,", *ROWS], "got '#1.2' .a GCT file: delete"),
    "gct.csv": (["#1.2", "2,2", *ROWS], "got '#1.2' .a GCT file: delete"),
    "bars.csv": (["id|g1", "s1|1"], "must be split by commas .* split by '|'"),
    "spaces.txt": (["id g1", "s1   1"], "must be split by tabs .* split by ' '"),
    "void.csv": ([], "must hold a table; got an empty file"),
    "void.xlsx": ([], "must hold a table; got an empty file"),
    "void.parquet": ([], "must hold a table; got an empty file"),
    "void.h5ad": ([], "must hold a table; got an empty file"),
    "not.xlsx": (ROWS, "cannot be read as .xlsx .*is it complete"),
}


@pytest.mark.parametrize("read", [read_table, read_labels])
@pytest.mark.parametrize("name", FORMS)
def test_what_is_no_table_is_said_in_one_sentence(name, read, tmp_path):
    lines, says = FORMS[name]
    (tmp_path / name).write_text("\n".join(lines))
    with pytest.raises(ValueError, match=says) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(name)
    assert "\n" not in str(caught.value)


def test_a_number_sign_may_begin_a_name(tmp_path):
    (tmp_path / "my.csv").write_text("#OTU ID,s1\n#1,2\n#2,3\n")
    assert read_table(tmp_path / "my.csv").index.tolist() == ["#1", "#2"]


def test_blank_cells_at_the_end_of_every_line_are_no_column(tmp_path):
    (tmp_path / "my.csv").write_text("id,g1,,\ns1,1,,\ns2,2,,\n")
    assert read_table(tmp_path / "my.csv").columns.tolist() == ["g1"]
    (tmp_path / "my.csv").write_text("id,g1\ns1,1,\ns2,2,\n")
    assert read_table(tmp_path / "my.csv").index.tolist() == ["s1", "s2"]


@pytest.mark.parametrize("cut", [0.2, 0.9])
@pytest.mark.parametrize("ending", ["xlsx", "parquet", "h5ad"])
def test_a_file_cut_short(ending, cut, tmp_path):
    path, frame = tmp_path / f"my.{ending}", pd.DataFrame({"g": [1.5]}, ["a"])
    write = {"xlsx": frame.to_excel, "parquet": frame.to_parquet}
    write["h5ad"] = h5ad(np.eye(2))
    write[ending](path)
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(ValueError, match=f"my.{ending} cannot be read as .*complete"):
        read_table(path)


def h5ad(X):
    anndata = pytest.importorskip("anndata")
    return anndata.AnnData(X, obs=named("a", "b"), var=named("g", "h")).write_h5ad


def named(*names):
    """A table of names alone, of a type that every version of anndata writes."""
    return pd.DataFrame(index=pd.Index(names, dtype=object))


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "csr_array", "csc_array"])
def test_sparse_cells_of_an_h5ad_file(form, tmp_path):
    from scipy import sparse

    X = np.array([[0.0, 2.0], [3.0, 0.0]])
    h5ad(getattr(sparse, form)(X))(tmp_path / "my.h5ad")
    assert read_table(tmp_path / "my.h5ad").to_numpy().tolist() == X.tolist()


def test_an_h5ad_file_without_a_matrix(tmp_path):
    anndata = pytest.importorskip("anndata")
    made = anndata.AnnData(obs=named("a"), var=named("g"))
    made.layers["counts"] = np.ones((1, 1))
    made.write_h5ad(tmp_path / "my.h5ad")
    says = r"my.h5ad must hold a matrix as X; got none; its layers are \['counts'\]"
    with pytest.raises(ValueError, match=says):
        read_table(tmp_path / "my.h5ad")


FRAME = pd.DataFrame(
    {"a": [1.5, None, 3.0], "b": [1, 2, None], "c": [1, 2, 3]}, ["x", "y", "z"]
)


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: frame.astype({"a": "Float64", "b": "double[pyarrow]"}),
        lambda frame: frame.astype("float16"),
        lambda frame: frame.astype({"a": object, "b": "Int8"}),
        lambda frame: frame.astype("category"),
    ],
)
def test_every_type_of_parquet_gives_floats(convert, tmp_path):
    convert(FRAME).to_parquet(tmp_path / "my.parquet")
    table = read_table(tmp_path / "my.parquet")
    assert table.dtypes.eq("float64").all()
    np.testing.assert_array_equal(table, FRAME.to_numpy(float))


def test_cells_of_lists_are_no_numbers_and_no_names(tmp_path):
    path = tmp_path / "my.parquet"
    pd.DataFrame({"g": [[1, 2], [3]]}, ["a", "b"]).to_parquet(path)
    with pytest.raises(ValueError, match=r"finite numbers; got \[1 2\] in row 'a'"):
        read_table(path)
    pd.DataFrame({"g": [[1, 2], [3]], "h": [1, 2]}).to_parquet(path)
    with pytest.raises(ValueError, match=r"name every row; got \[1 2\] for row 1"):
        read_table(path)


def test_the_home_folder_is_a_place_for_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my.csv").write_text("id,g\ns,1\n")
    assert read_table("~/my.csv").loc["s", "g"] == 1


@pytest.mark.parametrize("path", [None, ["a.csv"], 7, pd.DataFrame()])
def test_a_path_names_one_file(path):
    with pytest.raises(ValueError, match="path must name a file; got "):
        read_table(path)


def test_one_fraction_among_the_names_makes_them_numbers(tmp_path):
    (tmp_path / "my.csv").write_text("a,b\n1,2\n0.3,4\n")
    with pytest.raises(ValueError, match="names in the first column, but they are all"):
        read_table(tmp_path / "my.csv")


def test_only_one_name_may_be_left_out_of_the_first_line(tmp_path):
    (tmp_path / "my.csv").write_text("g1\ns1,1,2\ns2,3,4\n")
    with pytest.raises(ValueError, match="got 3 in line 2 and 1 in the header"):
        read_table(tmp_path / "my.csv")


def test_two_columns_of_names_in_a_parquet_file(tmp_path):
    rows = pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")], names=["id", "kind"])
    pd.DataFrame({"g": [1.0, 2.0]}, rows).to_parquet(tmp_path / "my.parquet")
    with pytest.raises(ValueError, match="got 'x' in row 'a', column 'kind'"):
        read_table(tmp_path / "my.parquet")
