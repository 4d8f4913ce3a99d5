"""Manhattan vehicles: on streets, turning with the stated shares, everywhere alike."""

import math

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network.manhattan import next_stop_m
from mei_gym.network.movement import MANHATTAN, movement_params

PARAMS = movement_params("rectangle")
XS, YS = np.array([-433.0, 0.0, 433.0]), np.array([-250.0, 0.0, 250.0])


def off_street_m(state):
    """m to the nearest street, for each vehicle."""
    to_x = np.abs(state.user_x_m[..., None] - XS).min(axis=-1)
    to_y = np.abs(state.user_y_m[..., None] - YS).min(axis=-1)
    return np.minimum(to_x, to_y)


def test_crossings_lie_a_block_apart_and_half_a_block_from_the_border():
    stop = plain(next_stop_m)
    assert [stop(x, 1.0, 1299.0, 433.0) for x in (-649.5, -433.0, -100.0, 0.0, 433.0)] == [
        -433.0,
        0.0,
        0.0,
        433.0,
        649.5,
    ]
    assert [stop(x, -1.0, 1299.0, 433.0) for x in (649.5, 433.0, 100.0, 0.0, -433.0)] == [
        433.0,
        0.0,
        0.0,
        -433.0,
        -649.5,
    ]
    third = 1.0 / 3.0  # a block that binary numbers cannot hold
    places = [-0.5]
    while places[-1] < 0.5:
        places.append(stop(places[-1], 1.0, 1.0, third))
    np.testing.assert_allclose(places, [-0.5, -third, 0.0, third, 0.5], atol=1e-15)


def test_vehicles_stay_on_streets_at_their_own_speed(crowd, moved):
    params, state = crowd(PARAMS, MANHATTAN, 16.7, lanes=10, users=50)
    for step in range(200):
        assert off_street_m(state).max() < 1e-6
        np.testing.assert_allclose(np.hypot(state.user_velocity_x_mps, state.user_velocity_y_mps), 16.7)
        assert np.abs(state.user_x_m).max() <= 649.5 + 1e-9
        assert np.abs(state.user_y_m).max() <= 375.0 + 1e-9
        moved(params, state, 3.3, step)


def test_at_crossings_half_go_straight_a_quarter_left_a_quarter_right_and_at_the_border_all_turn_round(crowd, moved):
    params, state = crowd(PARAMS, MANHATTAN, 16.7, lanes=20, users=100)
    counts = np.zeros(4)
    for step in range(60):
        leg, x, y = state.user_leg.copy(), state.user_goal_x_m.copy(), state.user_goal_y_m.copy()
        heading = state.user_velocity_x_mps + 1j * state.user_velocity_y_mps
        moved(params, state, 7.0, step)  # less than the shortest leg, half a block of 250 m
        turned = state.user_leg - leg
        assert turned.max() == 1
        turn = (state.user_velocity_x_mps + 1j * state.user_velocity_y_mps) / heading
        border = (np.abs(x) == 649.5) | (np.abs(y) == 375.0)
        np.testing.assert_allclose(turn[(turned == 1) & border], -1.0)
        quarter = np.round(np.angle(turn[(turned == 1) & ~border]) / (math.pi / 2)).astype(int) % 4
        counts += np.bincount(quarter, minlength=4)
    assert counts.sum() > 20_000
    np.testing.assert_allclose(counts / counts.sum(), [0.5, 0.25, 0.0, 0.25], atol=0.012)


def test_vehicles_are_spread_evenly_over_the_streets_and_stay_so(crowd, moved):
    params, state = crowd(PARAMS, MANHATTAN, 16.7, lanes=100, users=100)
    for elapsed_s in (0.0, 13.0, 900.0):
        moved(params, state, elapsed_s, 1)
        north = state.user_velocity_x_mps == 0.0
        assert north.mean() == pytest.approx(3 * 750.0 / (3 * 750.0 + 3 * 1299.0), abs=0.02)
        for place, length_m in ((state.user_y_m[north], 750.0), (state.user_x_m[~north], 1299.0)):
            law = np.sort(place) / length_m + 0.5
            assert np.abs(law - np.linspace(0.0, 1.0, law.size)).max() < 0.03
        street = np.searchsorted(XS, np.round(state.user_x_m[north], 6))
        np.testing.assert_allclose(np.bincount(street, minlength=3) / street.size, 1.0 / 3.0, atol=0.03)
        assert (state.user_velocity_x_mps[~north] > 0.0).mean() == pytest.approx(0.5, abs=0.03)


def test_ten_moves_of_a_second_end_where_one_of_ten_does(crowd, moved):
    _, often = crowd(PARAMS, MANHATTAN, 16.7, users=200)
    _, once = crowd(PARAMS, MANHATTAN, 16.7, users=200)
    for round_ in range(30):
        for step in range(10):
            moved(PARAMS, often, 1.0, 10 * round_ + step)
        moved(PARAMS, once, 10.0, round_)
    assert once.user_leg.min() >= 10
    np.testing.assert_array_equal(often.user_leg, once.user_leg)
    for name in ("user_x_m", "user_y_m", "user_velocity_x_mps", "user_velocity_y_mps", "user_travel_s"):
        np.testing.assert_allclose(getattr(often, name), getattr(once, name), atol=1e-7, err_msg=name)
