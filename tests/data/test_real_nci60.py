"""What NCI-60 and the gene sets must give on the real files; skipped without them."""

import numpy as np
import pandas as pd
import pytest
import rdata
from scipy.stats import false_discovery_control, mannwhitneyu

from latentomics.data import fetch, load, membership
from latentomics.data.cell_lines import key
from latentomics.data.nci60 import ALIASES, PANEL

pytestmark = pytest.mark.usefixtures("real_data")


@pytest.fixture(scope="module")
def expression(real_data):
    return load("nci60_expression")


@pytest.fixture(scope="module")
def gi50(real_data):
    return load("nci60_gi50")


@pytest.fixture(scope="module")
def drugs(real_data):
    return load("nci60_drugs")


@pytest.fixture(scope="module")
def tissue(expression):
    return pd.Series(expression.index.str.split(":").str[0], expression.index)


@pytest.fixture(scope="module")
def raw(real_data):
    [path] = fetch("nci60_expression")
    return rdata.read_rda(path)


@pytest.fixture(scope="module")
def screen(real_data):
    [path] = fetch("nci60_gi50")
    return rdata.read_rda(path)["multidrug"]


def centred_correlation(A, B):
    """Correlate rows of A with rows of B, each column first standardized."""
    C = np.corrcoef((A - A.mean()) / A.std(), (B - B.mean()) / B.std())
    return pd.DataFrame(C[: len(A), len(A) :], A.index, B.index)


def test_lines_of_the_two_matrices(expression, gi50, screen):
    names = [str(name) for name in screen["cell.line"]["Sample"]]
    by_name = {key(name.split(":")[1]) for name in PANEL}
    assert sorted(set(names) - by_name) == sorted(ALIASES)
    assert len(by_name.intersection(names)) == 54
    assert gi50.index.tolist() == list(PANEL)
    assert gi50.index.difference(expression.index).tolist() == ["LC:NCI_H23"]
    assert expression.index.tolist() == [n for n in PANEL if n in expression.index]


def test_rows_of_the_screen_keep_their_values(gi50, screen):
    names = [str(name) for name in screen["cell.line"]["Sample"]]
    values = screen["compound"].to_numpy()
    for name, line in (("MCF7ADRr", "OV:NCI_ADR_RES"), ("7860", "RE:786_0")):
        np.testing.assert_array_equal(gi50.loc[line], values[names.index(name)])


def test_units_of_expression(expression, raw):
    assert raw["geneInfo"]["Symbol"].isna().sum() == 1214
    assert raw["geneInfo"]["Symbol"].dropna().duplicated(keep=False).sum() == 12_915
    assert expression.notna().all(axis=None)
    assert expression.min().min() == 0.81
    assert expression.max().max() == 14.82


def test_units_of_gi50(gi50):
    assert gi50.isna().to_numpy().sum() == 3300
    gaps = gi50.isna().mean(axis=1).sort_values()
    assert gaps.iloc[-15] < 0.06
    assert 0.11 < gaps.iloc[-14] < gaps.iloc[-1] < 0.2  # .118 and .195
    assert gi50.min().min() == pytest.approx(-2.39794)
    assert gi50.max().max() == 13
    values = gi50.stack().dropna()
    assert values.between(4, 8).mean() == pytest.approx(0.93, abs=0.005)
    assert (gi50 < 2).any().sum() == 9
    assert not gi50.T.duplicated().any()


def test_facts_of_the_drugs(drugs, gi50):
    assert drugs.index.isin(gi50.columns).all()
    assert drugs["mechanism"].notna().sum() == 156
    assert drugs["name"].isna().sum() == 73
    assert drugs["status"].value_counts().to_dict() == {
        "FDA approved": 55,
        "Clinical trial": 11,
    }
    assert drugs["moa"].value_counts().to_dict() == {
        "alkylating": 34,
        "topoisomerase 2": 27,
        "other": 24,
        "antimitotic": 20,
        "topoisomerase 1": 19,
        "DNA antimetabolite": 17,
        "RNA/DNA antimetabolite": 15,
    }
    known = {"752": "6-Thioguanine", "125973": "Paclitaxel", "740": "Methotrexate"}
    assert drugs.loc[list(known), "name"].to_dict() == known


# The expression file's own table of lines does not fit its rows. That ours does:


@pytest.mark.parametrize(
    ("gene", "where"),
    [
        ("MLANA", "ME"),
        ("TYR", "ME"),
        ("MITF", "ME"),
        ("SOX10", "ME"),
        ("PTPRC", "LE"),
        ("HCLS1", "LE"),
        ("EPCAM", "CO"),
        ("VIL1", "CO"),
        ("ESR1", "BR"),
        ("GFAP", "CNS"),
        ("HOXB13", "PR"),
        ("PAX8", "RE"),
    ],
)
def test_tissues_express_the_genes_they_are_known_by(gene, where, expression, tissue):
    assert expression[gene].groupby(tissue).mean().idxmax() == where


def test_no_gene_tells_a_tissue_as_melan_a_tells_melanoma(expression, tissue):
    means = expression.groupby(tissue).mean()
    lead = means.loc["ME"] - means.drop(index="ME").max()
    assert lead.idxmax() == "MLANA"
    off = expression.loc[tissue == "ME", "MLANA"] < 3
    assert off.index[off].tolist() == ["ME:LOXIMVI"]  # known to lack pigment


def test_lines_are_those_of_ccle(expression):
    ccle, lines = load("ccle_features"), load("cell_lines")
    ids = pd.Series(lines.index, lines["ccle_name"].str.split("_").str[0])
    names = [name for name in expression.index if key(name.split(":")[1]) in ids.index]
    same = pd.Series({name: ids[key(name.split(":")[1])] for name in names})
    same = same[same.isin(ccle.index)]
    genes = [g for g in ccle if g in expression and expression[g].var() > 0.5]
    theirs = ccle.loc[same, genes].set_axis(same.index)
    C = centred_correlation(expression[genes], theirs)
    found = C.idxmax()
    assert len(found) == 34
    # NCI/ADR-RES descends from OVCAR-8
    assert found[found != found.index].to_dict() == {"OV:OVCAR_8": "OV:NCI_ADR_RES"}


@pytest.fixture(scope="module")
def transporters(screen, expression):
    """Their expression by PCR, in the order of the screen's own names: lines x 25."""
    by_key = {key(name.split(":")[1]): name for name in PANEL} | ALIASES
    lines = [by_key[str(name)] for name in screen["cell.line"]["Sample"]]
    table = screen["ABC.trans"]
    columns = [str(name) for name in table.coords["dim_1"].to_numpy()]
    table = pd.DataFrame(table.to_numpy(), lines, columns).loc[expression.index]
    table = table.rename(columns={"ABCB2": "TAP1", "ABCB3": "TAP2", "ABCC7": "CFTR"})
    return table[[g for g in table if g in expression and expression[g].var() > 0.3]]


def test_transporters_agree_under_our_names_alone(expression, transporters, raw):
    ours = expression[transporters.columns]
    assert ours.shape == (59, 25)
    r = ours.corrwith(transporters)
    assert r.mean() == pytest.approx(0.498, abs=5e-4)
    assert r["ABCB1"] == pytest.approx(0.82, abs=0.005)
    theirs = ours.set_axis([str(name) for name in raw["cellLineInfo"]["Name"]])
    assert theirs.corrwith(transporters).mean() < 0.2  # .17


def test_no_two_lines_of_a_tissue_are_swapped(expression, transporters, tissue):
    C = centred_correlation(expression[transporters.columns], transporters).to_numpy()
    gain = np.diag(C)[:, None] + np.diag(C) - C - C.T  # of our names over a swap
    pairs = np.triu(tissue.to_numpy()[:, None] == tissue.to_numpy(), k=1)
    assert pairs.sum() == 184
    doubtful = [
        tuple(expression.index[list(p)]) for p in np.argwhere(pairs & (gain < 0))
    ]
    assert doubtful == [
        ("ME:MDA_MB_435", "ME:MDA_N"),  # one tumour
        ("LC:A549", "LC:NCI_H226"),  # CCLE settles this and the next three
        ("LC:A549", "LC:NCI_H322M"),
        ("LC:EKVX", "LC:NCI_H522"),
        ("OV:IGROV1", "OV:OVCAR_4"),
        ("RE:SN12C", "RE:TK_10"),  # by .02; rests on the order of the file
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ME:MDA_MB_435", "ME:MDA_N"),
        ("CNS:SNB_19", "CNS:U251"),
        ("OV:OVCAR_8", "OV:NCI_ADR_RES"),
    ],
)
def test_lines_of_one_patient_are_nearest(one, other, expression):
    varied = expression.loc[:, expression.var() > 2]
    C = centred_correlation(varied, varied)
    C = C.where(~np.eye(len(C), dtype=bool))
    assert (C[one].idxmax(), C[other].idxmax()) == (other, one)


def test_the_pump_protects_from_its_substrates(expression, gi50, drugs):
    assert expression["ABCB1"].idxmax() == "OV:NCI_ADR_RES"
    both = gi50.loc[expression.index]
    r = both.corrwith(expression["ABCB1"])
    known = drugs["name"].isin(["Bisantrene hydrochloride", "Paclitaxel"])
    assert (r[drugs.index[known]] < -0.5).all()
    assert abs(r.median()) < 0.1


def test_compounds_of_one_mechanism_act_alike(gi50, drugs):
    group = drugs["moa"][drugs["moa"].notna() & (drugs["moa"] != "other")]
    C = gi50[group.index].corr().to_numpy()
    same = group.to_numpy()[:, None] == group.to_numpy()
    off = ~np.eye(len(group), dtype=bool)
    assert C[same & off].mean() == pytest.approx(0.566, abs=5e-4)
    assert C[~same].mean() == pytest.approx(0.340, abs=5e-4)
    for name in group.unique():
        mine = (group == name).to_numpy()
        assert C[np.ix_(mine, mine)][off[np.ix_(mine, mine)]].mean() > (
            C[np.ix_(mine, ~mine)].mean() + 0.09  # .093 (DNA antimetabolites) to .36
        )


def test_sizes_of_the_gene_sets(expression):
    go, hallmark = load("go_bp"), load("hallmark")
    assert (len(go), len(hallmark)) == (6036, 50)
    for sets, least, most, genes in ((go, 5, 2244, 14_937), (hallmark, 32, 200, 4384)):
        sizes = sets.map(len)
        assert (sizes.min(), sizes.max(), len(set().union(*sets))) == (
            least,
            most,
            genes,
        )
    assert membership(go, expression.columns).shape == (5319, 12_980)
    assert membership(hallmark, expression.columns).shape == (50, 12_980)
    assert go.index.str.fullmatch(r".+ \(GO:\d{7}\)").all()
    assert {"TP53", "CDKN1A"} <= set(hallmark["HALLMARK_P53_PATHWAY"])


def test_sets_name_what_makes_leukemias_and_melanomas(expression, tissue):
    inside = membership(load("go_bp"), expression.columns)
    for where, words in (("LE", "T cell"), ("ME", "melan")):
        lead = expression[tissue == where].mean() - expression[tissue != where].mean()
        p = [
            mannwhitneyu(lead[row], lead[~row], alternative="greater").pvalue
            for row in inside.to_numpy()[inside.index.str.contains(words)]
        ]
        assert (false_discovery_control(p) < 0.05).any()
