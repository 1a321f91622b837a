"""A run is named by all that its result depends on, and by nothing else."""

import pytest

from latentomics.rerun import point as module
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


def test_own_file_is_anchored_and_hashed(write_notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "mine.csv"
    keys = []
    for text in ("a", "b"):
        own.write_text(text)
        found = plan(write_notebook("1"), {"word": "mine.csv"})
        keys.append(found.key)
    assert found.parameters["word"] == str(own)
    assert list(found.made_from["data"]) == [str(own)]
    assert keys[0] != keys[1]
