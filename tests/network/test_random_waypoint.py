"""Random waypoint: it begins as it goes on, and the time between looks does not matter."""

import math

import numpy as np
import pytest

from mei_gym.network.movement import RANDOM_WAYPOINT, movement_params
from mei_gym.network.region import mean_leg_m

REGIONS = [movement_params("disk"), movement_params("rectangle", region_width_m=300.0, region_height_m=150.0)]
both = pytest.mark.parametrize("params", REGIONS, ids=["disk", "rectangle"])


def speeds(state):
    return np.hypot(state.user_velocity_x_mps, state.user_velocity_y_mps)


def apart(ours, theirs):
    """The Kolmogorov-Smirnov distance of two samples."""
    ours, theirs = np.sort(ours, axis=None), np.sort(theirs, axis=None)
    at = np.concatenate((ours, theirs))
    return np.abs(
        np.searchsorted(ours, at, side="right") / ours.size - np.searchsorted(theirs, at, side="right") / theirs.size
    ).max()


@both
def test_the_mean_speed_does_not_sink_through_the_episode(crowd, moved, params):
    """Share of pauses, mean speed and mean slowness at 0 are the stationary law's, and still are after an hour."""
    params, state = crowd(params, RANDOM_WAYPOINT, 1.2, lanes=100, users=100)
    slow, fast = 0.6, 1.8
    walk_s = mean_leg_m(params) * math.log(fast / slow) / (fast - slow)
    pausing = 30.0 / (30.0 + walk_s)
    for elapsed_s in (0.0, 40.0, 160.0, 3400.0):
        moved(params, state, elapsed_s, 1)
        seen = speeds(state)
        assert (seen == 0.0).mean() == pytest.approx(pausing, abs=0.02)
        assert seen[seen > 0.0].mean() == pytest.approx((fast - slow) / math.log(fast / slow), rel=0.015)
        assert (1.0 / seen[seen > 0.0]).mean() == pytest.approx(
            (1 / slow - 1 / fast) / math.log(fast / slow), rel=0.015
        )


@both
def test_places_and_what_is_left_of_legs_and_pauses_have_one_law_from_the_first_moment_on(crowd, moved, params):
    params, state = crowd(params, RANDOM_WAYPOINT, 1.2, lanes=100, users=100)
    kept = [each.copy() for each in state]
    moved(params, state, 1800.0, 1)
    limit = 1.95 * math.sqrt(2.0 / state.user_x_m.size)  # one in a thousand, were the places drawn apart
    before = type(state)(*kept)
    for of in (
        lambda s: np.hypot(s.user_x_m, s.user_y_m),
        lambda s: s.user_x_m,
        lambda s: s.user_y_m,
        lambda s: s.user_travel_s,
        lambda s: s.user_pause_s[s.user_travel_s == 0.0],
        lambda s: s.user_goal_x_m,
    ):
        assert apart(of(before), of(state)) < limit * 1.5  # pausing users are fewer


def test_a_start_that_is_not_stationary_would_be_noticed(crowd, moved):
    """The naive start, everybody on a fresh leg: its mean speed sinks by more than the tolerance above."""
    params, state = crowd(REGIONS[1], RANDOM_WAYPOINT, 1.2, lanes=100, users=100)
    for array in (state.user_travel_s, state.user_pause_s):
        array[:] = 0.0
    moved(params, state, 1e-9, 1)
    fresh = speeds(state).mean()
    moved(params, state, 1800.0, 1)
    seen = speeds(state)
    assert fresh == pytest.approx(1.2, rel=0.01)
    assert seen[seen > 0.0].mean() < 0.95 * fresh


@both
def test_ten_moves_of_a_second_end_where_one_of_ten_does(crowd, moved, params):
    _, often = crowd(params, RANDOM_WAYPOINT, 8.0, users=200)
    _, once = crowd(params, RANDOM_WAYPOINT, 8.0, users=200)
    for round_ in range(30):
        for step in range(10):
            moved(params, often, 1.0, 10 * round_ + step)
        moved(params, once, 10.0, round_)
    assert once.user_leg.min() >= 1
    np.testing.assert_array_equal(often.user_leg, once.user_leg)
    for name in ("user_x_m", "user_y_m", "user_velocity_x_mps", "user_velocity_y_mps", "user_travel_s", "user_pause_s"):
        np.testing.assert_allclose(getattr(often, name), getattr(once, name), atol=1e-8, err_msg=name)


def test_a_user_walks_straight_to_its_goal_and_rests_there(crowd, moved):
    params, state = crowd(REGIONS[1], RANDOM_WAYPOINT, 1.0, users=50)
    walking = state.user_travel_s > 0.0
    goal, travel_s = (state.user_goal_x_m.copy(), state.user_goal_y_m.copy()), state.user_travel_s.copy()
    straight_s = np.hypot(goal[0] - state.user_x_m, goal[1] - state.user_y_m)[walking] / speeds(state)[walking]
    np.testing.assert_allclose(straight_s, travel_s[walking])
    user = int(np.argmax(walking[0]))
    moved(params, state, travel_s[0, user] + 0.5 * state.user_pause_s[0, user], 1)
    assert (state.user_x_m[0, user], state.user_y_m[0, user]) == (goal[0][0, user], goal[1][0, user])
    assert speeds(state)[0, user] == 0.0


def test_nobody_leaves_the_region_or_stands_by_the_mast(crowd, moved):
    params, state = crowd(REGIONS[0], RANDOM_WAYPOINT, 5.0, lanes=20, users=50)
    for step in range(50):
        moved(params, state, 3.7, step)
        radii_m = np.hypot(state.user_x_m, state.user_y_m)
        assert radii_m.min() >= 10.0 - 1e-9
        assert radii_m.max() <= 105.0 + 1e-9
        assert speeds(state).max() <= 7.5 + 1e-9


def test_users_without_pauses_and_of_one_speed_never_stand(crowd, moved):
    params = REGIONS[1]._replace(waypoint_pause_s=0.0, waypoint_slowest=1.0, waypoint_fastest=1.0)
    params, state = crowd(params, RANDOM_WAYPOINT, 2.0, users=100)
    for step in range(20):
        np.testing.assert_allclose(speeds(state), 2.0)
        moved(params, state, 11.0, step)
