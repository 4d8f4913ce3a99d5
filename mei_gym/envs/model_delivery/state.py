"""What ModelDelivery holds: parameters that a scenario fixes, and arrays that a step changes."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np

from mei_gym.envs.model_delivery.fields import FIELDS, ROWS
from mei_gym.envs.model_delivery.modes import MODES
from mei_gym.envs.task import Scale
from mei_gym.network.cell import NetworkParams, NetworkState, network_state
from mei_gym.workload.arrivals import STREAMS, ArrivalParams, ArrivalState
from mei_gym.workload.pieces import PieceParams
from mei_gym.workload.popularity import PopularityParams, PopularityState
from mei_gym.workload.population import PopulationParams, PopulationState


class DeliveryParams(NamedTuple):
    """What this environment adds to the parameters of its library, its cell and its workload."""

    slots: int  # requests that may be pending at once
    requests: int  # of an episode
    # applications and device classes
    application_share: np.ndarray  # f8[application] of the users, cumulative
    application_class_share: np.ndarray  # f8[application, class] cumulative
    deadline_low: np.ndarray  # f8[application] in times of the model's reference download
    deadline_high: np.ndarray  # f8[application]
    worth: np.ndarray  # f8[application]
    quality_weight: np.ndarray  # f8[application]
    late_weight: np.ndarray  # f8[application]
    class_least_bits: np.ndarray  # f8[class] fewer are expanded
    class_store_bytes_per_s: np.ndarray  # f8[class]
    class_expand_bytes_per_s: np.ndarray  # f8[class]
    class_active_w: np.ndarray  # f8[class]
    class_speed_mps: np.ndarray  # f8[class]
    class_mobility: np.ndarray  # i8[class]
    # times
    reference_bps: float  # of the download that deadlines are measured by
    look_s: float  # between two reports of the pending users
    wait_s: float  # that waiting takes at most
    popularity_look_s: float
    rate_memory_s: float
    # prices
    sending_w: float  # of a station, above asleep
    joule_price: float  # 1/J
    air_price: float  # 1/s


PARAM_PARTS = (
    NetworkParams,
    PieceParams,
    ArrivalParams,
    PopulationParams,
    PopularityParams,
    Scale,
    DeliveryParams,
)
ModelDeliveryParams: Any = namedtuple(
    "ModelDeliveryParams", [name for part in PARAM_PARTS for name in part._fields], module=__name__
)


class DeliveryState(NamedTuple):
    """What this environment adds to the state of its cell and its workload."""

    seed: np.ndarray  # u8[lane]
    episode: np.ndarray  # i8[lane]
    clock_s: np.ndarray  # f8[lane]
    tick: np.ndarray  # i8[lane] number of the last report
    request: np.ndarray  # i8[lane] number of the next request
    next_request_s: np.ndarray  # f8[lane] when it comes; inf: no more
    last_request_s: np.ndarray  # f8[lane] when the last one came
    rate_hz: np.ndarray  # f8[lane] requests lately, as of the last one
    popularity_look: np.ndarray  # i8[lane] number of the last look at the popularities
    pending: np.ndarray  # i8[lane] requests in slots
    sensed: np.ndarray  # f8[lane, field] what the observation shows, in SI
    # users
    user_application: np.ndarray  # i8[lane, user]
    user_class: np.ndarray  # i8[lane, user]
    user_seen_s: np.ndarray  # f8[lane, user] when it was last looked at
    user_tick: np.ndarray  # i8[lane, user] number of the last report that it has given
    user_asked_s: np.ndarray  # f8[lane, user] when it last asked
    user_alone: np.ndarray  # f8[lane, user] bit/s/Hz from its own site; 0: nothing gets through
    user_together: np.ndarray  # f8[lane, user] bit/s/Hz jointly with its neighbour
    user_partner: np.ndarray  # i8[lane, user] that neighbour
    # pieces
    piece_rate_hz: np.ndarray  # f8[lane, piece] requests that need it lately, as of the last one
    piece_seen_s: np.ndarray  # f8[lane, piece] when that was
    piece_wanted: np.ndarray  # i8[lane, piece] users who lack it and can receive; 0 outside of `offer`
    piece_nearest_s: np.ndarray  # f8[lane, piece] their nearest deadline
    piece_row: np.ndarray  # i8[lane, piece] its row; -1: none
    # slots: pending requests; slot_missing is 0 where there is none
    slot_missing: np.ndarray  # i8[lane, slot] pieces that are lacking
    slot_number: np.ndarray  # i8[lane, slot] of the request
    slot_user: np.ndarray  # i8[lane, slot]
    slot_model: np.ndarray  # i8[lane, slot]
    slot_asked_s: np.ndarray  # f8[lane, slot]
    slot_deadline_s: np.ndarray  # f8[lane, slot]
    slot_ready_s: np.ndarray  # f8[lane, slot] when the device has stored what it received
    slot_left_bytes: np.ndarray  # f8[lane, slot] lacking, at the fewest bits
    slot_loss: np.ndarray  # f8[lane, slot] of what was received, weighted by its share of the model
    slot_receives: np.ndarray  # i8[lane, slot] 1: what is being sent now is for it
    slot_got: np.ndarray  # i1[lane, slot, piece of the model] 1: received
    # the table of pieces that can be sent now
    needed: np.ndarray  # i8[lane, needs] pieces that somebody lacks who can receive
    needed_count: np.ndarray  # i8[lane]
    order: np.ndarray  # i8[lane, slot] slots of the pending requests, the best receivers first
    row_piece: np.ndarray  # i8[lane, row] -1: none
    row_reached: np.ndarray  # i8[lane, row] members who can receive, at least jointly
    row_heard: np.ndarray  # i8[lane, row] of them, from their own site
    row_first: np.ndarray  # i8[lane, row] of them, in the best group
    row_urgent: np.ndarray  # i8[lane, row] the slot of the nearest deadline
    row_partners: np.ndarray  # i8[lane, row]
    row_member: np.ndarray  # i8[lane, row, slot] slots, the best receivers first
    row_alone: np.ndarray  # f8[lane, row, slot] bit/s/Hz of each member from its own site
    row_efficiency: np.ndarray  # f8[lane, row, mode] of the mode's group; 0: the mode is not open
    row_slack_s: np.ndarray  # f8[lane, row, mode] longest slack in the mode's group


STATE_PARTS = (NetworkState, ArrivalState, PopulationState, PopularityState, DeliveryState)
STATE_NAMES = list(dict.fromkeys(name for part in STATE_PARTS for name in part._fields))
ModelDeliveryState: Any = namedtuple("ModelDeliveryState", STATE_NAMES, module=__name__)

INTEGERS = {
    "episode", "tick", "request", "popularity_look", "pending", "user_application", "user_class", "user_tick",
    "user_partner", "piece_wanted", "piece_row", "slot_missing", "slot_number", "slot_user",
    "slot_model", "slot_receives", "needed", "needed_count", "order", "row_piece", "row_reached", "row_heard",
    "row_first", "row_urgent", "row_partners", "row_member", "arrival_wave_second", "arrival_burst",
    "arrival_first_row", "popularity_newcomer", "popularity_rank", "popularity_version", "popularity_ring_model",
}  # fmt: skip
POPULARITY_SITES = 1  # one cell
OF_MODELS = {"popularity_rank", "popularity_drift", "popularity_version"}
OF_SITES_AND_MODELS = {"popularity_ring_model", "popularity_cumulative"}


def allocate(params: Any, lanes: int) -> Any:
    """Zeroed arrays for `lanes` episodes: one a variable, the lane first."""
    laid = network_state(lanes, 2 * params.users, params.sites)._asdict()  # see users.py
    own_shapes: dict[str, tuple[int, ...]] = {
        "slot_got": (params.slots, params.most_pieces),
        "needed": (params.slots * params.most_pieces,),
        "order": (params.slots,),
        "sensed": (len(FIELDS),),
        "row_member": (ROWS, params.slots),
        "row_alone": (ROWS, params.slots),
        "row_efficiency": (ROWS, MODES),
        "row_slack_s": (ROWS, MODES),
        "arrival_phase": (),
        **dict.fromkeys(OF_MODELS, (params.models,)),
        **dict.fromkeys(OF_SITES_AND_MODELS, (POPULARITY_SITES, params.models)),
    }
    by_prefix = {
        "slot_": (params.slots,),
        "user_": (params.users,),
        "piece_": (params.pieces,),
        "row_": (ROWS,),
        "arrival_": (STREAMS,),
    }

    def array(name: str) -> np.ndarray:
        shape = own_shapes.get(name)
        if shape is None:
            shape = next((shape for prefix, shape in by_prefix.items() if name.startswith(prefix)), ())
        kind = np.float64
        if name == "seed":
            kind = np.uint64
        elif name == "slot_got":
            kind = np.int8
        elif name in INTEGERS:
            kind = np.int64
        return np.zeros((lanes, *shape), kind)

    return ModelDeliveryState(*(laid[name] if name in laid else array(name) for name in STATE_NAMES))
