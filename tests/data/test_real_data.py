"""What the loaders must give on the real files; skipped where those are absent."""

import re

import pandas as pd
import pytest
from scipy.stats import spearmanr

from latentomics.data import datasets, drug_matches, load, shared_drugs, verify

TABLES = [name for name in datasets()["name"] if not name.startswith("rtdmf")]
pytestmark = pytest.mark.usefixtures("real_data")


@pytest.fixture(scope="module")
def drugs(real_data):
    return load("gdsc_drugs")


@pytest.fixture(scope="module")
def ctrpv2(real_data):
    return load("ctrpv2_auc")


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_the_promised_form(name):
    said = datasets().set_index("name").loc[name]
    shape = tuple(int(re.match(r"\d+", said[axis])[0]) for axis in ("rows", "columns"))
    table = load(name)
    frame = pd.DataFrame(table)  # gene sets are a Series
    assert frame.shape == shape
    assert frame.index.is_unique
    assert frame.columns.is_unique
    assert table.attrs["units"] == said["units"]


def test_all_files_are_the_registered_ones():
    state = verify()
    assert state["ok"].all(), state[~state["ok"]].to_string()


def test_ids_of_the_lines():
    lines = load("cell_lines").index
    for name, ids in (("gdsc1_auc", 1028), ("gdsc1_lnic50", 969), ("ctrpv2_auc", 645)):
        rows = load(name).index
        assert rows.str.startswith("ACH-").sum() == ids
        assert rows.isin(lines).all()
    prefix = load("gdsc1_auc", ids="prefix")
    assert prefix.index.str.startswith("ACH-").sum() == 996


def test_repeats_of_ctrpv2(ctrpv2):
    every = load("ctrpv2_auc", repeats="all")
    assert len(every) == 664
    repeated = every.index.get_level_values("repeat") > 1
    assert repeated.sum() == 19
    assert every.index[repeated].get_level_values("cell_line").nunique() == 18
    pd.testing.assert_frame_equal(every.xs(1, level="repeat"), ctrpv2)


@pytest.mark.parametrize(
    ("match", "ids"), [("exact", 29), ("lower", 82), ("alnum", 89), ("synonym", 100)]
)
def test_ids_of_shared_drugs(match, ids, drugs, ctrpv2):
    matches = drug_matches(drugs, ctrpv2.columns, match=match, min_characters=1)
    assert matches["gdsc"].nunique() == ids


@pytest.mark.parametrize(
    ("ids", "lines", "significant"), [("prefix", 466, 59), ("corrected", 469, 60)]
)
def test_the_pinned_concordance(ids, lines, significant, drugs, ctrpv2):
    gdsc = load("gdsc1_auc", ids=ids)
    pairs = shared_drugs(drugs, ctrpv2.columns)
    assert len(pairs) == 89
    both = gdsc.index.intersection(ctrpv2.index)
    assert len(both) == lines
    X, Y = gdsc.loc[both, pairs["gdsc"]], ctrpv2.loc[both, pairs["ctrpv2"]]
    tests = [
        spearmanr(X.iloc[:, i], Y.iloc[:, i], nan_policy="omit") for i in range(89)
    ]
    assert sum(t.statistic > 0 and t.pvalue < 0.01 for t in tests) == significant
