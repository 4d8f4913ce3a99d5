"""How users move: each by its own kind of mobility, placed once an episode and moved when it is looked at.

    static            stands where it was put, uniform in the region
    gauss_markov      wanders without a goal                           `gauss_markov.py`
    random_waypoint   walks from place to place, with pauses           `random_waypoint.py`
    manhattan         drives on a grid of streets                      `manhattan.py`

All begin at their stationary law, so no episode has a beginning that is unlike its end. A user is moved by the time
since it was last moved, however long that is. Where it then is depends on that time alone for waypoints and streets
(their draws are keyed by `user_leg`); a Gauss-Markov user's draws are keyed by `step`, and the law is the same however
the time is split. No draw depends on what a policy did, as long as the times of the looks do not.

The environment sets `user_mobility` and `user_mean_speed_mps` before it places a user.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import scalar
from mei_gym.network.accepted import known, not_negative, within
from mei_gym.network.gauss_markov import begin_walk, walk
from mei_gym.network.manhattan import begin_drive, drive
from mei_gym.network.random_waypoint import begin_waypoints, follow_waypoints
from mei_gym.network.region import DISK, RECTANGLE, REGIONS, uniform_place

STATIC, GAUSS_MARKOV, RANDOM_WAYPOINT, MANHATTAN = 0, 1, 2, 3
#: As a scenario file calls them.
MOBILITIES = {
    "static": STATIC,
    "gauss_markov": GAUSS_MARKOV,
    "random_waypoint": RANDOM_WAYPOINT,
    "manhattan": MANHATTAN,
}

PLACE_RADIUS, PLACE_ANGLE = 100, 101  # purposes of draws

FASTEST_MPS = 350.0  # TS 22.261: 5G serves trains of 500 km/h and aeroplanes of 1000 km/h at most (recalled)


class MovementParams(NamedTuple):
    """What a scenario fixes about the region and the movement in it."""

    region_shape: int = DISK
    region_inner_m: float = 10.0  # of a disk: TR 38.901 table 7.2-1, UMi: least distance from the mast
    region_outer_m: float = 105.0  # of a disk: a hexagon's area where sites are 200 m apart
    region_width_m: float = 1299.0  # of a rectangle: TR 36.885 (recalled), three blocks
    region_height_m: float = 750.0  # the same
    velocity_tau_s: float = 20.0  # Gauss-Markov: 10 to 60 s is usual for walkers; a = .95 at 1 s
    waypoint_slowest: float = 0.5  # of the user's mean speed: chosen, .5 to 1.5 m/s for a walker of 1 m/s
    waypoint_fastest: float = 1.5  # the same
    waypoint_pause_s: float = 60.0  # the longest pause; chosen
    street_block_width_m: float = 433.0  # TR 36.885 (recalled)
    street_block_height_m: float = 250.0  # the same


#: The least and the most that is accepted.
LIMITS = {
    "region_inner_m": (0.0, 1e6),
    "region_outer_m": (1.0, 1e6),
    "region_width_m": (1.0, 1e6),
    "region_height_m": (1.0, 1e6),
    "velocity_tau_s": (1e-3, 1e6),
    "waypoint_slowest": (1e-3, 10.0),  # 0 would have users set out who never arrive
    "waypoint_fastest": (1e-3, 10.0),
    "waypoint_pause_s": (0.0, 1e6),
    "street_block_width_m": (1.0, 1e6),
    "street_block_height_m": (1.0, 1e6),
}


class MovementState(NamedTuple):
    """What changes: K users a lane."""

    key: np.ndarray  # u8[lanes]: the episode's key of chance; read only
    user_mobility: np.ndarray  # i8[lanes, K]: which kind; set by the environment, read only
    user_mean_speed_mps: np.ndarray  # float[lanes, K]: set by the environment, read only; 0: the user stands
    user_x_m: np.ndarray  # float[lanes, K]
    user_y_m: np.ndarray  # float[lanes, K]
    user_velocity_x_mps: np.ndarray  # f8[lanes, K]
    user_velocity_y_mps: np.ndarray  # f8[lanes, K]
    user_goal_x_m: np.ndarray  # f8[lanes, K]: waypoint, crossing or border at the end of the leg
    user_goal_y_m: np.ndarray  # f8[lanes, K]
    user_travel_s: np.ndarray  # f8[lanes, K]: time left on the way to the goal
    user_pause_s: np.ndarray  # f8[lanes, K]: time left of the pause there
    user_leg: np.ndarray  # i8[lanes, K]: number of the leg, 0 at the beginning


@scalar
def place_mover(params, state, lane, user):
    """Begin an episode: the user at a place and velocity of its kind's stationary law."""
    key = state.key[lane]
    x_m, y_m = uniform_place(params, uniform(key, 0, PLACE_RADIUS, user), uniform(key, 0, PLACE_ANGLE, user))
    state.user_x_m[lane, user] = x_m
    state.user_y_m[lane, user] = y_m
    state.user_velocity_x_mps[lane, user] = 0.0
    state.user_velocity_y_mps[lane, user] = 0.0
    state.user_goal_x_m[lane, user] = x_m
    state.user_goal_y_m[lane, user] = y_m
    state.user_travel_s[lane, user] = 0.0
    state.user_pause_s[lane, user] = 0.0
    state.user_leg[lane, user] = 0
    if state.user_mean_speed_mps[lane, user] <= 0.0:
        return
    mobility = state.user_mobility[lane, user]
    if mobility == GAUSS_MARKOV:
        begin_walk(params, state, lane, user)
    elif mobility == RANDOM_WAYPOINT:
        begin_waypoints(params, state, lane, user)
    elif mobility == MANHATTAN:
        begin_drive(params, state, lane, user)


@scalar
def move_mover(params, state, lane, user, elapsed_s, step):
    """Move the user on by `elapsed_s`, the time since it was placed or last moved."""
    if elapsed_s <= 0.0 or state.user_mean_speed_mps[lane, user] <= 0.0:
        return
    mobility = state.user_mobility[lane, user]
    if mobility == GAUSS_MARKOV:
        walk(params, state, lane, user, elapsed_s, step)
    elif mobility == RANDOM_WAYPOINT:
        follow_waypoints(params, state, lane, user, elapsed_s)
    elif mobility == MANHATTAN:
        drive(params, state, lane, user, elapsed_s)


def movement_params(region: str = "disk", **values: float) -> MovementParams:
    """The parameters of a region by name and of the movement in it, the defaults where `values` says nothing.

    Raises:
        ValueError: an unknown name, a number that no region or movement has, or two that contradict each other.
    """
    shape = REGIONS[known("region", region, REGIONS)]
    for name, value in values.items():
        known("movement value", name, LIMITS)
        values[name] = within(name, value, *LIMITS[name])
    params = MovementParams(region_shape=shape, **values)
    if shape == DISK and params.region_inner_m >= params.region_outer_m:
        raise ValueError(
            f"region_inner_m is {params.region_inner_m:g}; less than region_outer_m, {params.region_outer_m:g},"
            " is accepted."
        )
    if params.waypoint_slowest > params.waypoint_fastest:
        raise ValueError(
            f"waypoint_slowest is {params.waypoint_slowest:g}; at most waypoint_fastest,"
            f" {params.waypoint_fastest:g}, is accepted."
        )
    return params


def mobility_of(name: str, params: MovementParams) -> int:
    """The number of a mobility by its name, if the region allows it.

    Raises:
        ValueError: an unknown name, or streets that do not fit the region.
    """
    mobility = MOBILITIES[known("mobility", name, MOBILITIES)]
    if mobility != MANHATTAN:
        return mobility
    if params.region_shape != RECTANGLE:
        raise ValueError("The mobility 'manhattan' needs the region 'rectangle'; a disk has no streets.")
    for side in ("width", "height"):
        length_m, block_m = getattr(params, f"region_{side}_m"), getattr(params, f"street_block_{side}_m")
        if round(length_m / block_m) < 1 or abs(length_m / block_m - round(length_m / block_m)) > 1e-6:
            raise ValueError(
                f"region_{side}_m is {length_m:g}; for the mobility 'manhattan' a whole number of blocks of"
                f" {block_m:g} m is accepted."
            )
    return mobility


def mean_speed_of(name: str, value: float) -> float:
    """m/s: a mean speed called `name` that a user can have.

    Raises:
        ValueError: a negative or absurd speed.
    """
    return not_negative(name, value, FASTEST_MPS)
