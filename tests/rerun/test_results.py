"""The results of runs as one tidy table, in three formats."""

import pandas as pd
import pytest

from latentomics.rerun.results import collect, save, to_text
from latentomics.rerun.run import write_json


def make_run(out, name, lam, metrics=None, error=None):
    folder = out / name
    folder.mkdir(parents=True)
    write_json(folder / "params.json", {"notebook": "nb", "parameters": {"lam": lam}})
    for file, content in (("metrics.json", metrics), ("error.txt", error)):
        texts = [] if content is None else [content]
        for text in texts:
            write_json(folder / file, text)


def done(**metrics):
    return {"metrics": metrics, "seconds": 1.5, "device": "cpu"}


@pytest.fixture
def runs(tmp_path):
    make_run(tmp_path, "aa", 1.0, done(error_rate=0.1, lam=9.0, gap=None))
    make_run(tmp_path, "bb.failed", 2.0, error="boom")
    make_run(tmp_path, ".cc-part", 3.0, done(error_rate=7.0))
    (tmp_path / "mathjax").mkdir()
    return tmp_path


def test_one_row_per_run(runs):
    table = collect(runs)
    assert table["run"].tolist() == ["aa", "bb"]
    assert table["status"].tolist() == ["done", "failed"]
    assert table["lam"].tolist() == [1.0, 2.0]
    assert table["error_rate"].iloc[0] == 0.1
    assert table["metric.lam"].iloc[0] == 9.0
    assert table["error"].tolist() == ["", '"boom"']
    assert list(table)[-3:] == ["seconds", "ran_on", "error"]


def test_success_hides_an_older_failure(runs):
    make_run(runs, "bb", 2.0, done(error_rate=0.2))
    assert collect(runs)["status"].tolist() == ["done", "done"]


def test_formats_say_the_same(runs):
    table = collect(runs)
    save(table, "csv", runs / "t.csv")
    save(table, "parquet", runs / "t.parquet")
    back = pd.read_csv(runs / "t.csv").fillna({"error": ""})
    for other in (back, pd.read_parquet(runs / "t.parquet")):
        pd.testing.assert_frame_equal(other, table, check_dtype=False)


def test_markdown_leaves_gaps_empty(runs):
    lines = to_text(collect(runs)).splitlines()
    assert len(lines) == 4
    assert "nan" not in lines[3].lower()
    assert "none" not in lines[2].lower()


def test_markdown_to_a_file(runs):
    assert save(collect(runs), "markdown", runs / "t.md") == ""
    assert (runs / "t.md").read_text().count("\n") == 4


@pytest.mark.parametrize(
    ("form", "message"),
    [("xml", "--format must be one of markdown"), ("parquet", "needs --out FILE")],
)
def test_bad_format_is_one_sentence(runs, form, message):
    with pytest.raises(ValueError, match=message):
        save(collect(runs), form)


def test_folder_without_runs_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="there are no runs in"):
        collect(tmp_path)
    with pytest.raises(ValueError, match="there is no folder of runs"):
        collect(tmp_path / "absent")
