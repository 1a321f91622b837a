"""Mutational signatures and catalogues of cells in culture, rows = samples."""

import numpy as np
import pandas as pd

from latentomics.base import as_whole
from latentomics.checks import check_choice
from latentomics.data.fetch import fetch_file
from latentomics.data.sbs96 import align_channels, trinucleotide

COSMIC_FILES = {"genome": "cosmic_v3_2_sbs_wgs", "exome": "cosmic_v3_sbs_wes"}
OTHER_MUTATIONS = ["MH", "MS", "Insertion", "Other"]
REPAIR = ("control", "MMR", "HR", "BER")  # rows 0 to 3 of the label files


def cosmic_sbs(kind="genome"):
    """Return COSMIC's reference signatures of single base substitutions.

    Parameters
    ----------
    kind : {"genome", "exome"}, default="genome"
        "genome": version 3.2, 78 signatures, as seen in whole genomes. "exome": version
        3, 65 signatures, as seen in exomes, where trinucleotides have other
        frequencies. All 65 are among the 78 by name.

    Returns
    -------
    DataFrame of shape (78, 96) or (65, 96)
        Rows are signatures ("SBS1", "SBS7a", ...) in COSMIC's order, columns are the
        channels in the order of ``latentomics.signatures.channels.CHANNELS``. Values
        are probabilities; a row sums to 1.

    Raises
    ------
    ValueError
        If `kind` is neither.
    """
    check_choice("kind", kind, COSMIC_FILES)
    table = pd.read_csv(fetch_file(COSMIC_FILES[kind]), index_col=0).T
    return align_channels(table, kind).rename_axis("signature")


def trinucleotide_frequencies():
    """Return the frequency of each trinucleotide in the exome relative to the genome.

    Returns
    -------
    DataFrame of shape (32, 2)
        Rows are the trinucleotides with a pyrimidine in the middle ("ACA"). Columns:
        `genome`, 1 throughout; `exome`, the share of the trinucleotide in the exome
        divided by its share in the genome, .28 (ATA) to 1.81 (CCG); only ratios of two
        trinucleotides are meaningful. The source repeats the value in each of the three
        channels of a trinucleotide.
    """
    table = pd.read_csv(fetch_file("trinucleotide_frequencies"), index_col=0)
    weights = align_channels(table.T, "trinucleotide_frequencies").iloc[0]
    exome = weights.groupby([trinucleotide(c) for c in weights.index]).mean()
    return pd.DataFrame({"genome": 1.0, "exome": exome}).rename_axis("trinucleotide")


def cell_line_sbs96(table="counts"):
    """Return the number of somatic mutations per channel in each cancer cell line.

    Cell lines have no matched normal tissue. The source removed variants found in
    people of similar ancestry, 87% of the calls in the median line; see
    :func:`cell_line_sbs96_unfiltered` for all calls.

    Parameters
    ----------
    table : {"counts", "samples"}, default="counts"

    Returns
    -------
    DataFrame of shape (929, 96) or (929, 5)
        Rows are cell lines, COSMIC's numbers as text ("683665").

        "counts": columns are the channels, values numbers of mutations in the exome
        (int), 15 to 10,521 per line (median 128); none is missing.

        "samples": `cancer`, the study ("LUAD", ...; 35 of them), and mutations of
        other kinds, which are in no channel: `MH` and `MS` (deletions at
        microhomology and in microsatellites), `Insertion`, `Other`.

    Raises
    ------
    ValueError
        If `table` is neither.
    """
    check_choice("table", table, ("counts", "samples"))
    lines = _lines("cell_line_sbs96")
    known = lines[["cancer_type", *OTHER_MUTATIONS]]
    if table == "samples":
        return known.rename(columns={"cancer_type": "cancer"})
    return align_channels(lines.drop(columns=known.columns), "cell_line_sbs96")


def cell_line_sbs96_unfiltered():
    """Return all mutations called in each cell line, including inherited ones.

    Returns
    -------
    DataFrame of shape (992, 96)
        As the counts of :func:`cell_line_sbs96`, which has 929 of these lines; 55 to
        18,204 per line (median 952). In 255 of 89,184 table cells of the common lines
        there are fewer than in the filtered table: the calls differ in places.
    """
    lines = _lines("cell_line_sbs96_unfiltered")
    return align_channels(lines, "cell_line_sbs96_unfiltered")


def _lines(file):
    table = pd.read_csv(fetch_file(file), dtype={"COSMIC_ID": str})
    return table.set_index("COSMIC_ID").rename_axis("cell_line")


def zou2021(table="profiles"):
    """Return the mutations that cells accumulate after knockout of a repair gene.

    Clones of one stem cell line (iPSC), each with one gene knocked out, were grown, and
    the mutations they accumulated were found by whole-genome sequencing.

    Parameters
    ----------
    table : {"profiles", "counts", "samples"}, default="profiles"

    Returns
    -------
    DataFrame of shape (46, 96) or (46, 4)
        Rows are clones, "MSH6_0".

        "profiles": columns are the channels, values shares of the clone's mutations;
        a row sums to 1.

        "counts": the numbers of mutations (int), 133 to 2,985 per clone. The source has
        profiles only; these are the smallest whole numbers with the same shares, which
        agree to 14 digits for all 46.

        "samples": `gene`, knocked out; `label`, "control" (ATP2B4, which repairs
        nothing), "MMR", "HR" or "BER", as the authors of S-NMF grouped the genes;
        `split`, "train" (35) or "test" (11), and `fold`, 1 to 3, missing in the test
        split, as the authors divided them. Clones with the same gene are replicates and
        occur on both sides of that split.

    Raises
    ------
    ValueError
        If `table` is none of the three.
    """
    check_choice("table", table, ("profiles", "counts", "samples"))
    x, y = (
        pd.concat([_zou(f"zou2021_{what}_{split}") for split in ("train", "test")])
        for what in "xy"
    )
    samples = _zou_samples(y)
    if table == "samples":
        return samples
    profiles = align_channels(x.set_axis(samples.index), "zou2021")
    return profiles if table == "profiles" else _whole(profiles)


def _zou(file):
    return pd.read_csv(fetch_file(file), sep="\t", index_col=0).T


def _zou_samples(labels):
    """Read "train1_MSH6_0_real" and the one-hot labels, clones x 4."""
    part, gene, clone, _ = zip(*(n.split("_") for n in labels.index), strict=True)
    part = pd.Series(part, [f"{g}_{c}" for g, c in zip(gene, clone, strict=True)])
    samples = pd.DataFrame({"gene": gene}, part.index).rename_axis("clone")
    samples["label"] = np.array(REPAIR, dtype=object)[labels.to_numpy().argmax(axis=1)]
    samples["split"] = part.str.rstrip("123")
    samples["fold"] = pd.to_numeric(part.str.extract(r"(\d)$")[0]).astype("Int64")
    return samples


def _whole(profiles):
    """Return the smallest whole numbers with these shares, row by row."""
    smallest = profiles.where(profiles > 0).min(axis=1)
    return as_whole(profiles.div(smallest, axis=0).round())
