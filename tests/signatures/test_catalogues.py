import numpy as np
import pandas as pd
import pytest

from latentomics.signatures.catalogues import read_catalogue, write_catalogue
from latentomics.signatures.channels import CHANNELS


@pytest.fixture
def counts(rng):
    table = pd.DataFrame(rng.poisson(2, (3, 96)), ["a", "b", "c"], CHANNELS)
    return table.rename_axis(columns="channel")


def test_the_file_is_as_sigprofiler_writes_it(counts, tmp_path):
    shuffled = counts[list(CHANNELS[::-1])]
    path = write_catalogue(shuffled, tmp_path / "made.SBS96.all")
    lines = path.read_bytes().decode().split("\n")
    assert lines[0] == "MutationType\ta\tb\tc"
    assert lines[1].split("\t") == ["A[C>A]A", *map(str, counts["A[C>A]A"])]
    assert (len(lines), lines[-1]) == (98, "")


@pytest.mark.parametrize("ending", ["all", "txt", "tsv"])
def test_what_is_written_is_read_again(ending, counts, tmp_path):
    path = write_catalogue(counts, tmp_path / f"made.{ending}")
    again = read_catalogue(path)
    pd.testing.assert_frame_equal(again, counts)
    profiles = counts / counts.sum(axis=1).max() / 3
    again = read_catalogue(write_catalogue(profiles, path))
    pd.testing.assert_frame_equal(again, profiles)  # to the last digit


def test_another_notation_and_order_and_commas(counts, tmp_path):
    short = counts.T.iloc[::-1].rename(lambda c: f"{c[0]}{c[2]}{c[-1]}>{c[4]}")
    short.to_csv(tmp_path / "other.csv")
    pd.testing.assert_frame_equal(read_catalogue(tmp_path / "other.csv"), counts)


def test_a_sample_without_mutations_is_read(counts, tmp_path):
    counts.loc["b"] = 0
    again = read_catalogue(write_catalogue(counts, tmp_path / "made.txt"))
    assert (again.loc["b"] == 0).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[:-1], r"made.txt must have all 96 .* T\[T>G\]T missing"),
        (lambda lines: [*lines, lines[5]], "must have unique row names"),
        (
            lambda lines: [*lines, "MH\t1\t1\t1"],
            r"made.txt must have a channel in each line, as A\[C>A\]A.* got 'MH'",
        ),
        (lambda lines: [*lines, "T[G>T]T\t1\t1\t1"], "each channel once"),
        (
            lambda lines: [*lines[:-1], "T[T>G]T\t1\t-2\t1"],
            r"made.txt .*non-negative numbers; got -2 for sample 'b', channel T\[T>G",
        ),
        (lambda lines: [*lines[:-1], "T[T>G]T\t1\t\t1"], "got nothing for sample 'b'"),
        (lambda lines: [*lines[:-1], "T[T>G]T\t1\tx\t1"], "finite numbers; got 'x'"),
    ],
)
def test_what_is_no_catalogue_is_refused(change, says, counts, tmp_path):
    path = write_catalogue(counts, tmp_path / "made.txt")
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(ValueError, match=says):
        read_catalogue(path)


def divided(counts):
    """The channel in two columns, as COSMIC writes it."""
    channels = counts.columns
    keys = {
        "Type": channels.str[2:5],
        "SubType": [c[0] + c[2] + c[-1] for c in channels],
    }
    return pd.concat([pd.DataFrame(keys, channels), counts.T], axis=1)


FORMS = {
    "samples in lines": lambda counts: counts,
    "other channels in columns": lambda counts: counts.rename(
        columns="{0[0]}{0[2]}{0[6]}>{0[4]}".format
    ),
    "two keys": lambda counts: divided(counts).set_index("Type"),
    "two keys, turned": lambda counts: divided(counts).set_index("SubType"),
    "three keys": lambda counts: (
        divided(counts)
        .rename_axis("Somatic Mutation Type")
        .reset_index()
        .set_index("Type")
    ),
    "underscores": lambda counts: (
        divided(counts).replace(">", "_", regex=True).set_index("Type")
    ),
}


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_table_in_every_layout(form, ending, counts, tmp_path):
    path, made = tmp_path / f"made.{ending}", FORMS[form](counts)
    write = {"csv": made.to_csv, "xlsx": made.to_excel, "parquet": made.to_parquet}
    write[ending](path)
    pd.testing.assert_frame_equal(read_catalogue(path), counts)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            lambda counts: counts.assign(Insertion=1),
            r"a channel in each column, as A\[C>A\]A.*got 'Insertion'",
        ),
        (
            lambda counts: counts.drop(columns="A[C>A]A"),
            r"all 96 channels; A\[C>A\]A missing in its 95 columns",
        ),
        (
            lambda counts: divided(counts).iloc[4:].set_index("Type"),
            r"A\[C>A\]G and 1 more missing in its 92 lines",
        ),
        (
            lambda counts: divided(counts).replace("ACA", "AGA").set_index("Type"),
            "a channel in each line, as .*got 'C>A AGA'",
        ),
        (
            lambda counts: counts.iloc[:, :3].set_axis(["x", "y", "z"], axis=1),
            "in its first column or in its first line; got 'a' and 'x' first",
        ),
        (
            lambda counts: counts - 3,
            r"non-negative numbers; got -\d for sample 'a', channel A\[C>A\]A",
        ),
    ],
)
def test_messages_speak_of_the_file(made, says, counts, tmp_path):
    made(counts).to_csv(tmp_path / "made.csv")
    with pytest.raises(ValueError, match=f"made.csv must .*{says}"):
        read_catalogue(tmp_path / "made.csv")


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_total_is_neither_sample_nor_channel(axis, turned, counts, tmp_path):
    lines = counts.T if turned else counts
    total = lines.sum(axis=axis).rename("Total")
    made = pd.concat(
        [lines, total.to_frame() if axis else total.to_frame().T], axis=axis
    )
    made.to_csv(tmp_path / "made.csv")
    says = f"the sum of the other {'columns' if axis else 'rows'} in .* 'Total': delete"
    with pytest.raises(ValueError, match=f"made.csv must .*{says}"):
        read_catalogue(tmp_path / "made.csv")


def test_whole_numbers_too_large_for_a_float_to_count_stay_floats(counts, tmp_path):
    counts = counts.astype(float)
    counts.iloc[0, 0] = 1e19
    again = read_catalogue(write_catalogue(counts, tmp_path / "made.txt"))
    pd.testing.assert_frame_equal(again, counts)


def test_nothing_else_is_written(counts, tmp_path):
    with pytest.raises(ValueError, match="all 96 channels"):
        write_catalogue(counts.drop(columns="A[C>A]A"), tmp_path / "made.txt")
    assert not np.any([*tmp_path.iterdir()])
