"""The rules of ModelDelivery: one decision a step, from the choice to the next moment at which the air is free."""

from __future__ import annotations

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.envs.model_delivery import fields as at
from mei_gym.envs.model_delivery.modes import BEST, JOINT, MODES, URGENT, WAIT, air_time, nearest_feasible
from mei_gym.envs.model_delivery.offer import offer
from mei_gym.envs.model_delivery.requests import admit, await_request, expire, receive
from mei_gym.envs.model_delivery.sensing import sense, tell_world
from mei_gym.envs.model_delivery.users import pass_tick, place_asker
from mei_gym.network.cell import place_cell
from mei_gym.workload.arrivals import OWN, begin_stream
from mei_gym.workload.popularity import begin_popularity
from mei_gym.workload.population import draw_activity


@scalar
def reset(params, state, info, lane):
    """Begin an episode: place the users, and wait for the first request."""
    place_cell(params, state, lane)
    draw_activity(params, state, lane)
    for user in range(params.users):
        place_asker(params, state, lane, user)
    begin_popularity(params, state, lane)
    begin_stream(params, state, lane, OWN)
    state.clock_s[lane], state.last_request_s[lane] = 0.0, 0.0
    state.tick[lane], state.request[lane], state.popularity_look[lane], state.pending[lane] = 0, 0, 0, 0
    state.rate_hz[lane] = params.arrival_base_per_s[OWN]
    for slot in range(params.slots):
        state.slot_missing[lane, slot] = 0
    for piece in range(params.pieces):
        state.piece_rate_hz[lane, piece], state.piece_seen_s[lane, piece] = 0.0, 0.0
        state.piece_wanted[lane, piece] = 0
    await_request(params, state, lane)
    run_to_somebody(params, state, info, lane)
    look_around(params, state, info, lane)


@scalar
def step(params, state, info, lane, action):
    """Decide, let the world run until the air is free and somebody waits; returns the reward and whether all is over.

    When the last request has left, nothing happens any more: a further step brings nothing.
    """
    row = info[lane]
    row[: at.STEP_NUMBERS] = 0.0
    row[at.I_PIECE] = -1.0
    if over(params, state, lane):
        return 0.0, True
    began_s = state.clock_s[lane]
    taken = nearest_feasible(params, state, lane, action)
    if taken != action:
        row[at.I_CORRECTED] = 1.0
        row[at.I_CORRECTED_TOTAL] += 1.0
    if taken == WAIT:
        run_to(params, state, info, lane, min(began_s + params.wait_s, np.float64(state.next_request_s[lane])))
        expire(params, state, info, lane, state.clock_s[lane])
    else:
        send(params, state, info, lane, taken)
    run_to_somebody(params, state, info, lane)

    row[at.I_ELAPSED] = state.clock_s[lane] - began_s
    row[at.I_LATENCY] /= max(1.0, row[at.I_DELIVERED])
    row[at.I_QUALITY] /= max(1.0, row[at.I_DELIVERED])
    row[at.I_REWARD_ENERGY] = -params.joule_price * (row[at.I_STATION_ENERGY] + row[at.I_DEVICE_ENERGY])
    row[at.I_REWARD_AIR] = -params.air_price * row[at.I_AIR] * (1.0 + row[at.I_PARTNERS])
    look_around(params, state, info, lane)
    reward = 0.0
    for part in range(at.PARTS):
        reward += row[part]
    return reward, over(params, state, lane)


@scalar
def over(params, state, lane):
    """Whether every request of the episode has come and left."""
    return state.pending[lane] == 0 and state.request[lane] >= params.requests


@scalar
def send(params, state, info, lane, action):
    """Send a piece to the group of a mode, at the pace of its worst; who still waits at the end has received it.

    When the last deadline in the group has passed, the station breaks off, and nobody has received anything.
    """
    line, mode = action // (MODES * params.precisions) - 1, action // params.precisions % MODES
    place = action % params.precisions
    piece = state.row_piece[lane, line]
    whole_s = air_time(params, piece, place, state.row_efficiency[lane, line, mode])
    air_s = min(whole_s, state.row_slack_s[lane, line, mode])
    row = info[lane]
    row[at.I_PIECE], row[at.I_MODE], row[at.I_BITS] = piece, mode, sent_bits(params, piece, place)
    row[at.I_AIR], row[at.I_SENT_BYTES] = air_s, params.piece_bytes[piece, place] * air_s / whole_s
    row[at.I_AIR_TOTAL] += air_s
    if mode == JOINT:
        row[at.I_PARTNERS] = state.row_partners[lane, line]
    row[at.I_STATION_ENERGY] = params.sending_w * air_s * (1.0 + row[at.I_PARTNERS])
    address(params, state, info, lane, line, mode, place)
    row[at.I_UNICAST_AIR] *= air_s / whole_s

    run_to(params, state, info, lane, state.clock_s[lane] + air_s)
    for slot in range(params.slots):
        if state.slot_receives[lane, slot] != 0:
            state.slot_receives[lane, slot] = 0
            waits = state.slot_missing[lane, slot] > 0 and state.slot_deadline_s[lane, slot] >= state.clock_s[lane]
            if waits and air_s >= whole_s:
                receive(params, state, info, lane, slot, piece, place)
    expire(params, state, info, lane, state.clock_s[lane])


@scalar
def sent_bits(params, piece, place):
    """Bits of a weight of the piece: an adapter's are the library's most."""
    return params.library_bits[place if params.piece_choices[piece] > 1 else 0]


@scalar
def address(params, state, info, lane, line, mode, place):
    """Mark the slots of a mode's group as receivers, and add up the air that they would have taken one by one."""
    members = state.row_heard[lane, line]
    if mode == BEST:
        members = state.row_first[lane, line]
    elif mode == JOINT:
        members = state.row_reached[lane, line]
    for member in range(members):
        slot = state.row_member[lane, line, member]
        if mode == URGENT and slot != state.row_urgent[lane, line]:
            continue
        state.slot_receives[lane, slot] = 1
        info[lane, at.I_RECEIVERS] += 1.0
        alone = state.row_alone[lane, line, member]
        if alone > 0.0:
            info[lane, at.I_UNICAST_AIR] += air_time(params, state.row_piece[lane, line], place, alone)


@scalar
def run_to(params, state, info, lane, until_s):
    """Let requests and ticks come up to a time, and set the clock there; a request for which no slot is free finds the
    slots of those whose deadline has passed."""
    while True:
        tick_s, request_s = (state.tick[lane] + 1) * params.look_s, np.float64(state.next_request_s[lane])
        if min(tick_s, request_s) > until_s:
            break
        if tick_s <= request_s:
            pass_tick(params, state, lane)
        else:
            expire(params, state, info, lane, request_s)
            admit(params, state, info, lane)
    state.clock_s[lane] = until_s


@scalar
def run_to_somebody(params, state, info, lane):
    """Let the world run until a request is pending, unless the episode has no more."""
    while state.pending[lane] == 0 and state.request[lane] < params.requests:
        run_to(params, state, info, lane, np.float64(state.next_request_s[lane]))


@scalar
def look_around(params, state, info, lane):
    """Lay what can be sent now, what the controller knows, and what info tells."""
    offer(params, state, lane)
    sense(params, state, lane)
    tell_world(params, state, info, lane)
