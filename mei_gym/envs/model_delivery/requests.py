"""Pending requests: they come, receive pieces, and leave when they lack nothing more or when their deadline has passed.

    deadline  = asked + u D_m / R_ref,   u uniform in [deadline_low, deadline_high]
    ready_j   = max(ready_(j-1), received_j) + decode_j             the device stores while more comes
    decode_j  = D_jp / S  (+ (D_jp + D_j0) / W  where it computes with no fewer bits than the most)

    D_m   bytes of the model at the most bits         R_ref  reference_bps: TS 22.261's download of 138 MB in 1 s
    D_jp  bytes of piece j at the bits received       D_j0   at the most bits
    S     class_store_bytes_per_s, W  class_expand_bytes_per_s: of the device

A request is served in time if the device is ready with its last piece by the deadline; then its worth is paid, less the
quality that coarse weights cost. A model that is ready later is worth nothing.
"""

from __future__ import annotations

from math import exp, floor, inf

from mei_gym.chance import uniform
from mei_gym.compiled import scalar
from mei_gym.envs.model_delivery import fields as at
from mei_gym.envs.model_delivery.users import ask
from mei_gym.workload.arrivals import OWN, next_arrival
from mei_gym.workload.popularity import drift_popularity, requested_model
from mei_gym.workload.population import asking_user

DEADLINE = 302  # purpose of a draw
ONE_CELL = 0  # the popularities' site
NO_SLOT = -1


@scalar
def await_request(params, state, lane):
    """Draw when the next request comes, if the episode has one more."""
    request = state.request[lane]
    state.next_request_s[lane] = inf
    if request < params.requests:
        state.next_request_s[lane] = next_arrival(params, state, lane, OWN, request)


@scalar
def admit(params, state, info, lane):
    """Let the next request come; it is refused where the table is full."""
    now_s, request = state.next_request_s[lane], state.request[lane]
    user = asking_user(params, state, lane, request)
    model = asked_model(params, state, lane, now_s, request)
    application = state.user_application[lane, user]
    low, high = params.deadline_low[application], params.deadline_high[application]
    times = low + (high - low) * uniform(state.key[lane], request, DEADLINE, 0)
    deadline_s = now_s + times * 8.0 * params.model_bytes[model, 0] / params.reference_bps
    ask(params, state, lane, user, now_s, request)

    kept = exp((state.last_request_s[lane] - now_s) / params.rate_memory_s)
    state.rate_hz[lane] = state.rate_hz[lane] * kept + 1.0 / params.rate_memory_s
    state.last_request_s[lane] = now_s
    state.request[lane] = request + 1
    info[lane, at.I_REQUESTS_TOTAL] += 1.0

    slot = free_slot(state, lane)
    if slot == NO_SLOT:
        info[lane, at.I_SETTLED] += 1.0
        info[lane, at.I_REFUSED] += 1.0
        info[lane, at.I_REFUSED_TOTAL] += 1.0
        info[lane, at.I_REWARD_LATE] -= params.late_weight[application]
    else:
        state.slot_number[lane, slot], state.slot_user[lane, slot] = request, user
        state.slot_model[lane, slot] = model
        state.slot_asked_s[lane, slot], state.slot_deadline_s[lane, slot] = now_s, deadline_s
        state.slot_ready_s[lane, slot], state.slot_loss[lane, slot] = now_s, 0.0
        state.slot_receives[lane, slot] = 0
        state.pending[lane] += 1
    note_pieces(params, state, lane, slot, model, now_s)
    await_request(params, state, lane)


@scalar
def note_pieces(params, state, lane, slot, model, now_s):
    """Count the model's pieces as asked for, and as lacking in the slot."""
    left_bytes, first = 0.0, params.model_first_piece[model]
    for use in range(first, params.model_first_piece[model + 1]):
        piece = params.model_piece[use]
        kept = exp((state.piece_seen_s[lane, piece] - now_s) / params.rate_memory_s)
        state.piece_rate_hz[lane, piece] = state.piece_rate_hz[lane, piece] * kept + 1.0 / params.rate_memory_s
        state.piece_seen_s[lane, piece] = now_s
        if slot != NO_SLOT:
            state.slot_got[lane, slot, use - first] = 0
            left_bytes += fewest_bytes(params, piece)
    if slot != NO_SLOT:
        state.slot_missing[lane, slot] = params.model_first_piece[model + 1] - first
        state.slot_left_bytes[lane, slot] = left_bytes


@scalar
def asked_model(params, state, lane, now_s, request):
    """The model that a request is for, by the popularities of the last look."""
    number = int(floor(now_s / params.popularity_look_s))
    if number > state.popularity_look[lane]:
        state.popularity_look[lane] = number
        drift_popularity(params, state, lane, number * params.popularity_look_s, number)
    return requested_model(params, state, lane, ONE_CELL, request)


@scalar
def fewest_bytes(params, piece):
    """Bytes of a piece at the fewest bits."""
    return params.piece_bytes[piece, params.piece_choices[piece] - 1]


@scalar
def free_slot(state, lane):
    """The first slot without a request."""
    for slot in range(state.slot_missing.shape[1]):
        if state.slot_missing[lane, slot] == 0:
            return slot
    return NO_SLOT


@scalar
def decode_time(params, device_class, piece, place):
    """s: the device stores a piece and, where it cannot compute with so few bits, expands it."""
    size_bytes = params.piece_bytes[piece, place]
    time_s = size_bytes / params.class_store_bytes_per_s[device_class]
    fixed = params.piece_choices[piece] == 1
    if not fixed and params.library_bits[place] < params.class_least_bits[device_class]:
        time_s += (size_bytes + params.piece_bytes[piece, 0]) / params.class_expand_bytes_per_s[device_class]
    return time_s


@scalar
def receive(params, state, info, lane, slot, piece, place):
    """A request has received a piece now; if it was the last one, the request leaves."""
    model, user = state.slot_model[lane, slot], state.slot_user[lane, slot]
    first = params.model_first_piece[model]
    for use in range(first, params.model_first_piece[model + 1]):
        if params.model_piece[use] == piece:
            state.slot_got[lane, slot, use - first] = 1
    device_class = state.user_class[lane, user]
    decode_s = decode_time(params, device_class, piece, place)
    state.slot_ready_s[lane, slot] = max(state.slot_ready_s[lane, slot], state.clock_s[lane]) + decode_s
    state.slot_left_bytes[lane, slot] -= fewest_bytes(params, piece)
    share = params.piece_bytes[piece, 0] / params.model_bytes[model, 0]
    state.slot_loss[lane, slot] += share * params.piece_loss[piece, place]
    state.slot_missing[lane, slot] -= 1
    info[lane, at.I_RECEIVED_BYTES] += params.piece_bytes[piece, place]
    info[lane, at.I_DEVICE_ENERGY] += params.class_active_w[device_class] * decode_s
    if state.slot_missing[lane, slot] == 0:
        state.pending[lane] -= 1
        if state.slot_ready_s[lane, slot] <= state.slot_deadline_s[lane, slot]:
            deliver(params, state, info, lane, slot)
        else:
            miss(params, state, info, lane, slot)


@scalar
def deliver(params, state, info, lane, slot):
    """The whole model is ready in time."""
    application = state.user_application[lane, state.slot_user[lane, slot]]
    loss, worth = state.slot_loss[lane, slot], params.worth[application]
    info[lane, at.I_REWARD_DELIVERED] += worth
    info[lane, at.I_REWARD_QUALITY] -= worth * params.quality_weight[application] * loss
    info[lane, at.I_SETTLED] += 1.0
    info[lane, at.I_DELIVERED] += 1.0
    info[lane, at.I_DELIVERED_TOTAL] += 1.0
    info[lane, at.I_LATENCY] += state.slot_ready_s[lane, slot] - state.slot_asked_s[lane, slot]
    info[lane, at.I_QUALITY] += loss


@scalar
def miss(params, state, info, lane, slot):
    """The deadline has passed, or passes before the device is ready."""
    application = state.user_application[lane, state.slot_user[lane, slot]]
    info[lane, at.I_REWARD_LATE] -= params.late_weight[application]
    info[lane, at.I_SETTLED] += 1.0
    info[lane, at.I_MISSED] += 1.0
    info[lane, at.I_MISSED_TOTAL] += 1.0


@scalar
def expire(params, state, info, lane, now_s):
    """Requests whose deadline has come leave."""
    for slot in range(state.slot_missing.shape[1]):
        if state.slot_missing[lane, slot] > 0 and state.slot_deadline_s[lane, slot] <= now_s:
            state.slot_missing[lane, slot] = 0
            state.pending[lane] -= 1
            miss(params, state, info, lane, slot)
