"""A stamp is renewed by a rerun that gives the stored numbers, and by nothing else."""

import io
import json

import pytest

from latentomics.rerun.point import plan
from latentomics.rerun.publish import fits, publish, read_stamp
from latentomics.rerun.restamp import _read, compare, part_of, restamp
from latentomics.rerun.run import write_json

HEADER = """\
# A toy
```{code-cell} ipython3
:tags: [parameters]
scale: str = "paper"  # or teaching
word: str = "a"  # of the case
seed: int = 7  # draws
device: str = "cpu"  # where
```
"""
ROWS = "case,drug,value,p,seconds\nx,1014,{},1e-9,3\ny,1015,-2.5,,4\n"


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def make_run(write_notebook, tmp_path):
    def make(code, seed, text):
        notebook = write_notebook(code, header=HEADER)
        point = plan(notebook, {"seed": seed})
        folder = tmp_path / "runs" / point.key
        (folder / "tables").mkdir(parents=True, exist_ok=True)
        for name in ("speed", "size"):
            (folder / f"tables/{name}.csv").write_text(text)
        write_json(folder / "params.json", point.describe())
        found = {"metrics": {}, "seconds": 2.5, "device": "cpu"}
        write_json(folder / "metrics.json", found)
        return folder

    return make


@pytest.fixture
def stored(make_run, write_notebook, results):
    """Two tables of two seeds, made by ``x = 1``; then their stamp."""
    runs = [make_run("x = 1", seed, ROWS.format(0.5 + seed)) for seed in (0, 1)]
    publish(runs, write_notebook("x = 1", header=HEADER), results)
    return read_stamp(results, "speed")


def stamps(results):
    return [json.loads((results / f"{n}.json").read_text()) for n in ("size", "speed")]


def test_equal_numbers_renew_every_stamp_of_the_run(
    stored, make_run, write_notebook, results
):
    notebook = write_notebook("x = 2", header=HEADER)
    assert not fits(stored, notebook)
    text = ROWS.format("5e-1").replace(",4", ",9")  # another clock
    tables = [path.read_text() for path in sorted(results.glob("*.csv"))]
    found = restamp(make_run("x = 2", 0, text), stored, results)
    assert {each.table for each in found} == {"speed", "size"}
    assert [each.rows for each in found] == [2, 2]
    assert tables == [path.read_text() for path in sorted(results.glob("*.csv"))]
    for stamp in stamps(results):
        assert fits(stamp, notebook)
        assert stamp["parameters"] == stored["parameters"]
        (proof,) = stamp["restamped"]
        assert proof["part"] == {"seed": 0}
        assert (proof["rows"], proof["difference"], proof["tolerance"]) == (2, 0, 0)
    restamp(make_run("x = 3", 1, ROWS.format(1.5)), stored, results)
    assert [len(stamp["restamped"]) for stamp in stamps(results)] == [2, 2]


WRONG = {
    "a number": (
        ROWS.format(0.50001),
        "got s.*: 2 rows, largest relative difference 2e-05, in value, row 0",
    ),
    "a small number": (
        ROWS.format(0.5).replace("1e-9", "2e-9"),
        "difference 0.5, in p",
    ),
    "a name that is a number": (
        ROWS.format(0.5).replace("1014", "1016"),
        "must have '1014' in drug, row 0, as stored; got '1016'",
    ),
    "no row": (
        "case,drug,value,p,seconds\n",
        "must have the 2 rows stored for .* got 0",
    ),
    "a word": (ROWS.format(0.5).replace("y", "z"), "must have 'y' in case, row 1, as"),
    "a gap": (ROWS.format("nan"), "must have '0.5' in value, row 0, as stored; got"),
    "a filled gap": (ROWS.format(0.5).replace(",,", ",1,"), "must have '' in p, row 1"),
    "a row more": (ROWS.format(0.5) + "y,1,1,1\n", "must have the 2 rows stored for"),
    "a column": (
        ROWS.format(0.5).replace("p,", "q,"),
        r"got \['q'\] in place of \['p'",
    ),
    "infinity": (ROWS.format("inf"), "largest relative difference inf"),
}


@pytest.mark.parametrize("what", WRONG)
def test_another_table_is_not_stamped(what, stored, make_run, results):
    text, says = WRONG[what]
    before = stamps(results)
    with pytest.raises(ValueError, match=says):
        restamp(make_run("x = 2", 0, text), stored, results)
    assert stamps(results) == before


def test_a_tolerance_is_relative(stored, make_run, results):
    run = make_run("x = 2", 0, ROWS.format(0.505))
    says = r"tolerance is 0.0098; got .* in value, row 0"
    with pytest.raises(ValueError, match=says):
        restamp(run, stored, results, tolerance=0.0098)
    (found, _) = restamp(run, stored, results, tolerance=0.01)
    assert found.difference == pytest.approx(0.005 / 0.505)
    assert stamps(results)[0]["restamped"][0]["tolerance"] == 0.01
    for wrong in (0.011, float("inf"), float("nan"), -1):
        with pytest.raises(ValueError, match="tolerance must be from 0 to 0.01; got"):
            restamp(run, stored, results, tolerance=wrong)


NOISY = {"case": ["net"]}
BOTH = _read(io.StringIO("case,n,value\nnet,10,0.5\nline,4,1.5\nline,5,2.5\n"))


def changed(old, new):
    return _read(io.StringIO(BOTH.to_csv(index=False).replace(old, new)))


def test_noisy_rows_are_compared_by_themselves():
    fresh = changed("net,10,0.5", "net,11,0.53")
    found = compare("t", BOTH, fresh, {}, NOISY)
    assert (found.difference, found.noisy_rows) == (0, 1)
    assert found.noisy_difference == pytest.approx(1 / 11)  # .03 of the median: .02
    assert "3 rows, largest relative difference 0; of 1 noisy ones 0.091" in str(found)
    with pytest.raises(ValueError, match="must have '10' in n, row 0"):
        compare("t", BOTH, fresh, {})
    for old, new in (("line,4", "line,6"), ("net", "wet"), ("net,10,0.5", "net,10,")):
        with pytest.raises(ValueError, match="as stored; got"):
            compare("t", BOTH, changed(old, new), {}, NOISY)
    infinite = compare("t", BOTH, changed("net,10,0.5", "net,10,inf"), {}, NOISY)
    assert infinite.noisy_difference == float("inf")
    for cells, n in ((["net", "line"], 3), (["line"], 2)):
        says = f"noisy must be at most half of the 3 rows of t; got {n}"
        with pytest.raises(ValueError, match=says):
            compare("t", BOTH, fresh, {}, {"case": cells})


@pytest.mark.parametrize(
    ("old", "new", "fine"), [(0.05, -0.05, False), (0.009, -0.009, True)]
)
def test_a_noisy_gain_does_not_become_a_loss(old, new, fine):
    text = "case,value\nnet,{}\nline,2.5\nline,3\n"
    stored, fresh = (_read(io.StringIO(text.format(v))) for v in (old, new))
    found = compare("t", stored, fresh, {}, NOISY).noisy_difference
    assert (found <= 0.1) == fine


@pytest.mark.parametrize(
    ("old", "new", "largest"), [(1e-9, 9e-6, 1.0), (0.02, 0.05, 3175.5)]
)
def test_a_small_number_is_not_lost_beside_a_large_one(old, new, largest):
    text = f"case,value\nx,{{}}\ny,{largest}\n"
    stored, fresh = (_read(io.StringIO(text.format(v))) for v in (old, new))
    assert compare("t", stored, fresh, {}).difference > 0.5


def test_a_stamp_does_not_fit_other_data(stored, write_notebook, monkeypatch):
    notebook = write_notebook("x = 1", header=HEADER)
    assert fits(stored, notebook)
    module = "latentomics.rerun.publish.data_hashes"
    monkeypatch.setattr(module, lambda datasets: {"screen": "new"})
    assert not fits(stored, notebook)
    assert not fits(stored | {"data": {"screen": "old"}}, notebook)
    assert fits(stored | {"data": {"screen": "new", "mine.csv": "any"}}, notebook)


@pytest.mark.parametrize(("value", "fine"), [(0.55, True), (0.57, False)])
def test_a_noisy_row_too_far_off_is_not_stamped(
    value, fine, make_run, write_notebook, results
):
    rows = "case,value\nnet,{}\nline,0.3\n"
    publish(
        [make_run("x = 1", 0, rows.format(0.5))],
        write_notebook("x = 1", header=HEADER),
        results,
    )
    run, stamp = make_run("x = 2", 0, rows.format(value)), read_stamp(results, "speed")
    for wrong in ({"case": ["net", "tree"]}, {"drug": ["net"]}, {"case": [""]}):
        with pytest.raises(ValueError, match="noisy must be a column and cells of it"):
            restamp(run, stamp, results, noisy=wrong)
    if not fine:
        with pytest.raises(ValueError, match="of 1 noisy ones 0.12, in value, row 0"):
            restamp(run, stamp, results, noisy=NOISY)
        return
    restamp(run, stamp, results, noisy=NOISY)
    (proof,) = stamps(results)[0]["restamped"]
    assert (proof["noisy"], proof["noisy_rows"]) == (NOISY, 1)
    assert proof["noisy_difference"] == pytest.approx(1 / 11)


def test_rounding_beside_large_numbers_is_small():
    old, new, far = (
        _read(io.StringIO(f"x\n2.5\n{v}\n")) for v in ("0.0", "2.5e-16", "2.5e-7")
    )
    assert compare("t", old, new, {}).difference == pytest.approx(1e-10)
    assert compare("t", old, far, {}).difference == pytest.approx(0.1)


def test_a_part_without_stored_rows_is_refused(stored, results):
    table = _read(results / "speed.csv")
    for part in ({"seed": 9}, {"seed": 9, "case": "x"}):
        with pytest.raises(ValueError, match="must have rows stored for .*; got none"):
            compare("speed", table, table[:0].drop(columns="seed"), part)
    whole = compare("speed", table, table, {"case": None, "seed": None})
    assert whole.rows == 4  # parameters that are gone


def test_only_the_tables_of_the_notebook_are_stamped(stored, make_run, results):
    run = make_run("x = 2", 0, ROWS.format(0.5))
    other = results / "other.json"
    write_json(other, stored | {"notebook": "99-else"})
    (results / "other.csv").write_text(ROWS.format(0.5))
    (run / "tables/other.csv").write_text(ROWS.format(0.5))
    with pytest.raises(ValueError, match="must leave .* size, speed; got other, size"):
        restamp(run, stored, results)
    for name in ("other", "size"):
        (run / f"tables/{name}.csv").unlink()
    with pytest.raises(ValueError, match="must leave .* size, speed; got speed"):
        restamp(run, stored, results)
    assert json.loads(other.read_text())["notebook"] == "99-else"


def test_one_differing_table_keeps_all_from_being_stamped(stored, make_run, results):
    run, before = make_run("x = 2", 0, ROWS.format(0.5)), stamps(results)
    (run / "tables/speed.csv").write_text(ROWS.format(0.6))
    with pytest.raises(ValueError, match="speed: 2 rows"):
        restamp(run, stored, results)
    assert stamps(results) == before


def test_the_part_must_be_stated_and_stored():
    stamp = {"parameters": {"seed": [0, 1], "word": ["a", "b"], "lam": 2.0}}
    known = ["seed", "word", "lam"]
    part = part_of(stamp, {"seed": 1, "word": "a", "lam": 3.0}, known)
    assert part == {"seed": 1, "word": "a", "lam": 3.0}
    with pytest.raises(ValueError, match="state which word to run again, one of a, b;"):
        part_of(stamp, {"seed": 1}, known)
    with pytest.raises(ValueError, match="seed must be one of 0, 1, which .* got 2"):
        part_of(stamp, {"seed": 2, "word": "a"}, known)


def test_a_parameter_that_is_gone_may_not_tell_runs_apart():
    stamp = {"parameters": {"seed": [0, 1], "word": ["a", "b"], "lam": 2.0}}
    stamp["notebook"] = "12-toy"
    known = ["seed", "word"]
    assert part_of(stamp, {"seed": 1, "word": "a"}, known) == {"seed": 1, "word": "a"}
    with pytest.raises(ValueError, match="by which .* got no word: run everything"):
        part_of(stamp, {"seed": 1}, ["seed", "lam"])


def test_a_proof_tells_which_parameter_is_gone(stored, make_run, results):
    for path in results.glob("*.json"):
        stamp = json.loads(path.read_text())
        stamp["parameters"]["solver"] = "old"
        write_json(path, stamp)
    restamp(make_run("x = 2", 0, ROWS.format(0.5)), stamps(results)[1], results)
    assert stamps(results)[0]["restamped"][0]["part"] == {"seed": 0, "solver": None}
    assert stamps(results)[0]["parameters"]["solver"] == "old"


def test_json_that_stamps_no_table_is_left_alone(stored, make_run, results):
    (results / "claims.json").write_text("[]")
    restamp(make_run("x = 2", 0, ROWS.format(0.5)), stamps(results)[1], results)
    assert (results / "claims.json").read_text() == "[]"


def test_an_unknown_table_is_refused(stored, results):
    with pytest.raises(ValueError, match="table must be one of size, speed; got 'x'"):
        read_stamp(results, "x")
