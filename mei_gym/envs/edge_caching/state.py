"""What EdgeCaching holds: parameters that a scenario fixes, and arrays that a step changes."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from mei_gym.costs.inference import InferenceParams
from mei_gym.envs.edge_caching.fields import FIELDS, SHOWN
from mei_gym.envs.task import Scale
from mei_gym.network.backhaul import Backhaul
from mei_gym.network.cell import NetworkParams, NetworkState, network_state
from mei_gym.workload.arrivals import STREAMS, ArrivalParams, ArrivalState
from mei_gym.workload.library import LibraryParams
from mei_gym.workload.popularity import PopularityParams, PopularityState
from mei_gym.workload.population import PopulationParams, PopulationState
from mei_gym.workload.prompts import PromptParams


class CachingParams(NamedTuple):
    """What this environment adds to the parameters of its network, its library and its workload."""

    servers: int
    pipes: int
    answers_at_once: int
    groups: int  # of answers that share an iteration: a base at a precision
    rows: int  # models that an observation shows
    eviction: int  # VALUE, LRU, LFU, GREEDY_DUAL or CHOSEN
    quality_loss: np.ndarray  # f8[bases, precisions]: relative rise of perplexity
    least_decode_s: np.ndarray  # f8[bases, precisions]: of an iteration, in whatever batch
    least_decode_j: np.ndarray  # f8[bases, precisions]: of a token, in whatever batch
    store_limit_bytes: float
    accelerator_limit_bytes: float
    load_bytes_per_s: float
    # applications
    application_share: np.ndarray  # f8[application] of the users, cumulative
    application_speed_mps: np.ndarray  # f8[application]
    application_mobility: np.ndarray  # i8[application]
    ttft_target_s: np.ndarray  # f8[application]
    tpot_target_s: np.ndarray  # f8[application]
    prompt_bytes_per_token: np.ndarray  # f8[application]
    worth: np.ndarray  # f8[application]
    quality_weight: np.ndarray  # f8[application]
    text_bytes_per_token: float  # of an answer
    lateness: float
    round_trip_s: float
    round_trip_spread: float
    air_share: float
    # prices
    cloud_price: float
    relay_price: float
    backhaul_price_per_byte: float
    edge_price_per_byte: float
    energy_price_per_j: float
    # time
    epoch_s: float
    step_s: float  # epoch_s / servers
    day_s: float
    kept_of_step: float  # of a remembered request, after a step
    kept_of_epoch: float
    history_requests: int  # of each site, remembered when the episode begins
    memory_s: float


PARAM_PARTS = (
    InferenceParams,
    Backhaul,
    NetworkParams,
    LibraryParams,
    ArrivalParams,
    PopulationParams,
    PromptParams,
    PopularityParams,
    Scale,
    CachingParams,
)
EdgeCachingParams: Any = namedtuple(
    "EdgeCachingParams", [name for part in PARAM_PARTS for name in part._fields], module=__name__
)


class CachingState(NamedTuple):
    """What this environment adds to the state of its network and its workload; M servers, V variants, B blocks."""

    seed: np.ndarray  # u8[lane]
    episode: np.ndarray  # i8[lane]
    clock_s: np.ndarray  # f8[lane] time of the last decision
    decision: np.ndarray  # i8[lane] number of the next decision
    request: np.ndarray  # i8[lane] number of the next request
    request_s: np.ndarray  # f8[lane] when the next request comes, or the one that is being answered came
    sensed: np.ndarray  # f8[lane, field] what the observation shows, in SI
    shown_model: np.ndarray  # i4[lane, SHOWN] the models of the rows; -1: none
    shown_key: np.ndarray  # f8[lane, SHOWN] what they are ordered by
    # users
    user_application: np.ndarray  # i4[lane, user]
    user_seen_s: np.ndarray  # f8[lane, user]
    # stores
    held: np.ndarray  # i8[lane, M] variants held
    held_from_s: np.ndarray  # f8[lane, M, V] when a held variant is whole; inf: not held
    held_bits: np.ndarray  # f8[lane, M, N] most bits in which a model is held; 0: not at all
    used_s: np.ndarray  # f8[lane, M, V] when it last answered, or was decided for
    uses: np.ndarray  # f8[lane, M, V] answers since it was decided for, the decision counted as one
    priority: np.ndarray  # f8[lane, M, V] of greedy_dual
    inflation: np.ndarray  # f8[lane, M] likewise
    stored_bytes: np.ndarray  # f8[lane, M]
    block_holders: np.ndarray  # i4[lane, M, B] held variants that use a block
    block_from_s: np.ndarray  # f8[lane, M, B] when a held block has arrived
    block_demand: np.ndarray  # f8[lane, B] room to work in
    # accelerators
    loaded_used_s: np.ndarray  # f8[lane, M, V] when a loaded variant last answered; below 0: not loaded
    loaded_holders: np.ndarray  # i4[lane, M, B]
    loaded_bytes: np.ndarray  # f8[lane, M]
    server_free_s: np.ndarray  # f8[lane, M] when it has run all prompts
    running: np.ndarray  # i8[lane, M] answers that it decodes
    running_until_s: np.ndarray  # f8[lane, M, answers]
    running_group: np.ndarray  # i4[lane, M, answers]
    group_running: np.ndarray  # i4[lane, M, groups]
    # wires
    pipe_free_s: np.ndarray  # f8[lane, pipe]
    landing_s: np.ndarray  # f8[lane, M] when the last fetch has arrived
    # what the servers remember; N models
    asked: np.ndarray  # f8[lane, M, N] requests at the site, decaying
    missed: np.ndarray  # f8[lane, M, N] of them, not answered by any edge server
    asked_all: np.ndarray  # f8[lane, N] of all sites
    asked_s: np.ndarray  # f8[lane, M, N] when the model was last asked for
    site_asked: np.ndarray  # f8[lane, M]
    site_hits: np.ndarray  # f8[lane, M]
    site_relayed: np.ndarray  # f8[lane, M]
    site_cloud: np.ndarray  # f8[lane, M]
    seen_version: np.ndarray  # i4[lane, N]


STATE_PARTS = (NetworkState, ArrivalState, PopulationState, PopularityState, CachingState)
STATE_NAMES = list(dict.fromkeys(name for part in STATE_PARTS for name in part._fields))
EdgeCachingState: Any = namedtuple("EdgeCachingState", STATE_NAMES, module=__name__)

SIZES = ("users", "sites", "servers", "models", "variants", "blocks", "pipes", "answers_at_once", "groups")
BY_VARIANT = {"held_from_s", "used_s", "uses", "priority", "loaded_used_s"}
BY_BLOCK = {"block_holders", "block_from_s", "loaded_holders"}
BY_MODEL = {"held_bits", "asked", "missed", "asked_s", "popularity_cumulative", "popularity_ring_model"}
OF_MODELS = {"asked_all", "seen_version", "popularity_rank", "popularity_drift", "popularity_version"}
BY_SERVER = {
    "held", "inflation", "stored_bytes", "loaded_bytes", "server_free_s", "running", "landing_s", "site_asked",
    "site_hits", "site_relayed", "site_cloud",
}  # fmt: skip
INTEGERS_32 = {
    "shown_model", "user_application", "block_holders", "loaded_holders", "running_group", "group_running",
    "seen_version", "popularity_rank", "popularity_version", "popularity_ring_model",
}  # fmt: skip
INTEGERS_64 = {
    "episode", "decision", "request", "running", "held", "popularity_newcomer", "arrival_wave_second", "arrival_burst",
    "arrival_first_row",
}  # fmt: skip


def allocate(params: Any, lanes: int) -> Any:
    """Zeroed arrays for `lanes` episodes: one a variable, the lane first."""
    laid = network_state(lanes, params.users, params.sites)._asdict()
    extents = {
        "sensed": (len(FIELDS),),
        "shown_model": (SHOWN,),
        "shown_key": (SHOWN,),
        "block_demand": (params.blocks,),
        "running_until_s": (params.servers, params.answers_at_once),
        "running_group": (params.servers, params.answers_at_once),
        "group_running": (params.servers, params.groups),
        "pipe_free_s": (params.pipes,),
        "arrival_phase": (),
    }
    for names, extent in (
        (BY_VARIANT, (params.servers, params.variants)),
        (BY_BLOCK, (params.servers, params.blocks)),
        (BY_MODEL, (params.servers, params.models)),
        (OF_MODELS, (params.models,)),
        (BY_SERVER, (params.servers,)),
    ):
        extents.update(dict.fromkeys(names, extent))

    def array(name: str) -> np.ndarray:
        extent = extents.get(name)
        if extent is None:
            extent = (params.users,) if name.startswith("user_") else ()
            extent = (STREAMS,) if name.startswith("arrival_") else extent
        kind: Any = np.int32 if name in INTEGERS_32 else np.int64 if name in INTEGERS_64 else np.float64
        return np.zeros((lanes, *extent), np.uint64 if name == "seed" else kind)

    return EdgeCachingState(*(laid[name] if name in laid else array(name) for name in STATE_NAMES))
