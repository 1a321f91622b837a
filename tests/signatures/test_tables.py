import numpy as np
import pandas as pd
import pytest

from latentomics.signatures.channels import CHANNELS
from latentomics.signatures.tables import read_catalogue, write_catalogue


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
        (lambda lines: [*lines, "MH\t1\t1\t1"], "channels as columns.* got 'MH'"),
        (lambda lines: [*lines, "T[G>T]T\t1\t1\t1"], "each channel once"),
        (
            lambda lines: [*lines[:-1], "T[T>G]T\t1\t-2\t1"],
            r"made.txt .*from 0 up; got -2 for sample 'b', channel T\[T>G\]T",
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


def test_rows_of_samples_are_told_to_be_turned(counts, tmp_path):
    counts.to_csv(tmp_path / "turned.csv")
    with pytest.raises(ValueError, match="got 'a'; its rows are channels: transpose"):
        read_catalogue(tmp_path / "turned.csv")


def test_nothing_else_is_written(counts, tmp_path):
    with pytest.raises(ValueError, match="all 96 channels"):
        write_catalogue(counts.drop(columns="A[C>A]A"), tmp_path / "made.txt")
    assert not np.any([*tmp_path.iterdir()])
