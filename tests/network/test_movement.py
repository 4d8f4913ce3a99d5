"""Movement as a whole: compiled users go where plain ones do, each by its kind, and bad numbers are refused."""

import re

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import movement
from mei_gym.network.movement import MOBILITIES, mean_speed_of, mobility_of, movement_params


@pytest.mark.parametrize("region", ["disk", "rectangle"])
def test_compiled_users_go_where_plain_ones_do(crowd, moved, region):
    params = movement_params(region)
    kinds = [mobility for name, mobility in MOBILITIES.items() if region == "rectangle" or name != "manhattan"]
    users = 3 * len(kinds)
    _, compiled = crowd(params, kinds * 3, 9.0, users=users)
    _, interpreted = crowd(params, kinds * 3, 9.0, users=users, place=False)
    with np.errstate(over="ignore"):
        for user in range(users):
            plain(movement.place_mover)(params, interpreted, 0, user)
        for step in range(1, 11):
            moved(params, compiled, 7.5, step)
            for user in range(users):
                plain(movement.move_mover)(params, interpreted, 0, user, 7.5, step)
    for name, ours, theirs in zip(compiled._fields, compiled, interpreted):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)


def test_only_users_with_a_mobility_and_a_speed_move_and_only_when_time_passes(crowd, moved):
    params = movement_params("rectangle")
    params, state = crowd(params, [0, 1, 2, 3, 1, 2, 3], [9.0, 9.0, 9.0, 9.0, 0.0, 0.0, 0.0], users=7)
    before = movement.MovementState(*(each.copy() for each in state))
    moved(params, state, 0.0, 1)
    for ours, theirs in zip(state, before):
        np.testing.assert_array_equal(ours, theirs)
    moved(params, state, 90.0, 1)
    moved_m = np.hypot(state.user_x_m - before.user_x_m, state.user_y_m - before.user_y_m)
    assert (moved_m > 0.0).tolist() == [[False, True, True, True, False, False, False]]
    assert np.isfinite(state.user_y_m).all()


def test_names_and_numbers_of_a_scenario_become_parameters():
    params = movement_params(
        "rectangle", region_width_m=400, region_height_m=200.0, street_block_width_m=100, street_block_height_m=50
    )
    assert params.region_width_m == 400.0
    assert params.waypoint_pause_s == 60.0
    assert [mobility_of(name, params) for name in MOBILITIES] == [0, 1, 2, 3]
    assert mean_speed_of("speed_mps", 1.4) == 1.4


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: movement_params("sphere"), "There is no region 'sphere'; known are disk, rectangle."),
        (lambda: movement_params(["disk"]), "There is no region ['disk']; did you mean 'disk'?"),
        (
            lambda: movement_params(region_widht_m=3.0),
            "There is no movement value 'region_widht_m'; did you mean 'region_width_m'?",
        ),
        (
            lambda: movement_params(region_outer_m=-5.0),
            "region_outer_m is -5.0; a number from 1 to 1e+06 is accepted.",
        ),
        (
            lambda: movement_params(velocity_tau_s=float("nan")),
            "velocity_tau_s is nan; a number from 0.001 to 1e+06 is accepted.",
        ),
        (
            lambda: movement_params(waypoint_slowest="slow"),
            "waypoint_slowest is 'slow'; a number from 0.001 to 10 is accepted.",
        ),
        (
            lambda: movement_params(waypoint_slowest=2.0),
            "waypoint_slowest is 2; at most waypoint_fastest, 1.5, is accepted.",
        ),
        (
            lambda: movement_params(region_inner_m=105.0),
            "region_inner_m is 105; less than region_outer_m, 105, is accepted.",
        ),
        (
            lambda: mobility_of("random waypoint", movement_params()),
            "There is no mobility 'random waypoint'; did you mean 'random_waypoint'?",
        ),
        (
            lambda: mobility_of("manhattan", movement_params()),
            "The mobility 'manhattan' needs the region 'rectangle'; a disk has no streets.",
        ),
        (
            lambda: mobility_of("manhattan", movement_params("rectangle", region_height_m=760.0)),
            "region_height_m is 760; for the mobility 'manhattan' a whole number of blocks of 250 m is accepted.",
        ),
        (lambda: mean_speed_of("speed_mps", 1e4), "speed_mps is 10000.0; a number from 0 to 350 is accepted."),
        (lambda: mean_speed_of("speed_mps", True), "speed_mps is True; a number from 0 to 350 is accepted."),
    ],
)
def test_what_no_world_has_is_refused_in_one_sentence(attempt, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        attempt()
