"""Who asks: shares add up, the draw follows them, and no policy moves it."""

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.workload.population import PopulationParams, PopulationState, asking_user, draw_activity, user_activity


def drawn_population(users=8, activity_sd=1.0, key=11):
    params = PopulationParams(users, activity_sd)
    state = PopulationState(np.array([key], dtype=np.uint64), np.zeros((1, users), np.float32))
    draw_activity(params, state, 0)
    return params, state


def test_shares_rise_to_one_and_nobody_is_silent():
    params, state = drawn_population(users=300)
    shares = np.array([user_activity(params, state, 0, user) for user in range(300)])
    assert state.user_activity_cumulative[0, -1] == 1.0
    assert (shares > 0.0).all()
    assert shares.sum() == pytest.approx(1.0)


def test_users_ask_as_often_as_their_activity_says():
    params, state = drawn_population()
    asked = np.bincount([asking_user(params, state, 0, request) for request in range(40_000)], minlength=8) / 40_000
    shares = [user_activity(params, state, 0, user) for user in range(8)]
    np.testing.assert_allclose(asked, shares, atol=0.01)


def test_the_busiest_fifth_asks_for_over_half_and_without_spread_for_a_fifth():
    for activity_sd, expected in ((1.0, 0.56), (0.0, 0.2)):
        _, state = drawn_population(users=5000, activity_sd=activity_sd)
        shares = np.sort(np.diff(state.user_activity_cumulative[0].astype(float), prepend=0.0))
        assert shares[-1000:].sum() == pytest.approx(expected, abs=0.03)


def test_one_user_asks_always():
    params, state = drawn_population(users=1)
    assert {asking_user(params, state, 0, request) for request in range(20)} == {0}


def test_compiled_askers_equal_plain_ones():
    params, state = drawn_population(users=40)
    interpreted = PopulationState(state.key, np.zeros_like(state.user_activity_cumulative))
    with np.errstate(over="ignore"):
        plain(draw_activity)(params, interpreted, 0)
        theirs = [plain(asking_user)(params, interpreted, 0, request) for request in range(300)]
    np.testing.assert_array_equal(state.user_activity_cumulative, interpreted.user_activity_cumulative)
    assert theirs == [asking_user(params, state, 0, request) for request in range(300)]
