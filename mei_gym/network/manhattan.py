"""Driving users: vehicles on a grid of streets that go straight, left or right at each crossing.

    streets      every block_width_m from west to east, every block_height_m from south to north, the outermost
                 half a block inside the rectangle's border; the rectangle holds whole blocks
    crossing     straight 1/2, left 1/4, right 1/4
    border       the vehicle turns round, as if it left and another came in
    speed        the vehicle's own, `user_mean_speed_mps`, all the time: no traffic lights, no queues

A vehicle begins anywhere on the streets, either way. That is the stationary law: as many vehicles leave a crossing on
each street as come in on it, and a turn at the border is a mirror. Turns are keyed by the number of the leg (from one
crossing or border to the next), so ten moves of 1 s and one of 10 s end in the same place.

Source: TR 36.885 annex A and TR 37.885 (recalled): blocks of 433 x 250 m, an area of 1299 x 750 m, 15 or 60 km/h, and
the shares of turns; there the grid wraps round instead, which would throw a vehicle from one side of the map to the
other, away from the site that serves it.
"""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import scalar

START_STREET, TURN = 145, 146  # purposes of draws

STRAIGHT_SHARE, LEFT_SHARE = 0.5, 0.25  # TR 36.885 (recalled); the rest turns right
ROUNDING = 1e-9  # of a block


@scalar
def begin_drive(params, state, lane, user):
    """Begin an episode: the vehicle uniform on the streets, in either direction."""
    key = state.key[lane]
    width_m, height_m = params.region_width_m, params.region_height_m
    block_width_m, block_height_m = params.street_block_width_m, params.street_block_height_m
    speed_mps = np.float64(state.user_mean_speed_mps[lane, user])
    if uniform(key, 0, START_STREET, 4 * user) < 0.5:
        speed_mps = -speed_mps
    street, along = uniform(key, 0, START_STREET, 4 * user + 2), uniform(key, 0, START_STREET, 4 * user + 3)
    state.user_leg[lane, user] = 0
    # Streets from south to north are width / block_width, each height long; the others likewise.
    if uniform(key, 0, START_STREET, 4 * user + 1) * (block_width_m + block_height_m) < block_height_m:
        x_m = (floor(street * width_m / block_width_m) + 0.5) * block_width_m - 0.5 * width_m
        y_m = (along - 0.5) * height_m
        head_for(params, state, lane, user, x_m, y_m, 0.0, speed_mps)
    else:
        x_m = (along - 0.5) * width_m
        y_m = (floor(street * height_m / block_height_m) + 0.5) * block_height_m - 0.5 * height_m
        head_for(params, state, lane, user, x_m, y_m, speed_mps, 0.0)
    state.user_x_m[lane, user] = x_m
    state.user_y_m[lane, user] = y_m


@scalar
def drive(params, state, lane, user, elapsed_s):
    """Move the vehicle on by `elapsed_s`, over as many crossings as that takes."""
    left_s = elapsed_s
    while left_s >= state.user_travel_s[lane, user]:
        left_s -= state.user_travel_s[lane, user]
        turn(params, state, lane, user)
    travel_s = state.user_travel_s[lane, user] - left_s
    state.user_travel_s[lane, user] = travel_s
    state.user_x_m[lane, user] = state.user_goal_x_m[lane, user] - travel_s * state.user_velocity_x_mps[lane, user]
    state.user_y_m[lane, user] = state.user_goal_y_m[lane, user] - travel_s * state.user_velocity_y_mps[lane, user]


@scalar
def turn(params, state, lane, user):
    """At its goal: round at the border, straight on, left or right at a crossing; then on to the next."""
    x_m, y_m = state.user_goal_x_m[lane, user], state.user_goal_y_m[lane, user]
    velocity_x_mps, velocity_y_mps = state.user_velocity_x_mps[lane, user], state.user_velocity_y_mps[lane, user]
    leg = state.user_leg[lane, user] + 1
    state.user_leg[lane, user] = leg
    if 2.0 * abs(x_m) >= params.region_width_m or 2.0 * abs(y_m) >= params.region_height_m:
        velocity_x_mps, velocity_y_mps = -velocity_x_mps, -velocity_y_mps
    else:
        draw = uniform(state.key[lane], leg, TURN, user)
        if draw >= STRAIGHT_SHARE + LEFT_SHARE:
            velocity_x_mps, velocity_y_mps = velocity_y_mps, -velocity_x_mps
        elif draw >= STRAIGHT_SHARE:
            velocity_x_mps, velocity_y_mps = -velocity_y_mps, velocity_x_mps
    head_for(params, state, lane, user, x_m, y_m, velocity_x_mps, velocity_y_mps)


@scalar
def head_for(params, state, lane, user, x_m, y_m, velocity_x_mps, velocity_y_mps):
    """Send the vehicle from a place on its street to the next crossing or border ahead."""
    goal_x_m, goal_y_m = x_m, y_m
    if velocity_x_mps != 0.0:
        goal_x_m = next_stop_m(x_m, velocity_x_mps, params.region_width_m, params.street_block_width_m)
        travel_s = (goal_x_m - x_m) / velocity_x_mps
    else:
        goal_y_m = next_stop_m(y_m, velocity_y_mps, params.region_height_m, params.street_block_height_m)
        travel_s = (goal_y_m - y_m) / velocity_y_mps
    state.user_goal_x_m[lane, user] = goal_x_m
    state.user_goal_y_m[lane, user] = goal_y_m
    state.user_velocity_x_mps[lane, user] = velocity_x_mps
    state.user_velocity_y_mps[lane, user] = velocity_y_mps
    state.user_travel_s[lane, user] = travel_s


@scalar
def next_stop_m(place_m, direction, length_m, block_m):
    """m: the next crossing or border ahead along one axis of `length_m` about 0."""
    blocks = place_m / block_m + 0.5 * length_m / block_m
    # A crossing that the vehicle stands at, to rounding, is behind it.
    crossing = ceil(blocks - 0.5 + ROUNDING) if direction > 0.0 else floor(blocks - 0.5 - ROUNDING)
    if crossing < 0:
        return -0.5 * length_m
    if crossing >= round(length_m / block_m):
        return 0.5 * length_m
    return (crossing + 0.5) * block_m - 0.5 * length_m
