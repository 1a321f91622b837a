import warnings
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from latentomics.data import load

MODULE = import_module("latentomics.data.pbmc")
DENSE = np.array([[0, 3, 0, 1], [2, 0, 0, 0], [5, 0, 7, 1]])
NAMES = ["AC-1-b_cells", "GT-1-t_cells", "AC-1-t_cells"]


def read_rda(path):
    """Return what rdata makes of a dgCMatrix and two tables, with its warnings."""
    warnings.warn('Missing constructor for R class "dgCMatrix".', stacklevel=2)
    columns, rows = np.nonzero(DENSE.T)
    counts = SimpleNamespace(
        x=DENSE[rows, columns].astype(float),
        i=rows.astype("int32"),
        p=np.r_[0, np.cumsum(np.bincount(columns, minlength=4))].astype("int32"),
        Dim=np.array(DENSE.shape, dtype="int32"),
        Dimnames=[np.array(NAMES), np.array(["E1", "E2", "E3", "E4"])],
    )
    kinds = {"celltype": ["CD19+ B", "CD4+ T", "CD8+ T"], "subpop": ["B", "T", "T"]}
    samples = pd.DataFrame({"barcode": ["AC-1", "GT-1", "AC-1"], **kinds}, [1, 2, 3])
    samples = samples.astype({"celltype": "category", "subpop": "category"})
    genes = pd.DataFrame(
        {"ensembl": counts.Dimnames[1], "symbol": ["U1", "A", "U1", "B"]}
    )
    return {"pbmc_facs": {"samples": samples, "genes": genes, "counts": counts}}


@pytest.fixture
def made(monkeypatch, tmp_path):
    monkeypatch.setattr(
        MODULE, "need", {"rdata": SimpleNamespace(read_rda=read_rda)}.get
    )
    monkeypatch.setattr(MODULE, "fetch_file", lambda file: tmp_path / file)


def test_counts_are_cells_by_genes_with_names_that_are_unique(made):
    table = load("pbmc")
    assert table.index.tolist() == NAMES
    assert table.columns.tolist() == ["U1", "A", "U1 (2)", "B"]
    assert table.to_numpy().tolist() == DENSE.tolist()
    assert set(map(str, table.dtypes)) == {"int32"}
    assert (table.index.name, table.columns.name) == ("cell", "gene")
    assert table.attrs["units"].startswith("counts: UMI")


def test_what_the_cells_are(made):
    samples = load("pbmc", table="samples")
    assert samples.index.equals(load("pbmc").index)
    assert samples.columns.tolist() == ["cell_type", "group"]
    assert samples["cell_type"].tolist() == ["CD19+ B", "CD4+ T", "CD8+ T"]
    assert samples["group"].tolist() == ["B", "T", "T"]


def test_a_reader_is_not_bothered_with_classes_of_r(made, recwarn):
    load("pbmc")
    assert not recwarn.list


def test_no_third_table():
    with pytest.raises(ValueError, match=r"\('counts', 'samples'\); got 'genes'"):
        load("pbmc", table="genes")


@pytest.fixture(scope="module")
def real(real_data):
    return load("pbmc"), load("pbmc", table="samples")


def test_what_the_docstring_says_of_the_real_file(real):
    counts, _ = real
    assert counts.shape == (3774, 16791)
    assert counts.columns.str.endswith(" (2)").sum() == 9
    assert "PNRC2 (2)" in counts
    assert counts.max(axis=None) == 135
    assert (counts == 0).to_numpy().mean() == pytest.approx(0.96, abs=0.005)
    depth = counts.sum(axis=1)
    assert (depth.min(), depth.median(), depth.max()) == (355, 1512.5, 12_704)
    assert counts.to_numpy().nbytes == pytest.approx(0.25e9, rel=0.02)
    assert counts.any().all()


def test_types_of_the_real_file(real):
    counts, samples = real
    assert samples.index.equals(counts.index)
    sizes = samples["cell_type"].value_counts()
    assert len(sizes) == 10
    assert (sizes.index[0], sizes.iloc[0]) == ("CD19+ B", 767)
    assert (sizes.index[-1], sizes.iloc[-1]) == ("CD14+ Monocyte", 163)
    in_group = samples.drop_duplicates()["group"].value_counts()
    assert in_group.to_dict() == {
        "T cell": 6,
        "B cell": 1,
        "CD34+": 1,
        "NK cell": 1,
        "CD14+": 1,
    }
    population = samples.index.str.split("-1-").str[1]
    assert samples["cell_type"].groupby(population).nunique().eq(1).all()


@pytest.mark.parametrize(
    ("gene", "group"),
    [
        ("CD79A", "B cell"),
        ("NKG7", "NK cell"),
        ("CD3D", "T cell"),
        ("LYZ", "CD14+"),
        ("CD34", "CD34+"),
    ],
)
def test_cells_express_the_genes_they_are_known_by(gene, group, real):
    counts, samples = real
    shares = counts[gene] / counts.sum(axis=1)
    assert shares.groupby(samples["group"]).mean().idxmax() == group
