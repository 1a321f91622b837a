"""What a notebook reports reaches the output metadata, unrounded."""

import math

import nbformat
import numpy as np
import pandas as pd
import pytest

from latentomics.rerun import report, report_table
from latentomics.rerun.harvest import harvest


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed, as outputs of one cell."""
    cell = nbformat.v4.new_code_cell()

    def display(data, *, raw, metadata):
        cell.outputs.append(
            nbformat.v4.new_output("display_data", data=data, metadata=metadata)
        )

    monkeypatch.setattr("IPython.display.display", display)
    return nbformat.v4.new_notebook(cells=[cell])


def test_metrics_arrive_as_plain_values(shown):
    report(error=np.float64(1 / 3), n=np.int64(4), ok=np.bool_(True), word="x")
    report(bad=math.nan, n=5)
    metrics, tables = harvest(shown)
    assert metrics == {"error": 1 / 3, "n": 5, "ok": True, "word": "x", "bad": None}
    assert type(metrics["ok"]) is bool
    assert tables == {}


def test_reader_sees_rounded_metrics(shown):
    report(error=1 / 3)
    data = shown.cells[0].outputs[0].data
    assert "0.3333" in data["text/html"]
    assert "0.33333" not in data["text/html"] + data["text/plain"]


def test_table_arrives_unrounded_and_shows_rounded(shown):
    report_table("speed", pd.DataFrame({"case": ["a"], "value": [1 / 3]}), decimals=2)
    _, tables = harvest(shown)
    assert tables == {"speed": f"case,value\na,{1 / 3}\n"}
    data = shown.cells[0].outputs[0].data
    assert "0.33" in data["text/plain"]
    assert "0.333" not in data["text/plain"] + data["text/html"]


def test_metrics_shown_by_hand_count(shown):
    output = nbformat.v4.new_output("display_data", metadata={"latentomics": {"a": 1}})
    shown.cells[0].outputs.append(output)
    assert harvest(shown) == ({"a": 1}, {})


@pytest.mark.parametrize("value", [[1, 2], np.zeros(3), None, 1j])
def test_metric_must_be_one_value(value):
    with pytest.raises(ValueError, match="metric x must be one number or word"):
        report(x=value)


def test_empty_report_is_refused():
    with pytest.raises(ValueError, match="at least one metric"):
        report()


@pytest.mark.parametrize("name", ["../up", "Speed", "a b", ""])
def test_table_name_stays_in_its_folder(name):
    with pytest.raises(ValueError, match="name must be lower-case"):
        report_table(name, pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("table", [pd.DataFrame(), [1]])
def test_table_needs_rows(table):
    with pytest.raises(ValueError, match="DataFrame with rows"):
        report_table("x", table)
