"""The network around the users: who is where and hears which site, and how that changes while time passes.

Users move by their mobility (`movement.py`) in a region about the origin, and keep towards each site a line-of-sight
and a shadowing number that change with the distance they move. At a look the strongest site may take a user over
(`handover.py`). The neighbours' load and the uplink rise drift as Ornstein-Uhlenbeck chains. What follows for a user's
link is in `link.py`, and is part of this module's face.

Draws are keyed by (key, step, purpose, index): `step` is the number of the request, so no policy changes
them as long as `elapsed_s` is the time between arrivals. Users are moved one by one: move the user who
asks, by the time since it was last moved.

Sites' shadowing is drawn independently; a common part would change the median SINR by less than .6 dB.
"""

from __future__ import annotations

from collections import namedtuple
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from mei_gym.chance import normal
from mei_gym.compiled import scalar
from mei_gym.network.channel import (
    UMI,
    correlated,
    in_line_of_sight,
    los_correlation_m,
    shadowing_correlation_m,
)
from mei_gym.network.fading import ERGODIC, pass_fading, start_fading
from mei_gym.network.handover import HandoverParams, HandoverState, attach
from mei_gym.network.link import (
    distance_to_site_m,
    downlink_efficiency,
    downlink_rate_bps,
    heard,
    look_at_user,
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
from mei_gym.network.movement import MovementParams, MovementState, move_mover, place_mover
from mei_gym.network.penetration import V19_2, place_walls
from mei_gym.network.sites import SiteParams, outer_gain

__all__ = [
    "CellParams",
    "CellState",
    "NetworkParams",
    "NetworkState",
    "downlink_efficiency",
    "downlink_rate_bps",
    "drift_cell",
    "look_at_user",
    "move_user",
    "neighbour_load",
    "network_state",
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
PLACE_LOS, PLACE_SHADOWING, PLACE_CELL = 103, 104, 105
MOVE_LOS, MOVE_SHADOWING, DRIFT_LOAD, DRIFT_RISE = 112, 113, 114, 115


TDD, FDD = 0, 1
DUPLEXES = {"tdd": TDD, "fdd": FDD}


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
    duplex: int = TDD  # TDD: the directions share the carrier's time; FDD: each has a carrier of its own
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


class CellState(NamedTuple):
    """What changes besides where users are and which site serves them: K users a lane."""

    key: np.ndarray  # u8[lanes]: the episode's key of chance; read only
    user_los_normal: np.ndarray  # f8[lanes, K, sites]: line of sight where Phi(this) < P(line of sight)
    user_shadowing_normal: np.ndarray  # f8[lanes, K, sites]: shadowing in standard deviations
    user_depth_m: np.ndarray  # f8[lanes, K]: behind the outer wall of a building; 0: outdoors
    user_wall_db: np.ndarray  # f8[lanes, K]: what a building or a car takes from every link
    user_fading_re: np.ndarray  # f8[lanes, K]: the scattered gain of `ar1`
    user_fading_im: np.ndarray  # f8[lanes, K]
    user_faded_step: np.ndarray  # i8[lanes, K]: the request whose blocks are drawn by `block`
    outer_gain: np.ndarray  # f8[lanes]: follows from the parameters, computed once an episode
    neighbour_load_normal: np.ndarray  # f8[lanes]: standard normal, drifting
    uplink_rise_normal: np.ndarray  # f8[lanes]: standard normal, drifting


PARAM_PARTS = (CellParams, SiteParams, MovementParams, HandoverParams)
STATE_PARTS = (CellState, MovementState, HandoverState)
NetworkParams: Any = namedtuple(
    "NetworkParams", [name for part in PARAM_PARTS for name in part._fields], module=__name__
)
NetworkState: Any = namedtuple(
    "NetworkState", list(dict.fromkeys(name for part in STATE_PARTS for name in part._fields)), module=__name__
)
WHOLE = {"user_faded_step", "user_mobility", "user_leg", "user_site"}  # of 64 bits
OF_LANES = {"key", "outer_gain", "neighbour_load_normal", "uplink_rise_normal"}
OF_SITES = {"user_los_normal", "user_shadowing_normal"}


def network_state(lanes: int, users: int, sites: int) -> Any:
    """Zeroed arrays of the network for `lanes` episodes."""

    def array(name: str) -> np.ndarray:
        shape = (lanes,) if name in OF_LANES else (lanes, users, sites) if name in OF_SITES else (lanes, users)
        return np.zeros(shape, np.uint64 if name == "key" else np.int64 if name in WHOLE else np.float64)

    return NetworkState(*(array(name) for name in NetworkState._fields))


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
    """Begin an episode: the user at its mobility's stationary law, its shadows at theirs; the strongest site serves."""
    key = state.key[lane]
    place_mover(params, state, lane, user)
    sites = params.sites
    for site in range(sites):
        index = user * sites + site
        state.user_los_normal[lane, user, site] = normal(key, 0, PLACE_LOS, index)
        state.user_shadowing_normal[lane, user, site] = normal(key, 0, PLACE_SHADOWING, index)
    place_walls(params, state, lane, user)
    start_fading(params, state, lane, user)
    state.user_site[lane, user] = 0
    attach(state, lane, user, heard(params, state, lane, user)[0])


@scalar
def move_user(params, state, lane, user, elapsed_s, step):
    """Move the user on by `elapsed_s`, its line of sight and shadowing by the distance that makes, and its fading."""
    pass_fading(params, state, lane, user, elapsed_s, step)
    old_x_m, old_y_m = np.float64(state.user_x_m[lane, user]), np.float64(state.user_y_m[lane, user])
    move_mover(params, state, lane, user, elapsed_s, step)
    across_m, along_m = state.user_x_m[lane, user] - old_x_m, state.user_y_m[lane, user] - old_y_m
    moved_m = sqrt(across_m * across_m + along_m * along_m)
    if moved_m <= 0.0:
        return
    key = state.key[lane]
    depth_m = np.float64(state.user_depth_m[lane, user])
    indoors = 1 if depth_m > 0.0 else 0
    sites = params.sites
    for site in range(sites):
        index = user * sites + site
        los_normal = correlated(
            np.float64(state.user_los_normal[lane, user, site]),
            moved_m,
            los_correlation_m(params.propagation),
            normal(key, step, MOVE_LOS, index),
        )
        outdoors_m = max(0.0, distance_to_site_m(params, state, lane, user, site) - depth_m)
        line_of_sight = in_line_of_sight(params.propagation, outdoors_m, params.user_height_m, los_normal)
        state.user_los_normal[lane, user, site] = los_normal
        state.user_shadowing_normal[lane, user, site] = correlated(
            np.float64(state.user_shadowing_normal[lane, user, site]),
            moved_m,
            shadowing_correlation_m(params.propagation, line_of_sight, indoors),
            normal(key, step, MOVE_SHADOWING, index),
        )
