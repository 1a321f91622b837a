"""Tables of the book: copied with provenance, refused when they would mislead."""

import json

import pytest

from latentomics.rerun.point import plan
from latentomics.rerun.publish import fits, notebook_of, publish
from latentomics.rerun.run import write_json

SCALED = """\
# A toy
```{code-cell} ipython3
:tags: [parameters]
scale: str = "teaching"  # or paper
seed: int = 7  # draws
device: str = "cpu"  # where
```
"""
DIGITS = "0.1234567890123456789"


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def make_run(write_notebook, tmp_path):
    def make(seed=7, scale="paper", notebook=None, table="case,value\na," + DIGITS):
        notebook = notebook or write_notebook("1", header=SCALED)
        point = plan(notebook, {"seed": seed, "scale": scale})
        folder = tmp_path / "runs" / point.key
        (folder / "tables").mkdir(parents=True)
        (folder / "tables/speed.csv").write_text(table + "\n")
        write_json(folder / "params.json", point.describe())
        found = {"metrics": {}, "seconds": 2.5, "device": f"cuda ({seed})"}
        write_json(folder / "metrics.json", found)
        return folder

    return make


def test_one_run_is_copied_to_the_last_digit(make_run, write_notebook, results):
    notebook = write_notebook("1", header=SCALED)
    (written,) = publish([make_run()], notebook, results)
    assert written == results / "speed.csv"
    assert written.read_text() == f"case,value\na,{DIGITS}\n"
    stamp = json.loads((results / "speed.json").read_text())
    assert stamp["notebook"] == "12-toy"
    assert stamp["parameters"]["scale"] == "paper"
    assert stamp["seeds"] == [7]
    assert stamp["device"] == "cuda (7)"
    assert stamp["seconds"] == 2.5
    assert fits(stamp, notebook)
    assert not fits(stamp, write_notebook("2", header=SCALED))


def test_words_that_look_like_gaps_stay_words(make_run, write_notebook, results):
    run = make_run(table="case,value\nNA,\nnone,nan")
    publish([run], write_notebook("1", header=SCALED), results)
    assert (results / "speed.csv").read_text() == "case,value\nNA,\nnone,nan\n"


def test_seeds_are_put_below_each_other(make_run, write_notebook, results):
    folders = [make_run(seed=seed) for seed in (3, 1)]
    publish(folders, write_notebook("1", header=SCALED), results)
    lines = (results / "speed.csv").read_text().splitlines()
    assert lines == ["seed,case,value", f"3,a,{DIGITS}", f"1,a,{DIGITS}"]
    stamp = json.loads((results / "speed.json").read_text())
    assert stamp["seeds"] == [1, 3]
    assert stamp["parameters"]["seed"] == [3, 1]
    assert stamp["seconds"] == 5.0


def test_seed_column_of_the_table_is_kept(make_run, write_notebook, results):
    folders = [make_run(seed=s, table=f"seed,x\n{s}{s},1") for s in (1, 2)]
    publish(folders, write_notebook("1", header=SCALED), results)
    assert (results / "speed.csv").read_text() == "seed,x\n11,1\n22,1\n"


def test_teaching_size_is_refused(make_run, write_notebook, results):
    with pytest.raises(ValueError, match="the book keeps runs with scale 'paper'"):
        publish(
            [make_run(scale="teaching")], write_notebook("1", header=SCALED), results
        )


def test_older_source_is_refused(make_run, write_notebook, results):
    run = make_run()
    with pytest.raises(ValueError, match="made from another source.*run it again"):
        publish([run], write_notebook("2", header=SCALED), results)
    assert list(results.iterdir()) == []


def test_other_notebook_is_refused(make_run, write_notebook, results):
    other = write_notebook("1", header=SCALED, name="13-other")
    assert notebook_of(make_run()) == "12-toy"
    with pytest.raises(ValueError, match="is of 12-toy, not of 13-other"):
        publish([make_run(seed=8)], other, results)


def test_table_of_another_notebook_is_not_overwritten(
    make_run, write_notebook, results
):
    write_json(results / "speed.json", {"notebook": "99-x"})
    with pytest.raises(ValueError, match="speed belongs to 99-x"):
        publish([make_run()], write_notebook("1", header=SCALED), results)


def test_unfinished_run_is_refused(make_run, write_notebook, results):
    run = make_run()
    (run / "metrics.json").unlink()
    with pytest.raises(ValueError, match="is no finished run"):
        publish([run], write_notebook("1", header=SCALED), results)


def test_run_without_table_is_refused(make_run, write_notebook, results):
    run = make_run()
    (run / "tables/speed.csv").unlink()
    with pytest.raises(ValueError, match="12-toy reported no table"):
        publish([run], write_notebook("1", header=SCALED), results)
