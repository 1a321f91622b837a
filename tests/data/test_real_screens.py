"""Screens with features, on the real files; skipped where those are absent."""

import numpy as np
import pytest

from latentomics.data import load, screen

pytestmark = pytest.mark.usefixtures("real_data")


@pytest.mark.parametrize(
    ("name", "lines", "features", "drugs"),
    [("ccle", 317, 2118, 24), ("nci60", 59, 3000, 156), ("ctrpv2", 380, 2118, 481)],
)
def test_shapes_and_alignment(name, lines, features, drugs):
    found = screen(name)
    assert found.X.shape == (lines, features)
    assert found.Y.shape == (lines, drugs)
    assert found.X.index.equals(found.Y.index)
    assert found.X.columns.is_unique
    assert not found.X.isna().any(axis=None)
    assert found.tissue.index.equals(found.X.index)
    assert found.tissue.notna().all()
    assert list(found.genes.index) == list(found.X.columns)


def test_a_feature_is_that_of_its_gene_kind_and_line():
    found = screen("ccle")
    mutation = load("ccle_features", kind="mutation")
    line = found.X.index[7]
    assert found.X.loc[line, "BRAF mutation"] == mutation.loc[line, "BRAF"]
    assert found.genes["BRAF mutation"] == "BRAF"
    response = load("ccle_response")
    assert np.array_equal(
        found.Y.loc[line], response.loc[line, found.Y.columns], equal_nan=True
    )


def test_nci60_keeps_the_most_variable_genes_and_drugs_of_known_mechanism():
    few, drugs = screen("nci60", n_genes=50), load("nci60_drugs")
    all_genes = load("nci60_expression").loc[few.X.index].var()
    assert few.X.var().min() >= all_genes.drop(few.X.columns).max()
    assert drugs.loc[few.Y.columns, "mechanism"].notna().all()


def test_mutated_braf_makes_lines_sensitive_to_its_inhibitor():
    found = screen("ccle")
    mutated = found.X["BRAF mutation"] == 1
    response = found.Y["PLX4720"]
    assert response[mutated].mean() > 1.5 * response[~mutated].mean()


def test_an_unknown_screen_is_refused():
    with pytest.raises(ValueError, match="name must be one of .*; got 'gdsc'"):
        screen("gdsc")
