"""One grammar of parameter grids for all searches."""

import re

import numpy as np
import pytest

from latentomics.checks import grid_points

A, B = {"a": 1, "b": 3}, {"a": 1, "b": 4}


@pytest.mark.parametrize(
    ("grid", "points"),
    [
        (A, [A]),
        ({"a": [1], "b": [3, 4]}, [A, B]),
        ({"b": (3, 4), "a": range(1, 3)}, [A, A | {"a": 2}, B, B | {"a": 2}]),
        ({"a": 1, "b": np.array([3, 4])}, [A, B]),
        ([A, B], [A, B]),
        ([{"b": [4, 3], "a": 1}, {"a": [1]}], [B, A, {"a": 1}]),
        (iter([A, B]), [A, B]),
        ({"a": "text"}, [{"a": "text"}]),
        ({"a": [None, (3, 4)]}, [{"a": None}, {"a": (3, 4)}]),
    ],
)
def test_the_points_in_order(grid, points):
    assert grid_points(grid) == points


@pytest.mark.parametrize("grid", [None, 3, "a", ["a"], [A, 3], [[A]]])
def test_other_kinds_are_refused(grid):
    says = (
        "grid must be a dict of names to lists of values, or a list of such dicts; got "
    )
    with pytest.raises(ValueError, match=says):
        grid_points(grid)


@pytest.mark.parametrize("grid", [{}, [], [{}], {"a": []}, [A, {}]])
def test_without_a_point_it_is_refused(grid):
    with pytest.raises(ValueError, match="grid must have at least one point; got "):
        grid_points(grid)


def test_names_are_held_against_those_allowed():
    assert grid_points({"a": 1}, ["a", "b"]) == [{"a": 1}]
    assert grid_points([A, B], ["a", "b"], exactly=True) == [A, B]
    with pytest.raises(ValueError, match=re.escape("some of a, b; got {'c': 1}")):
        grid_points({"c": 1}, ["a", "b"])
    for grid in ({"a": 1}, A | {"c": 1}):
        says = f"grid must name exactly a, b; got {grid}"
        with pytest.raises(ValueError, match=re.escape(says)):
            grid_points(grid, ["a", "b"], exactly=True)
