import re
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from latentomics.data import fetch, load
from latentomics.data.gtex import gtex_tissues

MODULE = import_module("latentomics.data.gtex")
SYMBOLS = ["Approved symbol\tNCBI id", "TP53\t7157", "gone~withdrawn\t", "BRAF\t673"]


@pytest.fixture
def made(monkeypatch, tmp_path):
    values = np.array([[1.0, 0.0, 3.5], [0.5, 2.5, 0.0], [9.0, 8.0, 7.0]])
    names = {"dim_0": ["673", "12345", "7157"], "dim_1": ["Skin", "Small Gut", "Skin"]}
    matrix = xr.DataArray(values, dims=list(names), coords=names)
    (tmp_path / "entrez_to_symbol").write_text("\n".join(SYMBOLS))
    rdata = SimpleNamespace(read_rda=lambda path: {"GeneExp": matrix})
    monkeypatch.setattr(MODULE, "need", {"rdata": rdata}.get)
    monkeypatch.setattr(MODULE, "fetch_file", lambda file: tmp_path / file)
    return matrix


def test_rows_are_samples_and_columns_symbols_where_there_is_one(made):
    table = load("gtex_tissues")
    assert table.index.tolist() == ["Skin 01", "Small Gut 01", "Skin 02"]
    assert table.columns.tolist() == ["BRAF", "12345", "TP53"]
    assert table.to_numpy().tolist() == made.to_numpy().T.tolist()
    assert (table.index.name, table.columns.name) == ("sample", "gene")
    assert table.attrs["units"].startswith("expression: log2 scale")


def test_tissues_of_the_samples(made):
    samples = load("gtex_tissues", table="samples")
    assert samples.index.equals(load("gtex_tissues").index)
    assert samples["tissue"].tolist() == ["Skin", "Small Gut", "Skin"]
    assert samples.columns.tolist() == ["tissue"]


def test_the_table_is_the_callers_own(made):
    table = load("gtex_tissues")
    table.iloc[:, :] = -1
    assert made.to_numpy().min() == 0


def test_no_third_table():
    with pytest.raises(ValueError, match=r"\('expression', 'samples'\); got 'genes'"):
        load("gtex_tissues", table="genes")


@pytest.fixture(scope="module")
def real(real_data):
    return load("gtex_tissues")


def test_what_the_docstring_says_of_the_real_file(real):
    assert real.shape == (520, 467)
    assert real.columns.str.fullmatch(r"\d+").sum() == 20
    assert real.columns.is_unique
    assert real.index.is_unique
    assert (real == 0).to_numpy().mean() == pytest.approx(0.21, abs=0.005)
    assert (real == 0).all().sum() == 7
    assert real.max(axis=None) == pytest.approx(12.8, abs=0.05)
    least = 2 ** real.to_numpy()[real > 0].min() - 1
    assert least == pytest.approx(0.0008, abs=5e-5)
    said = re.search(r"shape \((\d+), (\d+)\)", gtex_tissues.__doc__)
    assert tuple(map(int, said.groups())) == real.shape


def test_tissues_of_the_real_file(real):
    tissue = load("gtex_tissues", table="samples")["tissue"]
    assert tissue.index.equals(real.index)
    assert tissue.value_counts().tolist() == [20] * 26


@pytest.mark.parametrize(
    ("gene", "where"),
    [("NKX2-1", {"Thyroid", "Lung"}), ("SFTPC", {"Lung"}), ("AHSG", {"Liver"})],
)
def test_tissues_express_the_genes_they_are_known_by(gene, where, real):
    tissue = load("gtex_tissues", table="samples")["tissue"]
    means = real[gene].groupby(tissue).mean().sort_values()
    assert set(means.index[-len(where) :]) == where


def test_values_lie_where_the_file_has_them(real):
    [path, _] = fetch("gtex_tissues")
    source = import_module("rdata").read_rda(path)["GeneExp"]
    assert source.coords["dim_0"].to_numpy()[2] == "7080"  # NKX2-1
    np.testing.assert_array_equal(real["NKX2-1"], source.to_numpy()[2])
    assert isinstance(real, pd.DataFrame)
