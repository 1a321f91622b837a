"""A run is named by all that its result depends on, and by nothing else."""

import os
from pathlib import Path

import pytest

from latentomics.rerun import point as module
from latentomics.rerun.inputs import inputs
from latentomics.rerun.point import data_hashes, plan


def test_same_point_has_the_same_name(write_notebook):
    assert plan(write_notebook("1")).key == plan(write_notebook("1")).key


def test_default_given_by_hand_is_no_other_run(write_notebook):
    notebook = write_notebook("1")
    assert plan(notebook, {"lam": 1.0}).key == plan(notebook).key
    assert plan(notebook, {"lam": 1.0}).changed == {}


def test_values_code_and_prose_make_another_run(write_notebook):
    first = plan(write_notebook("1")).key
    assert plan(write_notebook("1"), {"lam": 2.0}).key != first
    assert plan(write_notebook("2")).key != first
    assert plan(write_notebook("1", name="13-toy")).key != first
    assert plan(write_notebook("# prose\n1")).key != first


def test_version_and_data_make_another_run(write_notebook, monkeypatch):
    keys = [plan(write_notebook("1")).key]
    monkeypatch.setattr(module, "__version__", "99")
    keys.append(plan(write_notebook("1")).key)
    monkeypatch.setattr(module, "data_hashes", lambda names: {"file": "abc"})
    keys.append(plan(write_notebook("1")).key)
    assert len(set(keys)) == 3


def test_data_hashes_are_the_registered_ones():
    from latentomics.data import registry

    found = data_hashes(["ctrpv2_auc"])
    assert found["ctrpv2_auc"] == registry()["ctrpv2_auc"].sha256


def test_unknown_data_set_is_one_sentence():
    with pytest.raises(ValueError, match="dataset must be one of"):
        data_hashes(["moon"])


@pytest.fixture
def places(write_notebook, tmp_path, monkeypatch):
    """The shell's folder, the notebook's and the home folder, all different."""
    notebook = write_notebook("1")
    found = {name: tmp_path / name for name in ("shell", "home")}
    for folder in found.values():
        folder.mkdir()
    monkeypatch.chdir(found["shell"])
    monkeypatch.setenv("HOME", str(found["home"]))
    return found | {"notebook": notebook.folder}


@pytest.mark.parametrize("name", ["mine.csv", "mine", "my file", "data/mine.csv"])
@pytest.mark.parametrize("place", ["shell", "notebook", "home"])
def test_own_file_is_anchored_and_hashed(place, name, places, write_notebook):
    own = places[place] / name
    own.parent.mkdir(exist_ok=True)
    typed = f"~/{name}" if place == "home" else name
    keys = []
    for text in ("a", "b", "a"):
        own.write_text(text)
        found = plan(write_notebook("1"), {"word": typed})
        keys.append(found.key)
    assert found.parameters["word"] == found.changed["word"] == str(own)
    assert list(found.made_from["data"]) == [str(own)]
    assert keys[0] == keys[2] != keys[1]


def test_the_shells_folder_goes_before_the_notebooks(places, write_notebook):
    for place in ("shell", "notebook"):
        (places[place] / "mine.csv").write_text(place)
    found = plan(write_notebook("1"), {"word": "mine.csv"})
    assert found.parameters["word"] == str(places["shell"] / "mine.csv")


def test_a_file_that_a_default_names_is_hashed(places, write_notebook):
    own = places["notebook"] / "a"  # the default of `word`
    (places["shell"] / "a").write_text("not what the notebook sees")
    keys = [plan(write_notebook("1")).key]
    for text in ("a", "b"):
        own.write_text(text)
        keys.append(plan(write_notebook("1")).key)
    assert len(set(keys)) == 3
    (places["shell"] / "a").unlink()
    assert plan(write_notebook("1"), {"word": "a"}).key == keys[-1]
    (places["shell"] / "a").write_text("this is what was typed")
    assert plan(write_notebook("1"), {"word": "a"}).key != keys[-1]


@pytest.mark.parametrize("place", ["shell", "notebook"])
@pytest.mark.parametrize("typed", ["./set", "set"])
def test_a_folder_is_hashed_by_its_files(typed, place, places, write_notebook):
    inner = places[place] / "set" / "deep"
    inner.mkdir(parents=True)
    keys = []
    for name, text in (("x", "1"), ("x", "2"), ("y", "2"), ("y", "2")):
        (inner / name).write_text(text)
        found = plan(write_notebook("1"), {"word": typed})
        keys.append(found.key)
    assert len(set(keys[:3])) == 3
    assert keys[2] == keys[3]
    (inner / "y").rename(inner / "z")
    assert plan(write_notebook("1"), {"word": typed}).key != keys[3]
    word = "set" if typed == "set" else str(inner.parent)  # may only be a word
    assert found.parameters["word"] == word


def test_a_word_for_two_folders_is_refused(places, write_notebook):
    for place in ("shell", "notebook"):
        (places[place] / "set").mkdir()
    says = "word must say which it means, .*shell/set or .*notebooks/set, .*got 'set'"
    with pytest.raises(ValueError, match=says):
        plan(write_notebook("1"), {"word": "set"})
    found = plan(write_notebook("1"), {"word": "./set"})
    assert found.parameters["word"] == str(places["shell"] / "set")
    (places["notebook"] / "set").rmdir()
    (places["notebook"] / "set").write_text("what the notebook would open")
    with pytest.raises(ValueError, match=says):
        plan(write_notebook("1"), {"word": "set"})


def test_one_folder_for_shell_and_notebook_is_no_riddle(places, write_notebook):
    (places["notebook"] / "set").mkdir()
    (places["shell"] / "set").symlink_to(places["notebook"] / "set")
    assert plan(write_notebook("1"), {"word": "set"}).parameters["word"] == "set"


def test_files_behind_a_link_count_and_links_may_go_round(places, write_notebook):
    own, far = places["shell"] / "set", places["home"] / "far"
    for folder in (own, far):
        folder.mkdir()
    (own / "near").symlink_to(far)
    (own / "twin").symlink_to(far)
    (far / "round").symlink_to(own)
    (far / "nowhere").symlink_to(far / "no file")
    keys = []
    for text in ("a", "b", "a"):
        (far / "mine.csv").write_text(text)
        keys.append(plan(write_notebook("1"), {"word": "./set"}).key)
    assert keys[0] == keys[2] != keys[1]
    (own / "twin").rename(own / "triplet")
    assert plan(write_notebook("1"), {"word": "./set"}).key != keys[0]


def test_the_order_in_which_a_disk_lists_files_does_not_count(
    places, write_notebook, monkeypatch
):
    inner = places["shell"] / "set"
    for name in ("b", "a", "c"):
        (inner / name).mkdir(parents=True)
        (inner / name / "mine.csv").write_text(name)
        (inner / f"{name}.csv").symlink_to(inner / name / "mine.csv")
    for name in "xyz":
        (inner / name).symlink_to(inner / "a")
    first = plan(write_notebook("1"), {"word": "./set"}).key
    walk = os.walk

    def backwards(*args, **kwargs):
        for here, folders, files in walk(*args, **kwargs):
            folders.reverse()
            yield here, folders, files[::-1]

    monkeypatch.setattr("os.walk", backwards)
    assert plan(write_notebook("1"), {"word": "./set"}).key == first


def test_a_folder_that_cannot_be_listed_is_refused(places, write_notebook, monkeypatch):
    (places["shell"] / "set").mkdir()

    def locked(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", locked)
    with pytest.raises(
        ValueError, match=r"that can be read; got .*\(Permission denied"
    ):
        inputs({"word": "./set"}, {"word": "a"}, places["notebook"])


def test_what_is_saved_lies_in_the_shells_folder(places):
    for typed, place in (("new.csv", "shell"), ("~/new.csv", "home")):
        found, hashes = inputs({"save": typed}, {"save": ""}, places["notebook"])
        assert found["save"] == str(places[place] / "new.csv")
        assert hashes == {}
    assert inputs({"save": ""}, {"save": ""}, places["notebook"])[0]["save"] == ""


@pytest.mark.parametrize("word", ["C>A:ACA", "12:30", "C:/x", "a:b", "profile:x"])
def test_a_colon_alone_makes_no_url(word, write_notebook):
    assert plan(write_notebook("1"), {"word": word}).parameters["word"] == word


@pytest.mark.parametrize(
    "url",
    [
        *("https://a.org/x.csv", "s3://bucket/x", "file:///x.csv", "FTP://a.org/x"),
        *("file:/x.csv", "file:x.csv", "http:a.org", "simplecache::s3://bucket/x"),
    ],
)
def test_what_cannot_be_hashed_is_refused(url, write_notebook):
    with pytest.raises(
        ValueError, match="word must be a file of this machine, .*; got"
    ):
        plan(write_notebook("1"), {"word": url})
    with pytest.raises(ValueError, match="word must be a file of this machine"):
        inputs({}, {"word": url}, Path())


def test_a_device_file_is_refused(write_notebook):
    with pytest.raises(ValueError, match="word must be a file or a folder; got /dev/"):
        plan(write_notebook("1"), {"word": "/dev/null"})


def test_a_file_that_cannot_be_read_is_refused(places, write_notebook, monkeypatch):
    (places["shell"] / "mine.csv").write_text("a")

    def locked(path, mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", locked)
    says = r"word must be a file that can be read; got .*mine.csv \(Permission denied\)"
    with pytest.raises(ValueError, match=says):
        inputs({"word": "mine.csv"}, {"word": "a"}, places["notebook"])


@pytest.mark.parametrize(
    "value", ["", ".", "/", "~", "..", "x" * 5000, "a\0b", "no.csv"]
)
def test_what_names_no_file_stays_as_it_is(value, places, write_notebook):
    found = plan(write_notebook("1"), {"word": value})
    assert found.parameters["word"] == value
    assert found.made_from["data"] == {}


def test_a_word_of_every_notebook_is_never_a_file(places, write_notebook):
    (places["shell"] / "cpu").write_text("a")
    found = plan(write_notebook("1"), {"device": "cpu"})
    assert (found.changed, found.made_from["data"]) == ({}, {})
