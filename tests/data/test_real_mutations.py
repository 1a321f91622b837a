"""What the catalogues of mutations must give on the real files; skipped without."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import nnls

from latentomics.data import fetch, load
from latentomics.data.sbs96 import CHANNELS
from latentomics.data.tcga import STUDIES
from latentomics.studies.signatures.simulate import GERMLINE

pytestmark = pytest.mark.usefixtures("real_data")


@pytest.fixture(scope="module")
def cosmic(real_data):
    return load("cosmic_sbs", kind="exome")


@pytest.fixture(scope="module")
def tumours(real_data):
    return load("tcga_sbs96"), load("tcga_sbs96", table="samples")


@pytest.fixture(scope="module")
def lines(real_data):
    return load("cell_line_sbs96"), load("cell_line_sbs96", table="samples")


@pytest.fixture(scope="module")
def ddr(real_data):
    return load("tcga_ddr")


@pytest.fixture(scope="module")
def clones(real_data):
    return load("zou2021"), load("zou2021", table="samples")


def cosines(A, B):
    def unit(M):
        return M / np.linalg.norm(M, axis=1, keepdims=True)

    values = unit(A.to_numpy(float)) @ unit(B.to_numpy(float)).T
    return pd.DataFrame(values, A.index, B.index)


def shares(counts):
    return counts.div(counts.sum(axis=1), axis=0)


def test_signatures_of_genome_and_exome(cosmic):
    genome = load("cosmic_sbs")
    assert genome.shape == (78, 96)
    assert cosmic.shape == (65, 96)
    assert set(cosmic.index) < set(genome.index)
    for table in (genome, cosmic):
        assert table.columns.tolist() == list(CHANNELS)
        assert_allclose(table.sum(axis=1), 1)
        assert (table >= 0).all(axis=None)
    # deaminated methyl-CpG: C>T before G, whatever the neighbour to the left
    assert genome.loc["SBS1"].nlargest(4).index.str[1:].unique().tolist() == ["[C>T]G"]


def test_the_frequencies_turn_genome_into_exome(cosmic):
    f = load("trinucleotide_frequencies")
    assert f.shape == (32, 2)
    assert (f["exome"].idxmin(), f["exome"].idxmax()) == ("ATA", "CCG")
    assert f["exome"].min() == pytest.approx(0.28, abs=0.005)
    assert f["exome"].max() == pytest.approx(1.81, abs=0.005)
    factor = f.loc[[c[0] + c[2] + c[-1] for c in CHANNELS], "exome"].to_numpy()
    genome = load("cosmic_sbs").loc[cosmic.index]
    there, back = (np.diag(cosines(genome * w, cosmic)) for w in (factor, 1 / factor))
    assert there.min() > 0.99
    assert back.mean() < 0.92  # the other way round would be wrong


def test_tumours(tumours):
    counts, samples = tumours
    assert counts.shape == (9493, 96)
    assert samples.shape == (9493, 5)
    assert counts.index.is_unique
    assert samples.notna().all(axis=None)
    assert samples["person"].nunique() == 9455
    total = counts.sum(axis=1)
    assert (total.min(), total.median(), total.max()) == (1, 83, 39_688)
    assert len(set(STUDIES.values())) == len(STUDIES) == samples["cancer"].nunique()
    of = samples["cancer"].value_counts()
    spec = {"BLCA": 389, "LUAD": 528, "SKCM": 412, "UCEC": 474}
    assert of[list(spec)].to_dict() == spec
    assert (samples["kind"] == "primary tumour").sum() == 9003


def test_a_count_is_where_the_file_has_it(tumours):
    [path] = fetch("tcga_sbs96")
    raw = pd.read_csv(path, index_col=0, usecols=[0, 5, 9001])
    for column in raw:
        row = tumours[0].loc[column.split("::")[1][:15]]
        assert row[raw.index].tolist() == raw[column].tolist()


def test_the_type_that_the_source_calls_dlbc_is_lgg(tumours, ddr):
    samples = tumours[1]
    cancer = ddr.drop_duplicates("person").set_index("person")["cancer"]
    known = samples["person"].map(cancer)
    glioma = samples["type"] == "DLBC"
    assert known[glioma].value_counts().to_dict() == {"LGG": 452}
    known = known.replace({"COAD": "COREAD", "READ": "COREAD"}).dropna()
    assert (known == samples.loc[known.index, "cancer"]).all()


def test_labels_of_repair(ddr, tumours):
    assert ddr.shape == (30_265, 6)
    assert ddr.notna().all(axis=None)
    assert ddr["sample"].nunique() == ddr["person"].nunique() == 7669
    assert not ddr.duplicated(["sample", "pathway"]).any()
    modes = ddr["mode"].value_counts().to_dict()
    assert modes == {"heterozygous": 28_736, "homozygous": 1529}
    assert (ddr["genes"].str.contains("_hom") == (ddr["mode"] == "homozygous")).all()
    pathways = ["BER", "DR", "DS", "FA", "HR", "MMR", "NER", "NHEJ", "TLS"]
    assert sorted(ddr["pathway"].unique()) == pathways
    assert len(set(ddr["sample"]) & set(tumours[0].index)) == 6878
    odd = ddr["sample"].str[:12] != ddr["person"]
    assert ddr.loc[odd, "person"].nunique() == 49
    assert ddr.loc[odd, "sample"].str.startswith("TCGA-LUSC-").all()
    assert not ddr.loc[odd, "person"].isin(tumours[1]["person"]).any()
    blood = ddr["sample"].str.endswith("-10")
    assert blood.sum() == 13


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("person", {"MMR": 105, "HR": 93, "BER": 33}),
        ("sample", {"MMR": 105, "HR": 92, "BER": 33}),
    ],
)
def test_persons_with_one_repair_pathway_lost(join, expected, ddr, tumours):
    lost = ddr[(ddr["mode"] == "homozygous") & ddr["pathway"].isin(expected)]
    one = lost[~lost["person"].duplicated(keep=False)]
    profiled = tumours[1]["person"] if join == "person" else tumours[0].index
    one = one[one[join].isin(set(profiled))]
    assert one.groupby("pathway")["person"].nunique().to_dict() == expected


def test_cell_lines(lines):
    counts, samples = lines
    assert counts.shape == (929, 96)
    assert counts.index.equals(samples.index)
    total = counts.sum(axis=1)
    assert (total.min(), total.median(), total.max()) == (15, 128, 10_521)
    of = samples["cancer"].value_counts()
    spec = {"BLCA": 17, "LUAD": 60, "SKCM": 54, "UCEC": 17}
    assert of[list(spec)].to_dict() == spec
    assert len(of) == 35


def test_before_the_filter_there_was_more(lines, cosmic):
    filtered, before = lines[0], load("cell_line_sbs96_unfiltered")
    assert before.shape == (992, 96)
    total = before.sum(axis=1)
    assert (total.min(), total.median(), total.max()) == (55, 952, 18_204)
    extra = before.loc[filtered.index] - filtered
    assert (extra < 0).to_numpy().sum() == 255
    kept = filtered.sum(axis=1) / before.loc[filtered.index].sum(axis=1)
    assert kept.median() == pytest.approx(0.13, abs=0.005)
    residue = extra.clip(lower=0).sum().to_frame("residue").T
    assert cosines(residue, cosmic).loc["residue"].idxmax() == "SBS5"


@pytest.mark.parametrize(
    ("cancer", "signature"), [("SKCM", "SBS7a"), ("LUAD", "SBS4"), ("UCEC", "SBS44")]
)
def test_channels_mean_what_they_say(cancer, signature, lines, tumours, cosmic):
    """The most extreme samples of a cancer look like its known signature."""
    for counts, samples in (lines, tumours):
        many = counts[samples["cancer"] == cancer]
        many = many[many.sum(axis=1) >= 200]
        match = cosines(shares(many), cosmic)[signature]
        assert match.max() > 0.9


def test_knock_outs(clones):
    profiles, samples = clones
    assert profiles.shape == (46, 96)
    assert samples.shape == (46, 4)
    assert_allclose(profiles.sum(axis=1), 1)
    of = samples.groupby(["split", "label"]).size().to_dict()
    train = {"MMR": 18, "control": 6, "BER": 6, "HR": 5}
    test = {"MMR": 5, "control": 2, "BER": 2, "HR": 2}
    expected = {("train", k): n for k, n in train.items()}
    assert of == expected | {("test", k): n for k, n in test.items()}
    genes = samples.groupby("label")["gene"].unique().map(sorted).to_dict()
    assert genes == {
        "control": ["ATP2B4"],
        "MMR": ["MLH1", "MSH2", "MSH6", "PMS1", "PMS2"],
        "HR": ["EXO1", "RNF168"],
        "BER": ["OGG1", "UNG"],
    }
    assert samples["fold"].value_counts().to_dict() == {3: 13, 1: 12, 2: 10}


def test_counts_of_the_knock_outs_give_their_profiles_back(clones):
    counts = load("zou2021", table="counts")
    total = counts.sum(axis=1)
    assert (total.min(), total.max()) == (133, 2985)
    assert_allclose(shares(counts), clones[0], rtol=1e-12)
    assert (np.gcd.reduce(counts.to_numpy(), axis=1) == 1).all()


def test_what_the_knock_outs_look_like(clones):
    profiles, samples = clones
    means = profiles.groupby(samples["gene"]).mean()
    best = cosines(means, load("cosmic_sbs")).idxmax(axis=1)
    assert best[["MLH1", "MSH2", "MSH6"]].eq("SBS44").all()
    # PMS1 is labelled MMR and looks like the control: culture, SBS18
    assert best[["ATP2B4", "PMS1"]].eq("SBS18").all()


def test_the_germline_mix_is_the_fit_to_what_the_filter_took():
    clean, before = load("cell_line_sbs96"), load("cell_line_sbs96_unfiltered")
    taken = (before.loc[clean.index] - clean).clip(lower=0).sum()
    S = load("cosmic_sbs", kind="exome").loc[list(GERMLINE)].to_numpy()
    share = nnls(S.T, (taken / taken.sum()).to_numpy())[0]
    assert_allclose(share / share.sum(), [*GERMLINE.values()], atol=0.005)
    fit = share @ S
    cosine = fit @ taken / np.linalg.norm(fit) / np.linalg.norm(taken)
    assert cosine == pytest.approx(0.98, abs=0.005)
