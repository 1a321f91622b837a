import math

import pytest

from latentomics.solvers import Patience

LOOKS = 3


def run(errors, *, moving_from=1, looks=LOOKS):
    """Give `errors` one by one to a Patience; return it and its gaps."""
    patience = Patience(
        lambda state: errors[state - 1],
        lambda state: f"state {state}",
        looks=looks,
        moving=lambda state: state >= moving_from,
    )
    gaps = [patience(state, None) for state in range(1, len(errors) + 1)]
    return patience, gaps


def test_gap_is_the_share_by_which_the_best_fell_over_the_last_looks():
    _, gaps = run([8.0, 7.0, 6.0, 4.0, 5.0, 3.0, 9.0])
    # look 4 compares min(8, 7, 6, 4) with 8; look 7 compares 3 with min(8, 7, 6, 4)
    assert gaps == [math.inf] * 3 + [1 - 4 / 8, 1 - 4 / 7, 1 - 3 / 6, 1 - 3 / 4]


def test_gap_is_zero_once_no_look_beats_all_before():
    _, gaps = run([5.0, 4.0, 4.0, 4.5, 4.1])
    assert gaps[-1] == 0
    assert gaps[-2] > 0


def test_the_plateau_is_not_counted_until_the_fit_moves():
    errors = [1.0] * 20 + [0.5, 0.4, 0.4, 0.4, 0.4]
    _, gaps = run(errors, moving_from=21)
    assert all(math.isinf(gap) for gap in gaps[:23])
    assert gaps[23] == 1 - 0.4 / 0.5
    _, at_once = run(errors)
    assert at_once[3] == 0  # without the plateau's grace it would have stopped here


def test_a_fit_that_has_moved_is_counted_even_if_it_falls_back():
    patience = Patience(
        lambda state: 1.0, lambda state: state, looks=2, moving=lambda state: state == 1
    )
    assert [patience(state, None) for state in (1, 2, 3)] == [math.inf, math.inf, 0]


def test_the_best_state_is_kept_the_first_of_equals():
    patience, _ = run([3.0, 1.0, 2.0, 1.0])
    assert patience.best == "state 2"
    assert patience.errors == [3.0, 1.0, 2.0, 1.0]


def test_a_snapshot_is_taken_of_improvements_only():
    taken = []
    errors = [3.0, 4.0, 2.0, 2.0, 1.0]
    patience = Patience(
        lambda state: errors[state], taken.append, looks=9, moving=lambda state: True
    )
    for state in range(5):
        patience(state, None)
    assert taken == [0, 2, 4]


def test_a_perfect_fit_stops():
    _, gaps = run([0.0] * 4)
    assert gaps[-1] == 0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_an_error_that_is_no_number_raises(value):
    with pytest.raises(FloatingPointError, match=f"held-out error became {value}"):
        run([1.0, value])
