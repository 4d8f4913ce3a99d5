"""What SplitInference holds: parameters that a scenario fixes, and arrays that a step changes."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from mei_gym.costs.compute import ComputeCosts
from mei_gym.costs.server import ServingParams
from mei_gym.costs.slots import ServingState, serving_state
from mei_gym.envs.laying import LinkParams
from mei_gym.envs.split_inference.fields import FIELDS
from mei_gym.envs.task import Scale
from mei_gym.network.cell import NetworkParams, NetworkState, network_state
from mei_gym.workload.arrivals import STREAMS, ArrivalParams, ArrivalState
from mei_gym.workload.population import PopulationParams, PopulationState
from mei_gym.workload.prompts import PromptParams


class SplitParams(NamedTuple):
    """What this environment adds to the parameters of its costs, its cell and its workload."""

    slots: int  # requests that may be under way at once
    # applications; the last row of the prompt tables is the background's
    application_share: np.ndarray  # f8[application] of the users, cumulative
    application_class_share: np.ndarray  # f8[application, class] cumulative
    ttft_target_s: np.ndarray  # f8[application]
    tpot_target_s: np.ndarray  # f8[application]
    leakage_budget: np.ndarray  # f8[application]
    leakage_hard: np.ndarray  # f8[application] 1: no choice may leak more than the budget
    prompt_bytes_per_token: np.ndarray  # f8[application] of a prompt that travels as it is
    ttft_weight: np.ndarray  # f8[application]
    tpot_weight: np.ndarray  # f8[application]
    energy_weight: np.ndarray  # f8[application]
    leakage_weight: np.ndarray  # f8[application]
    quality_weight: np.ndarray  # f8[application]
    expected_answer_tokens: np.ndarray  # f8[application + 1]
    lateness: float  # a time that misses its target by this factor is worth nothing
    patience_s: float  # a user whose prompt has not begun to run by then gives up
    # cuts and bits
    leakage_of_cut: np.ndarray  # f8[layers + 1, 3]: by cut and bits
    quality_loss_of_cut: np.ndarray  # f8[layers + 1, 3]: likewise
    bits_choices: np.ndarray  # f8[3]
    payload_bytes_per_token: np.ndarray  # f8[3] activations of one token at each choice of bits
    text_bytes_per_token: float  # of an answer
    # device classes
    class_memory_bytes: np.ndarray  # f8[class] left by the system to apps
    class_pressure_share: np.ndarray  # f8[class] of it, taken by other apps on average
    class_pressure_spread: np.ndarray  # f8[class] standard deviation of that share
    pressure_time_s: float  # correlation time of the pressure
    class_block_bytes: np.ndarray  # f8[class]
    class_fixed_bytes: np.ndarray  # f8[class] embedding and head
    class_kv_bytes: np.ndarray  # f8[class] a token and block
    class_fetch_bytes_per_s: np.ndarray  # f8[class] from flash; 0: over the air
    class_fetch_w: np.ndarray  # f8[class]
    class_active_w: np.ndarray  # f8[class]
    class_battery_j: np.ndarray  # f8[class]
    class_energy_allowance_j: np.ndarray  # f8[class] a request
    class_heat_resistance_k_per_w: np.ndarray  # f8[class]
    class_heat_time_s: np.ndarray  # f8[class]
    class_throttle_start_k: np.ndarray  # f8[class]
    class_throttle_full_k: np.ndarray  # f8[class]
    class_throttle_floor: np.ndarray  # f8[class] share of full speed that is left
    class_speed_mps: np.ndarray  # f8[class] mean speed of its users
    class_mobility: np.ndarray  # i8[class] how they move
    battery_low: float  # charge at the beginning: uniform between these
    battery_high: float
    battery_reserve: float  # below it the device computes nothing
    # radio beyond the cell's own parameters
    fetch_share: float  # of the downlink, for layers over the air
    round_trip_s: float
    round_trip_spread: float  # standard deviation of its logarithm
    rate_memory_s: float  # how long a request counts in the observed rates


PARAM_PARTS = (
    ComputeCosts,
    ServingParams,
    NetworkParams,
    LinkParams,
    ArrivalParams,
    PopulationParams,
    PromptParams,
    Scale,
    SplitParams,
)
SplitInferenceParams: Any = namedtuple(
    "SplitInferenceParams", [name for part in PARAM_PARTS for name in part._fields], module=__name__
)


class SplitState(NamedTuple):
    """What this environment adds to the state of its server, its cell and its arrivals."""

    seed: np.ndarray  # u8[lane]
    episode: np.ndarray  # i8[lane]
    request: np.ndarray  # i8[lane] number of the request under decision
    background_request: np.ndarray  # i8[lane] number of the next background request
    next_background_s: np.ndarray  # f8[lane]
    own_rate_hz: np.ndarray  # f8[lane]
    background_rate_hz: np.ndarray  # f8[lane]
    background_seen_s: np.ndarray  # f8[lane] last background arrival
    unfinished: np.ndarray  # i8[lane] requests of the cell's users under way
    # the request under decision
    asking_user: np.ndarray  # i4[lane]
    prompt_tokens: np.ndarray  # f8[lane]
    answer_tokens: np.ndarray  # f8[lane]
    sensed: np.ndarray  # f8[lane, field] what the observation shows, in SI
    # users and their devices
    user_application: np.ndarray  # i4[lane, user]
    user_class: np.ndarray  # i4[lane, user]
    user_seen_s: np.ndarray  # f8[lane, user] when its state was last brought up to date
    user_free_s: np.ndarray  # f8[lane, user] when its device has finished its work
    user_battery_j: np.ndarray  # f8[lane, user]
    user_heat_k: np.ndarray  # f8[lane, user]
    user_pressure_normal: np.ndarray  # f8[lane, user]
    user_loaded_layers: np.ndarray  # i4[lane, user]
    # what the slots of the serving engine remember of their requests
    slot_application: np.ndarray  # i4[lane, slot]
    slot_asked_s: np.ndarray  # f8[lane, slot]
    slot_way_back_s: np.ndarray  # f8[lane, slot] from the server to the user
    slot_ttft_utility: np.ndarray  # f8[lane, slot] as forecast
    slot_tpot_utility: np.ndarray  # f8[lane, slot] as forecast


STATE_PARTS = (ServingState, NetworkState, ArrivalState, PopulationState, SplitState)
STATE_NAMES = list(dict.fromkeys(name for part in STATE_PARTS for name in part._fields))
SplitInferenceState: Any = namedtuple("SplitInferenceState", STATE_NAMES, module=__name__)

INTEGERS_32 = {"asking_user", "user_application", "user_class", "user_loaded_layers", "slot_application"}
REQUEST_NUMBERS = {"episode", "request", "background_request", "unfinished"}
INTEGERS_64 = {*REQUEST_NUMBERS, "arrival_wave_second", "arrival_burst", "arrival_first_row"}


def allocate(params: Any, lanes: int) -> Any:
    """Zeroed arrays for `lanes` episodes: one a variable, the lane first."""
    laid = {
        **network_state(lanes, params.users, params.sites)._asdict(),
        **serving_state(lanes, params.slots, params.running_limit, params.links)._asdict(),
    }

    def array(name: str) -> np.ndarray:
        shape: tuple[int, ...] = (lanes,)
        if name.startswith("slot_"):
            shape = (lanes, params.slots)
        elif name.startswith("arrival_") and name != "arrival_phase":
            shape = (lanes, STREAMS)
        elif name.startswith("user_"):
            shape = (lanes, params.users)
        elif name == "sensed":
            shape = (lanes, len(FIELDS))
        if name == "seed":
            return np.zeros(shape, np.uint64)
        kind = np.int32 if name in INTEGERS_32 else np.int64 if name in INTEGERS_64 else np.float64
        return np.zeros(shape, kind)

    return SplitInferenceState(*(laid[name] if name in laid else array(name) for name in STATE_NAMES))
