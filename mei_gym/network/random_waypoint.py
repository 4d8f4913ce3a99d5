"""Walking users with a goal: straight to a place drawn at random, a pause there, on to the next.

    leg n       from waypoint n - 1 to waypoint n, both uniform; speed U(vmin, vmax); then a pause U(0, P)
    time-mean of the speed while walking   (vmax - vmin) / ln(vmax / vmin), because slow legs last longer

The episode begins at the stationary law (Navidi and Camp 2004), or the mean speed would sink for minutes:

    P(pausing) = E[pause] / (E[pause] + E[leg] E[1 / v])        E[1 / v] = ln(vmax / vmin) / (vmax - vmin)
    pausing    at a uniform place, what is left of the pause with density ~ P(pause > p)
    walking    a leg with density ~ its length, a speed with density ~ 1 / v, a place uniform on the leg

    vmin, vmax  waypoint_slowest, waypoint_fastest times the user's mean speed    P  waypoint_pause_s

With vmin, vmax = .5, 1.5 means, the time-mean while walking is 1 / ln 3 = .91 of `user_mean_speed_mps`; pauses
come on top. Draws are keyed by the number of the leg, and a place follows from the goal and the time that is left
to it: ten moves of 1 s and one of 10 s end in the same place. Users gather in the middle; that is the model's law.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import scalar
from mei_gym.network.region import around_mast, diameter_m, mean_leg_m, uniform_waypoint

START_PHASE, START_LEG, LEG_PLACE, LEG_SPEED, LEG_PAUSE = 140, 141, 142, 143, 144  # purposes of draws

MOST_TRIES = 64  # for the first leg; a third of them succeed at least, so .67^64 = 1e-11 episodes want more


@scalar
def begin_waypoints(params, state, lane, user):
    """Begin an episode, the user standing: in a pause or on a leg, as the stationary law has it."""
    key = state.key[lane]
    slow_mps, fast_mps = speed_limits_mps(params, state, lane, user)
    pause_s = params.waypoint_pause_s
    walking_s = mean_leg_m(params) * mean_slowness_s_per_m(slow_mps, fast_mps)
    state.user_leg[lane, user] = 0
    if uniform(key, 0, START_PHASE, 4 * user) < 0.5 * pause_s / (0.5 * pause_s + walking_s):
        x_m, y_m = uniform_waypoint(
            params, uniform(key, 0, START_LEG, 5 * user), uniform(key, 0, START_LEG, 5 * user + 1)
        )
        state.user_goal_x_m[lane, user] = x_m
        state.user_goal_y_m[lane, user] = y_m
        state.user_pause_s[lane, user] = pause_s * (1.0 - sqrt(uniform(key, 0, START_PHASE, 4 * user + 1)))
        stop(state, lane, user)
    else:
        speed_mps = slow_mps * (fast_mps / slow_mps) ** uniform(key, 0, START_PHASE, 4 * user + 1)
        length_m = draw_first_leg(params, state, lane, user, speed_mps)
        part = uniform(key, 0, START_PHASE, 4 * user + 2)
        state.user_travel_s[lane, user] = part * length_m / speed_mps
        state.user_pause_s[lane, user] = pause_s * uniform(key, 0, LEG_PAUSE, user)
    show_place(params, state, lane, user)


@scalar
def follow_waypoints(params, state, lane, user, elapsed_s):
    """Move the user on by `elapsed_s`, over as many legs and pauses as that takes."""
    travel_s, pause_s = state.user_travel_s[lane, user], state.user_pause_s[lane, user]
    left_s = elapsed_s
    while left_s >= travel_s + pause_s:
        left_s -= travel_s + pause_s
        travel_s, pause_s = draw_leg(params, state, lane, user)
    if left_s < travel_s:
        state.user_travel_s[lane, user] = travel_s - left_s
        state.user_pause_s[lane, user] = pause_s
    else:
        state.user_pause_s[lane, user] = pause_s - (left_s - travel_s)
        stop(state, lane, user)
    show_place(params, state, lane, user)


@scalar
def draw_leg(params, state, lane, user):
    """Set out for the next waypoint; (s, s): the way there and the pause after it."""
    key = state.key[lane]
    leg = state.user_leg[lane, user] + 1
    from_x_m, from_y_m = state.user_goal_x_m[lane, user], state.user_goal_y_m[lane, user]
    goal_x_m, goal_y_m = uniform_waypoint(
        params, uniform(key, leg, LEG_PLACE, 2 * user), uniform(key, leg, LEG_PLACE, 2 * user + 1)
    )
    slow_mps, fast_mps = speed_limits_mps(params, state, lane, user)
    speed_mps = slow_mps + (fast_mps - slow_mps) * uniform(key, leg, LEG_SPEED, user)
    state.user_leg[lane, user] = leg
    length_m = set_out(state, lane, user, from_x_m, from_y_m, goal_x_m, goal_y_m, speed_mps)
    return length_m / speed_mps, params.waypoint_pause_s * uniform(key, leg, LEG_PAUSE, user)


@scalar
def draw_first_leg(params, state, lane, user, speed_mps):
    """Put the user on a leg drawn with density ~ its length, by rejection; m: its length."""
    key, longest_m, length_m = state.key[lane], diameter_m(params), 0.0
    for trial in range(MOST_TRIES):
        from_x_m, from_y_m = uniform_waypoint(
            params, uniform(key, trial, START_LEG, 5 * user), uniform(key, trial, START_LEG, 5 * user + 1)
        )
        goal_x_m, goal_y_m = uniform_waypoint(
            params, uniform(key, trial, START_LEG, 5 * user + 2), uniform(key, trial, START_LEG, 5 * user + 3)
        )
        length_m = set_out(state, lane, user, from_x_m, from_y_m, goal_x_m, goal_y_m, speed_mps)
        if uniform(key, trial, START_LEG, 5 * user + 4) * longest_m < length_m:
            break
    return length_m


@scalar
def set_out(state, lane, user, from_x_m, from_y_m, goal_x_m, goal_y_m, speed_mps):
    """Give the user a goal and a velocity towards it; m: how far it is."""
    way_x_m, way_y_m = goal_x_m - from_x_m, goal_y_m - from_y_m
    length_m = sqrt(way_x_m * way_x_m + way_y_m * way_y_m)
    pace = speed_mps / length_m if length_m > 0.0 else 0.0
    state.user_goal_x_m[lane, user] = goal_x_m
    state.user_goal_y_m[lane, user] = goal_y_m
    state.user_velocity_x_mps[lane, user] = way_x_m * pace
    state.user_velocity_y_mps[lane, user] = way_y_m * pace
    return length_m


@scalar
def stop(state, lane, user):
    """The user stands at its goal."""
    state.user_travel_s[lane, user] = 0.0
    state.user_velocity_x_mps[lane, user] = 0.0
    state.user_velocity_y_mps[lane, user] = 0.0


@scalar
def show_place(params, state, lane, user):
    """Where the user is, from its goal and the time that is left to it."""
    travel_s = state.user_travel_s[lane, user]
    x_m, y_m = around_mast(
        params,
        state.user_goal_x_m[lane, user] - travel_s * state.user_velocity_x_mps[lane, user],
        state.user_goal_y_m[lane, user] - travel_s * state.user_velocity_y_mps[lane, user],
    )
    state.user_x_m[lane, user] = x_m
    state.user_y_m[lane, user] = y_m


@scalar
def speed_limits_mps(params, state, lane, user):
    """(m/s, m/s): the slowest and the fastest that the user walks."""
    mean_speed_mps = np.float64(state.user_mean_speed_mps[lane, user])
    return params.waypoint_slowest * mean_speed_mps, params.waypoint_fastest * mean_speed_mps


@scalar
def mean_slowness_s_per_m(slow_mps, fast_mps):
    """s/m: the mean of 1 / v over the legs; one speed for all legs is allowed."""
    if fast_mps <= slow_mps:
        return 1.0 / slow_mps
    return log(fast_mps / slow_mps) / (fast_mps - slow_mps)
