"""What ``make bench`` says of a machine: ratios to ours, here and as stored."""

import sys
from pathlib import Path

import pandas as pd
import pytest

BENCH = Path(__file__).parent / "bench"


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    yield __import__("timing")
    del sys.modules["timing"]


def table(seconds):
    rows = [{"task": t, "who": w, "seconds": s} for (t, w), s in seconds.items()]
    return pd.DataFrame(rows)


def test_a_ratio_comes_back_within_a_factor_of_two(timing):
    stored = {("a", "ours"): 1.0, ("a", "loop"): 3.0, ("a", "slow"): 9.0}
    here = {("a", "ours"): 10.0, ("a", "loop"): 59.0, ("a", "slow"): 181.0}
    here |= {("a", "other"): 5.0, ("b", "ours"): 1.0}
    found = timing.reproduced(table(here), table(stored)).set_index("who")
    assert found["here"].to_dict() == {"loop": 5.9, "slow": 18.1, "other": 0.5}
    assert found["stored"].loc[["loop", "slow"]].tolist() == [3, 9]
    assert found["reproduced"].to_dict() == {
        "loop": "yes",
        "slow": "no",
        "other": "new",
    }


def test_twice_as_slow_is_no_and_twice_as_fast_too(timing):
    stored = {("a", "ours"): 1.0, ("a", "x"): 4.0, ("a", "y"): 4.0}
    here = {("a", "ours"): 1.0, ("a", "x"): 8.0, ("a", "y"): 2.0}
    found = timing.reproduced(table(here), table(stored))
    assert found["reproduced"].tolist() == ["no", "no"]


def test_all_take_turns_and_the_middle_counts(timing, monkeypatch):
    clock = iter([0, 1, 1, 11, 20, 25, 30, 33, 40, 43, 50, 57])
    monkeypatch.setattr(timing.time, "process_time", lambda: next(clock))
    order = []
    ways = {who: lambda who=who: order.append(who) or len(order) for who in "xy"}
    found = timing.in_turns(ways, repeats=3)
    assert order == list("xyxyxy")
    assert found["x"][0] == 5
    assert found["x"][1] == {
        "seconds": 3.0,
        "seconds_min": 1,
        "seconds_max": 5,
        "repeats": 3,
    }
    assert found["y"][1]["seconds"] == 7


def test_a_call_in_a_new_process_returns_what_it_returns(timing):
    assert timing.in_a_new_process("timing.columns([3, 1, 2])")["seconds"] == 2
    assert 0 < timing.gib("VmRSS") <= timing.gib("VmHWM")
