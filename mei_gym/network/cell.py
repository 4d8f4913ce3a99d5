"""One cell of a hexagonal network: who is where, and how that changes while time passes.

The base station stands at the origin; its six neighbours stand `site_distance_m` away. A user stays within
the disk of the hexagon's area and keeps, towards each of the seven sites, a line-of-sight and a shadowing
number that change with the distance it walks. The neighbours' load and the uplink rise drift as
Ornstein-Uhlenbeck chains. What follows for a user's link is in `link.py`, and is part of this module's face.

Draws are keyed by (key, step, purpose, index): `step` is the number of the request, so no policy changes
them as long as `elapsed_s` is the time between arrivals. Users are moved one by one: move the user who
asks, by the time since it was last moved.

Sites' shadowing is drawn independently; a common part would change the median SINR by less than .6 dB.
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt
from typing import NamedTuple

import numpy as np

from mei_gym.chance import normal, uniform
from mei_gym.compiled import scalar
from mei_gym.network.channel import (
    UMI,
    correlated,
    in_line_of_sight,
    los_correlation_m,
    shadowing_correlation_m,
)
from mei_gym.network.fading import ERGODIC, pass_fading, start_fading
from mei_gym.network.link import (
    downlink_efficiency,
    downlink_rate_bps,
    neighbour_load,
    uplink_efficiency,
    uplink_power_w,
    uplink_rate_bps,
    uplink_rise_db,
    user_distance_m,
    user_in_line_of_sight,
    user_in_outage,
    user_link,
    user_sinr,
)
from mei_gym.network.mobility import gauss_markov, ring_radius_m, velocity_sigma_mps, walked
from mei_gym.network.penetration import V19_2, place_walls
from mei_gym.network.sites import SITES, cell_radius_m, outer_gain, site_distance_of_place_m

__all__ = [
    "CellParams",
    "CellState",
    "downlink_efficiency",
    "downlink_rate_bps",
    "drift_cell",
    "move_user",
    "neighbour_load",
    "place_cell",
    "place_user",
    "uplink_efficiency",
    "uplink_power_w",
    "uplink_rate_bps",
    "uplink_rise_db",
    "user_distance_m",
    "user_in_line_of_sight",
    "user_in_outage",
    "user_link",
    "user_sinr",
]  # fmt: skip

# Purposes of draws, 100-199.
PLACE_RADIUS, PLACE_ANGLE, PLACE_VELOCITY, PLACE_LOS, PLACE_SHADOWING, PLACE_CELL = (
    100,
    101,
    102,
    103,
    104,
    105,
)
MOVE_VELOCITY, MOVE_POSITION, MOVE_LOS, MOVE_SHADOWING, DRIFT_LOAD, DRIFT_RISE = 110, 111, 112, 113, 114, 115


class CellParams(NamedTuple):
    """What a scenario fixes about the radio; powers in W, ratios without unit. `setup.cell_params` fills it.

    The first seven follow from its modulation and fading and are laid there; the defaults are those of UMi.
    """

    efficiency_factor: float  # network/codes.py, by the scenario's modulation
    efficiency_gap: float
    efficiency_cap: float  # bit/s/Hz of one layer
    sinr_floor: float  # a ratio: below it no code gets through
    code_sinr: np.ndarray  # f8[codes]: least SINR of each code, a ratio; empty for Shannon's bound
    code_efficiency: np.ndarray  # f8[codes]: bit/s/Hz
    efficiency_of_knot: np.ndarray  # f8[2, knots]: ergodic, blocked and in line of sight (network/ergodic.py)
    propagation: int = UMI  # network/channel.py
    fading: int = ERGODIC  # network/fading.py
    fading_blocks: int = 1  # of `block`; where a scenario says nothing, as many as .1 s of a walker's air meets
    fading_least_speed_mps: float = 0.83  # TR 38.901 table 7.2-1: 3 km/h, of users or of what moves around them
    indoor_share: float = 0.0  # of the users; chosen (TR 38.901 table 7.2-1 has .8)
    car_share: float = 0.0  # of the users; chosen
    high_loss_share: float = 0.2  # of the buildings: ITU-R M.2412, dense urban (recalled)
    spec_version: int = V19_2  # network/penetration.py: the later release's coated glass
    carrier_hz: float = 3.5e9  # band n78
    site_distance_m: float = 200.0  # TR 38.901 table 7.8-1: UMi inter-site distance
    base_height_m: float = 10.0  # TR 38.901 table 7.2-1, UMi
    user_height_m: float = 1.5  # the same
    keep_out_m: float = 10.0  # the same: least distance from the mast, where the path loss formula begins
    base_power_w: float = 1.9953  # 33 dBm; 44 dBm (TR 38.901 table 7.8-1) changes nothing, interference rules
    user_power_maximum_w: float = 0.19953  # 23 dBm: TS 38.101-1, power class 3
    uplink_target_w: float = 3.1623e-12  # -85 dBm a resource block: recalled, a usual P0 for alpha .8
    path_loss_compensation: float = 0.8  # alpha: recalled, the usual fractional power control
    base_noise_figure_db: float = 5.0  # TR 38.901 table 7.8-1 (recalled)
    user_noise_figure_db: float = 9.0  # the same
    resource_blocks: float = 273.0  # TS 38.101-1: 100 MHz at 30 kHz
    numerology: float = 1.0  # 30 kHz
    downlink_overhead: float = 0.14  # TS 38.306 4.1.2, FR1 (recalled)
    uplink_overhead: float = 0.08  # the same
    downlink_share: float = 0.7  # TDD frame DDDSU, a guard between (recalled)
    uplink_share: float = 0.23  # the same
    downlink_layers: float = 2.0  # chosen: two layers to a handset, power shared between them
    uplink_layers: float = 1.0  # one transmit antenna
    neighbour_load_mean: float = 0.5  # chosen: between the idle and the full network
    neighbour_load_sd: float = 0.2  # chosen
    neighbour_load_tau_s: float = 118.0  # workload/arrivals.py: how long Azure's request rate remembers
    uplink_rise_mean_db: float = 3.2  # computed: two rings of such cells, half loaded, users under power control
    uplink_rise_sd_db: float = 1.5  # chosen: half of the 2.8 dB from slot to slot, most of which a request averages
    uplink_rise_tau_s: float = 118.0  # as the downlink's
    velocity_tau_s: float = 20.0  # reference range 10 to 60 s for walkers; a = .95 at 1 s


class CellState(NamedTuple):
    """What changes: K users a lane; floats are float32 or float64."""

    key: np.ndarray  # u64[lanes]: the episode's key of chance; read only
    user_mean_speed_mps: np.ndarray  # float[lanes, K]: set by the environment before `place_user`; read only
    user_x_m: np.ndarray  # float[lanes, K]: the base station is at the origin
    user_y_m: np.ndarray  # float[lanes, K]
    user_velocity_x_mps: np.ndarray  # float[lanes, K]
    user_velocity_y_mps: np.ndarray  # float[lanes, K]
    user_los_normal: np.ndarray  # float[lanes, K, SITES]: line of sight where Phi(this) < P(line of sight)
    user_shadowing_normal: np.ndarray  # float[lanes, K, SITES]: shadowing in standard deviations
    user_depth_m: np.ndarray  # float[lanes, K]: behind the outer wall of a building; 0: outdoors
    user_wall_db: np.ndarray  # float[lanes, K]: what a building or a car takes from every link
    user_fading_re: np.ndarray  # float[lanes, K]: the scattered gain of `ar1`
    user_fading_im: np.ndarray  # float[lanes, K]
    user_faded_step: np.ndarray  # i8[lanes, K]: the request whose blocks are drawn by `block`
    outer_gain: np.ndarray  # float[lanes]: follows from the parameters, computed once an episode
    neighbour_load_normal: np.ndarray  # float[lanes]: standard normal, drifting
    uplink_rise_normal: np.ndarray  # float[lanes]: standard normal, drifting


@scalar
def place_cell(params, state, lane):
    """Begin an episode: the two drifting quantities at their stationary law, the far sites' gain."""
    key = state.key[lane]
    state.outer_gain[lane] = outer_gain(params)
    state.neighbour_load_normal[lane] = normal(key, 0, PLACE_CELL, 0)
    state.uplink_rise_normal[lane] = normal(key, 0, PLACE_CELL, 1)


@scalar
def drift_cell(params, state, lane, elapsed_s, step):
    """Let the neighbours' load and the uplink rise drift for `elapsed_s`."""
    key = state.key[lane]
    state.neighbour_load_normal[lane] = correlated(
        np.float64(state.neighbour_load_normal[lane]),
        elapsed_s,
        params.neighbour_load_tau_s,
        normal(key, step, DRIFT_LOAD, 0),
    )
    state.uplink_rise_normal[lane] = correlated(
        np.float64(state.uplink_rise_normal[lane]),
        elapsed_s,
        params.uplink_rise_tau_s,
        normal(key, step, DRIFT_RISE, 0),
    )


@scalar
def place_user(params, state, lane, user):
    """Begin an episode: the user uniform in the cell, its velocity and shadows at their stationary law."""
    key = state.key[lane]
    radius_m = ring_radius_m(params.keep_out_m, cell_radius_m(params), uniform(key, 0, PLACE_RADIUS, user))
    angle = 2.0 * pi * uniform(key, 0, PLACE_ANGLE, user)
    sigma_mps = velocity_sigma_mps(np.float64(state.user_mean_speed_mps[lane, user]))
    state.user_x_m[lane, user] = radius_m * cos(angle)
    state.user_y_m[lane, user] = radius_m * sin(angle)
    state.user_velocity_x_mps[lane, user] = sigma_mps * normal(key, 0, PLACE_VELOCITY, 2 * user)
    state.user_velocity_y_mps[lane, user] = sigma_mps * normal(key, 0, PLACE_VELOCITY, 2 * user + 1)
    for site in range(SITES):
        index = user * SITES + site
        state.user_los_normal[lane, user, site] = normal(key, 0, PLACE_LOS, index)
        state.user_shadowing_normal[lane, user, site] = normal(key, 0, PLACE_SHADOWING, index)
    place_walls(params, state, lane, user)
    start_fading(params, state, lane, user)


@scalar
def move_user(params, state, lane, user, elapsed_s, step):
    """Move the user on by `elapsed_s`, its line of sight and shadowing by the distance that makes, and its fading."""
    pass_fading(params, state, lane, user, elapsed_s, step)
    key = state.key[lane]
    old_x_m, old_y_m = np.float64(state.user_x_m[lane, user]), np.float64(state.user_y_m[lane, user])
    sigma_mps = velocity_sigma_mps(np.float64(state.user_mean_speed_mps[lane, user]))
    if sigma_mps <= 0.0 or elapsed_s <= 0.0:
        return
    tau_s = params.velocity_tau_s
    step_x_m, velocity_x_mps = gauss_markov(
        np.float64(state.user_velocity_x_mps[lane, user]), sigma_mps, tau_s, elapsed_s,
        normal(key, step, MOVE_VELOCITY, 2 * user), normal(key, step, MOVE_POSITION, 2 * user),
    )  # fmt: skip
    step_y_m, velocity_y_mps = gauss_markov(
        np.float64(state.user_velocity_y_mps[lane, user]), sigma_mps, tau_s, elapsed_s,
        normal(key, step, MOVE_VELOCITY, 2 * user + 1), normal(key, step, MOVE_POSITION, 2 * user + 1),
    )  # fmt: skip
    x_m, y_m, velocity_x_mps, velocity_y_mps = walked(
        old_x_m, old_y_m, step_x_m, step_y_m, velocity_x_mps, velocity_y_mps, params.keep_out_m, cell_radius_m(params)
    )
    moved_m = sqrt((x_m - old_x_m) ** 2 + (y_m - old_y_m) ** 2)
    state.user_x_m[lane, user] = x_m
    state.user_y_m[lane, user] = y_m
    state.user_velocity_x_mps[lane, user] = velocity_x_mps
    state.user_velocity_y_mps[lane, user] = velocity_y_mps
    depth_m = np.float64(state.user_depth_m[lane, user])
    indoors = 1 if depth_m > 0.0 else 0
    for site in range(SITES):
        index = user * SITES + site
        los_normal = correlated(
            np.float64(state.user_los_normal[lane, user, site]),
            moved_m,
            los_correlation_m(params.propagation),
            normal(key, step, MOVE_LOS, index),
        )
        outdoors_m = max(0.0, site_distance_of_place_m(params, x_m, y_m, site) - depth_m)
        line_of_sight = in_line_of_sight(params.propagation, outdoors_m, params.user_height_m, los_normal)
        state.user_los_normal[lane, user, site] = los_normal
        state.user_shadowing_normal[lane, user, site] = correlated(
            np.float64(state.user_shadowing_normal[lane, user, site]),
            moved_m,
            shadowing_correlation_m(params.propagation, line_of_sight, indoors),
            normal(key, step, MOVE_SHADOWING, index),
        )
