"""Notebooks as files: reading, cleaning, syncing."""

import nbformat
import pytest

from latentomics.rerun.notebook import (
    Notebook,
    clean,
    find_folder,
    merge_streams,
    open_notebook,
    sync,
    write,
)


def stream(name, text):
    return nbformat.v4.new_output("stream", name=name, text=text)


def executed(notebook, *outputs):
    """Store the notebook as if its last cell had given `outputs`."""
    nb = notebook.node
    nb.cells[-1].outputs, nb.cells[-1].execution_count = list(outputs), 1
    write(nb, notebook.path.with_suffix(".ipynb"))


def outputs_of(notebook):
    nb = nbformat.read(notebook.path.with_suffix(".ipynb"), as_version=4)
    return nb.cells[-1].outputs


def test_reads_title_parameters_and_data(write_notebook):
    header = "---\nlatentomics: {data: [gdsc1_auc]}\n---\n# About X\n"
    cell = "```{code-cell}\n:tags: [parameters]\nseed: int = 7  # draws\n```\n"
    notebook = write_notebook(header=header + cell)
    assert notebook.name == "12-toy"
    assert notebook.title == "About X"
    assert notebook.datasets == ["gdsc1_auc"]
    assert [p.name for p in notebook.parameters] == ["seed"]


@pytest.mark.parametrize("repeat", [0, 2])
def test_one_parameters_cell_is_asked_for(write_notebook, repeat):
    cell = "\n```{code-cell}\n:tags: [parameters]\nseed: int = 7  # draws\n```\n"
    notebook = write_notebook(header="# A\n" + repeat * cell)
    with pytest.raises(
        ValueError, match=f"one cell tagged parameters; it has {repeat}"
    ):
        _ = notebook.parameters


def test_clean_drops_what_differs_between_runs(write_notebook):
    nb = write_notebook("1").node
    nb.metadata.update(papermill={"start": "now"}, language_info={"version": "3"})
    nb.metadata["latentomics"] = {"data": ["x"]}
    nb.cells[1].metadata.update(execution={"t": 1}, papermill={}, mystnb={"a": 1})
    nb.cells[2].metadata["tags"] = []
    clean(nb, "12-toy")
    assert set(nb.metadata) == {"kernelspec", "latentomics"}
    assert set(nb.cells[1].metadata) == {"tags", "mystnb"}
    assert nb.cells[2].metadata == {}
    assert [c.id for c in nb.cells] == ["12-toy-01", "12-toy-02", "12-toy-03"]
    nbformat.validate(nb)


def test_streams_are_merged_whatever_the_pieces():
    shown = nbformat.v4.new_output("display_data", data={"text/plain": "x"})
    cut = [stream("stderr", "w"), stream("stdout", "a"), shown, stream("stdout", "b")]
    whole = [stream("stdout", "ab"), shown, stream("stderr", "w")]
    expected = [stream("stdout", "ab"), stream("stderr", "w"), shown]
    assert merge_streams(cut) == merge_streams(whole) == expected


def test_clean_rounds_what_is_reported_and_nothing_else(write_notebook):
    csv = "case,n,error\na 0.1234567,1234567,0.123456749\nb,-12,-1.23456789e-15\n"
    message = {"metrics": {"a": 1 / 3, "n": 1234567, "w": "0.1234567", "none": None}}
    message |= {"tables": {"t": csv}}
    shown = nbformat.v4.new_output(
        "display_data", {"text/plain": "0.1234567"}, metadata={"latentomics": message}
    )
    nb = write_notebook().node
    nb.cells[-1].outputs = [shown]
    output = clean(nb, "x").cells[-1].outputs[0]
    found = output.metadata["latentomics"]
    assert found["metrics"] == message["metrics"] | {"a": 0.333333}
    assert found["tables"]["t"] == (
        "case,n,error\na 0.1234567,1234567,0.123457\nb,-12,-1.23457e-15\n"
    )
    assert output.data["text/plain"] == "0.1234567"


def test_clean_keeps_the_tolerance_of_a_cell(write_notebook):
    nb = write_notebook().node
    nb.cells[-1].metadata = {"latentomics": {"tolerance": 1e-3}, "other": 1}
    kept = clean(nb, "x").cells[-1].metadata
    assert kept == {"latentomics": {"tolerance": 1e-3}}


def test_clean_merges_streams(write_notebook):
    nb = write_notebook("1").node
    nb.cells[-1].outputs = [stream("stdout", "a"), stream("stdout", "b")]
    assert clean(nb, "x").cells[-1].outputs == [stream("stdout", "ab")]


def test_plain_ipynb_is_read_without_its_outputs(write_notebook):
    notebook = write_notebook("1 + 1")
    executed(notebook, stream("stdout", "2"))
    read = Notebook(notebook.path.with_suffix(".ipynb")).node
    assert (read.cells[-1].outputs, read.cells[-1].execution_count) == ([], None)


def test_sync_keeps_outputs_of_unchanged_code(write_notebook):
    executed(write_notebook("1 + 1"), stream("stdout", "2"))
    edited = write_notebook("1 + 1")
    text = edited.path.read_text(encoding="utf-8").replace("# A toy", "# The toy")
    edited.path.write_text(text, encoding="utf-8")
    edited = Notebook(edited.path)
    assert sync(edited)
    assert outputs_of(edited) == [stream("stdout", "2")]
    assert "# The toy" in edited.path.with_suffix(".ipynb").read_text(encoding="utf-8")


def test_sync_drops_outputs_of_changed_code(write_notebook):
    executed(write_notebook("1 + 1"), stream("stdout", "2"))
    assert sync(write_notebook("1 + 2"))
    assert outputs_of(write_notebook("1 + 2")) == []


def test_sync_twice_writes_once(write_notebook):
    notebook = write_notebook("1")
    assert sync(notebook)
    assert not sync(notebook)


def test_folder_is_found_from_below(write_notebook, tmp_path):
    write_notebook("1")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_folder(deep) == tmp_path / "notebooks"


def test_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="no folder notebooks"):
        find_folder(tmp_path)


def test_notebook_is_found_by_name_and_by_path(write_notebook, tmp_path, monkeypatch):
    notebook = write_notebook("1")
    monkeypatch.chdir(tmp_path)
    assert open_notebook("12-toy").path == notebook.path
    assert open_notebook("notebooks/12-toy.md").path == notebook.path


@pytest.mark.parametrize("name", ["13-toy", "13-toy.md"])
def test_unknown_notebook_is_one_sentence(write_notebook, tmp_path, monkeypatch, name):
    write_notebook("1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="there is no notebook .*13-toy"):
        open_notebook(name)
