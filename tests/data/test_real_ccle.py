"""What CCLE must give on the real files; skipped where those are absent."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from latentomics.data import load

pytestmark = pytest.mark.usefixtures("real_data")


@pytest.fixture(scope="module")
def lines(real_data):
    return load("cell_lines")


@pytest.fixture(scope="module")
def expression(real_data):
    return load("ccle_features", kind="expression")


@pytest.fixture(scope="module")
def copy_number(real_data):
    return load("ccle_features", kind="copy_number")


@pytest.fixture(scope="module")
def mutation(real_data):
    return load("ccle_features", kind="mutation")


@pytest.fixture(scope="module")
def tissue(lines, expression):
    return lines["tissue"].reindex(expression.index)


@pytest.fixture(scope="module")
def cis(expression, copy_number):
    """Correlation over the lines: expression of genes x copy number of genes."""
    C = np.corrcoef(expression.T, copy_number.T)[:706, 706:]
    return pd.DataFrame(C, expression.columns, copy_number.columns)


def test_lines_of_the_response(lines):
    response = load("ccle_response")
    assert response.index[~response.index.isin(lines.index)].tolist() == [
        "COLO677_LUNG"
    ]
    assert response.index.str.startswith("ACH-").sum() == 503
    assert response.loc["ACH-001015"].notna().any()  # AZ-521, by its prefix alone
    assert response.isna().to_numpy().sum() == 504 * 24 - 11_670


def test_units_of_the_response():
    area, ic50 = load("ccle_response"), load("ccle_response", measure="ic50")
    assert area.isna().equals(ic50.isna())
    assert area.min().min() == 0
    assert 7 < area.max().max() < 8
    assert ic50.max().max() == 8
    assert (ic50 == 8).to_numpy().sum() / 11_670 == pytest.approx(0.553, abs=5e-4)
    assert (area.corrwith(ic50, method="spearman") < -0.3).all()  # -.92 to -.31


def test_kinds_can_be_joined(lines, expression, copy_number, mutation):
    for other in (copy_number, mutation):
        assert other.index.equals(expression.index)
        assert other.columns.equals(expression.columns)
    assert expression.index.isin(lines.index).all()


def test_units_of_the_features(expression, copy_number, mutation):
    np.testing.assert_allclose(expression.mean(), 0, atol=1e-6)  # stored as float32
    np.testing.assert_allclose(expression.std(ddof=0), 1, atol=1e-6)
    np.testing.assert_allclose(copy_number.mean(axis=1), 1, atol=0.1)  # .91 to 1.08
    assert 0 <= copy_number.min().min() < 1e-8
    assert set(np.unique(mutation)) == {0, 1}


# The .npy files name no genes. That theirs have the order of the mutation file:


def test_a_gene_is_expressed_as_its_own_copies_go(cis):
    values = cis.to_numpy()
    assert np.diag(values).mean() == pytest.approx(0.275, abs=5e-4)
    for shift in (-2, -1, 1, 2):  # a slip by one gene leaves nothing
        off = np.diag(np.roll(values, shift, axis=1))
        assert abs(off.mean()) < 0.005  # .0001 to .002
    best = values.argmax(axis=1) == np.arange(706)
    assert best.sum() == 368  # by chance: 1


@pytest.mark.parametrize(
    ("gene", "where"),
    [
        ("PHOX2B", "autonomic_ganglia"),
        ("CDX2", "large_intestine"),
        ("KLK2", "prostate"),
        ("PAX8", "kidney"),
        ("PAX3", "skin"),
        ("IKZF1", "haematopoietic_and_lymphoid_tissue"),
        ("ESR1", "breast"),
        ("NKX2-1", "lung"),
    ],
)
def test_tissues_express_the_genes_they_are_known_by(gene, where, expression, tissue):
    assert expression[tissue == where].mean().idxmax() == gene


def test_copies_are_lost_and_gained_where_known(copy_number, tissue):
    lost = (copy_number < 0.2).sum()
    assert lost.idxmax() == "CDKN2A"
    assert lost.max() == 168  # the next, APOBEC3B, has 44
    assert copy_number[tissue == "autonomic_ganglia"].mean().idxmax() == "MYCN"
    beside = copy_number.corrwith(copy_number["BRAF"]).nlargest(3).index  # on 7q34
    assert set(beside) == {"BRAF", "KIAA1549", "TRIM24"}


def test_known_mutations(mutation, tissue):
    assert mutation.mean().idxmax() == "TP53"
    assert mutation["BRAF"][tissue == "skin"].sum() == 21  # of 24
    assert mutation["BRAF"][tissue == "large_intestine"].sum() == 19  # of 43


@pytest.mark.parametrize(
    ("ids", "mutated", "wild", "auroc"),
    [("prefix", 83, 428, 0.711), ("corrected", 86, 434, 0.705)],
)
def test_dabrafenib_finds_the_mutated_braf(ids, mutated, wild, auroc, mutation):
    drugs = load("gdsc_drugs")["name"]
    [dabrafenib] = drugs.index[drugs == "Dabrafenib"]
    auc = load("gdsc1_auc", ids=ids)[dabrafenib].dropna()
    both = auc.index.intersection(mutation.index)
    braf = mutation.loc[both, "BRAF"]
    assert (braf.sum(), (braf == 0).sum()) == (mutated, wild)
    assert roc_auc_score(braf, -auc[both]) == pytest.approx(auroc, abs=5e-4)


def test_the_same_is_seen_in_ccle_itself(mutation):
    area = load("ccle_response")["PLX4720"].dropna()
    both = area.index.intersection(mutation.index)
    assert len(both) == 312
    assert roc_auc_score(mutation.loc[both, "BRAF"], area[both]) > 0.7  # .733
