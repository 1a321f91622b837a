from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from latentomics.data import load
from latentomics.data.sbs96 import (
    CHANNELS,
    CLASSES,
    align_channels,
    parse_channel,
    substitution,
    trinucleotide,
)

MODULES = [import_module(f"latentomics.data.{name}") for name in ("mutations", "tcga")]


@pytest.fixture
def table(rng):
    """Two samples whose channels stand in another order."""
    names = list(rng.permutation(CHANNELS))
    return pd.DataFrame(rng.poisson(5, (2, 96)), ["a", "b"], names)


def test_the_channels_are_the_fields_in_its_order():
    assert len(set(CHANNELS)) == len(CHANNELS) == 96
    assert CHANNELS[:5] == ("A[C>A]A", "A[C>A]C", "A[C>A]G", "A[C>A]T", "C[C>A]A")
    assert (CHANNELS[16], CHANNELS[-1]) == ("A[C>G]A", "T[T>G]T")
    assert CLASSES == ("C>A", "C>G", "C>T", "T>A", "T>C", "T>G")
    assert [substitution(c) for c in CHANNELS[::16]] == list(CLASSES)
    assert len({trinucleotide(c) for c in CHANNELS}) == 32


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("A[C>A]G", "A[C>A]G"),
        ("ACG>A", "A[C>A]G"),
        ("ACG>AAG", "A[C>A]G"),
        (" a[c>a]g ", "A[C>A]G"),
        ("C[G>T]T", "A[C>A]G"),  # the other strand reads A C G backwards, paired
        ("CGT>T", "A[C>A]G"),
        ("CGT>CTT", "A[C>A]G"),
        ("T[A>G]C", "G[T>C]A"),
    ],
)
def test_notations_of_one_channel(text, channel):
    assert parse_channel(text) == channel


@pytest.mark.parametrize(
    "text", ["A[C>C]A", "A[C>A]", "ACA", "ACA>N", "ACA>AAC", "A[C>A]AA", "", "MH", 7]
)
def test_what_is_no_channel_is_refused(text):
    with pytest.raises(ValueError, match=r"written as A\[C>A\]A.*got "):
        parse_channel(text)


def test_both_strands_name_each_channel_once():
    pair = {"A": "T", "C": "G", "G": "C", "T": "A"}
    other = [f"{pair[c[-1]]}[{pair[c[2]]}>{pair[c[4]]}]{pair[c[0]]}" for c in CHANNELS]
    assert set(other).isdisjoint(CHANNELS)
    assert [parse_channel(c) for c in other] == list(CHANNELS)


def test_columns_are_found_by_name(table):
    aligned = align_channels(table)
    assert aligned.columns.tolist() == list(CHANNELS)
    assert aligned.columns.name == "channel"
    for channel in CHANNELS:
        assert_array_equal(aligned[channel], table[channel])
    short = table.rename(columns=lambda c: f"{trinucleotide(c)}>{c[4]}")
    pd.testing.assert_frame_equal(align_channels(short), aligned)
    assert table.columns.tolist() != list(CHANNELS)  # the caller's stays as it was


def test_messages_of_alignment(table):
    with pytest.raises(ValueError, match=r"X must be a DataFrame .*got ndarray"):
        align_channels(table.to_numpy(), "X")
    with pytest.raises(ValueError, match=r"all 96 channels; A\[C>A\]A missing in its"):
        align_channels(table.drop(columns="A[C>A]A"))
    few = table[list(CHANNELS[5:])]
    with pytest.raises(ValueError, match=r"A\[C>A\]G and 2 more missing .* 91 columns"):
        align_channels(few)
    twice = table.assign(**{"T[G>T]T": 0})
    with pytest.raises(
        ValueError, match=r"each channel once; got A\[C>A\]A 2 times.*T\[G>T\]T"
    ):
        align_channels(twice)
    with pytest.raises(ValueError, match=r"channels as columns.*got 'Insertion'$"):
        align_channels(table.assign(Insertion=1))
    with pytest.raises(ValueError, match="got 'a'; its rows are channels: transpose"):
        align_channels(table.T)


# ---- the loaders, on tiny files of the sources' forms


def one_by_one(names):
    """Return a table whose value in column i of sample s is 100 s + its channel."""
    number = {channel: i for i, channel in enumerate(CHANNELS)}
    cells = [[100 * s + number[parse_channel(n)] for n in names] for s in (1, 2)]
    return pd.DataFrame(cells, ["first", "second"], names)


@pytest.fixture
def made(monkeypatch, tmp_path):
    backwards = list(CHANNELS[::-1])
    short = [f"{trinucleotide(c)}>{c[4]}" for c in backwards]
    one = one_by_one(backwards)
    tumours = [
        "DLBC::TCGA-CS-4938-01B-11D-1893-08",
        "Skin-Melanoma::TCGA-BF-A1PU-06A-11D-A19A-08",
    ]
    one.T.rename_axis("Type").to_csv(tmp_path / "cosmic_v3_sbs_wes")
    one.T.set_axis(tumours, axis=1).rename_axis("MutationType").to_csv(
        tmp_path / "tcga_wes_sbs96"
    )
    ratio = pd.DataFrame({"WES": [0.5 + (c[2] == "T") for c in backwards]}, backwards)
    ratio.rename_axis("Type").to_csv(tmp_path / "trinucleotide_frequencies")
    lines = one_by_one(short).set_axis(["0683665", "12"]).rename_axis("COSMIC_ID")
    lines.to_csv(tmp_path / "cell_line_sbs96_unfiltered")
    lines.insert(0, "cancer_type", ["LUAD", "ALL/CLL"])
    lines.assign(MH=[1, 2], MS=3, Insertion=4, Other=5).to_csv(
        tmp_path / "cell_line_sbs96"
    )
    (tmp_path / "tcga_ddr_labels").write_text(
        "Sample\tPathway\tMutated_genes\tMode\tCancer\tPerson\n"
        "TCGA-CS-4938-01A-01D-1490-08\tMMR\tMLH1_hom,MSH6_het\tTotal deactivation"
        "\tLGG\tTCGA-CS-4938\n"
        "TCGA-NA-0001-01A-01W\tHR\tBLM_het\tHeterozygous\tOV\tTCGA-NA-0001\n"
    )
    write_zou(tmp_path, "train", ["train1_EXO1_0_real", "train2_MSH6_11_real"], [2, 1])
    write_zou(tmp_path, "test", ["test_ATP2B4_1_real"], [0])
    for module in MODULES:
        monkeypatch.setattr(module, "fetch_file", lambda file: tmp_path / file)


def write_zou(folder, split, names, labels):
    counts = one_by_one(list(CHANNELS[::-1])).T.iloc[:, : len(names)] % 100 % 3
    shares = (counts / counts.sum()).set_axis(names, axis=1)
    shares.to_csv(folder / f"zou2021_x_{split}", sep="\t")
    hot = pd.DataFrame(np.eye(4)[:, labels], columns=names)
    hot.to_csv(folder / f"zou2021_y_{split}", sep="\t")


def test_every_catalogue_has_the_channels_in_their_order(made):
    names = ("tcga_sbs96", "cell_line_sbs96", "cell_line_sbs96_unfiltered")
    catalogues = [load(name) for name in names] + [load("cosmic_sbs", kind="exome")]
    for table in catalogues:
        assert table.columns.tolist() == list(CHANNELS)
        assert_array_equal(table, np.arange(96) + [[100], [200]])
        assert table.columns.name == "channel"


def test_tumours_are_named_so_that_tables_join(made):
    counts, samples = load("tcga_sbs96"), load("tcga_sbs96", table="samples")
    assert counts.index.tolist() == ["TCGA-CS-4938-01", "TCGA-BF-A1PU-06"]
    assert samples.index.equals(counts.index)
    assert samples["cancer"].tolist() == ["LGG", "SKCM"]
    assert samples["type"].tolist() == ["DLBC", "Skin-Melanoma"]
    assert samples["kind"].tolist() == ["primary tumour", "metastasis"]
    assert samples["person"].tolist() == ["TCGA-CS-4938", "TCGA-BF-A1PU"]
    assert samples["barcode"].iloc[1] == "TCGA-BF-A1PU-06A-11D-A19A-08"
    labels = load("tcga_ddr")
    assert labels["sample"].isin(counts.index).tolist() == [True, False]


def test_labels_of_repair(made):
    labels = load("tcga_ddr")
    assert labels.columns.tolist() == [
        *("sample", "person", "cancer", "pathway", "mode", "genes")
    ]
    assert labels["mode"].tolist() == ["homozygous", "heterozygous"]
    assert labels.iloc[0].tolist() == [
        *("TCGA-CS-4938-01", "TCGA-CS-4938", "LGG", "MMR", "homozygous"),
        "MLH1_hom,MSH6_het",
    ]


def test_cell_lines_keep_their_type_beside_the_channels(made):
    samples = load("cell_line_sbs96", table="samples")
    assert samples.columns.tolist() == ["cancer", "MH", "MS", "Insertion", "Other"]
    assert samples.index.tolist() == ["0683665", "12"]  # text, its zero kept
    assert samples["cancer"].tolist() == ["LUAD", "ALL/CLL"]
    assert samples.loc["12"].tolist()[1:] == [2, 3, 4, 5]


def test_a_trinucleotide_has_the_frequency_of_its_channels(made):
    frequencies = load("trinucleotide_frequencies")
    assert frequencies.shape == (32, 2)
    assert frequencies["genome"].eq(1).all()
    assert frequencies.loc["ACA", "exome"] == 0.5
    assert frequencies.loc["GTC", "exome"] == 1.5


def test_knock_outs_join_both_splits(made):
    samples = load("zou2021", table="samples")
    assert samples.index.tolist() == ["EXO1_0", "MSH6_11", "ATP2B4_1"]
    assert samples["gene"].tolist() == ["EXO1", "MSH6", "ATP2B4"]
    assert samples["label"].tolist() == ["HR", "MMR", "control"]
    assert samples["split"].tolist() == ["train", "train", "test"]
    assert samples["fold"].fillna(0).tolist() == [1, 2, 0]
    profiles, counts = load("zou2021"), load("zou2021", table="counts")
    assert profiles.index.equals(samples.index)
    np.testing.assert_allclose(profiles.sum(axis=1), 1)
    expected = np.array([np.arange(96), (np.arange(96) + 100) % 100, np.arange(96)]) % 3
    assert_array_equal(counts, expected)
    assert counts.columns.tolist() == list(CHANNELS)


def test_shares_turn_into_the_smallest_whole_numbers(rng):
    counts = pd.DataFrame(rng.poisson(20, (200, 96)))
    counts[0] = 1  # so that no smaller numbers have these shares
    shares = counts.div(counts.sum(axis=1), axis=0)
    assert_array_equal(MODULES[0]._whole(shares), counts)


@pytest.mark.parametrize(
    ("name", "option", "says"),
    [
        ("cosmic_sbs", {"kind": "x"}, r"kind must be one of \('genome', 'exome'\)"),
        ("tcga_sbs96", {"table": "x"}, "table must be one of .*'samples'.*got 'x'"),
        ("cell_line_sbs96", {"table": "x"}, "table must be one of .*got 'x'"),
        ("zou2021", {"table": "x"}, "table must be one of .*'profiles', 'counts'"),
    ],
)
def test_options_are_checked_before_any_file_is_read(name, option, says):
    with pytest.raises(ValueError, match=says):
        load(name, **option)
