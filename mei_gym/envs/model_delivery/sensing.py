"""What the controller of the cell knows when the air is free: in SI, as the observation shows it, and as a mask."""

from __future__ import annotations

from math import exp, floor, inf

from mei_gym.compiled import scalar
from mei_gym.envs.model_delivery import fields as at
from mei_gym.envs.model_delivery.fields import CELL_NUMBERS, ROW_NUMBERS, ROWS
from mei_gym.envs.model_delivery.modes import ALL, BEST, JOINT, MODES, URGENT, WAIT, feasible
from mei_gym.envs.model_delivery.requests import fewest_bytes
from mei_gym.envs.task import shown
from mei_gym.network.cell import neighbour_load


@scalar
def sense(params, state, lane):
    """Gather what the controller knows of the cell and of each row, in SI."""
    sensed, now_s = state.sensed[lane], state.clock_s[lane]
    nearest_s, slack_s, unreached = inf, 0.0, 0.0
    for slot in range(params.slots):
        if state.slot_missing[lane, slot] > 0:
            left_s = state.slot_deadline_s[lane, slot] - now_s
            nearest_s = min(nearest_s, left_s)
            slack_s += left_s
            unreached += 1.0 if state.user_together[lane, state.slot_user[lane, slot]] <= 0.0 else 0.0
    pending, since_s = float(state.pending[lane]), now_s - state.last_request_s[lane]
    sensed[at.EPISODE] = state.request[lane] / params.requests
    sensed[at.PENDING], sensed[at.UNREACHED] = pending, unreached
    sensed[at.NEAREST_SLACK] = nearest_s if pending > 0.0 else 0.0
    sensed[at.MEAN_SLACK] = slack_s / pending if pending > 0.0 else 0.0
    sensed[at.RATE] = state.rate_hz[lane] * exp(-since_s / params.rate_memory_s)
    sensed[at.SINCE_LAST] = since_s
    days = now_s / params.arrival_day_s + state.arrival_phase[lane]
    sensed[at.DAY] = days - floor(days)
    sensed[at.LOAD] = neighbour_load(params, state, lane)
    sensed[at.MORE] = max(0.0, float(state.needed_count[lane] - ROWS))
    for row in range(ROWS):
        sense_row(params, state, lane, row, CELL_NUMBERS + row * ROW_NUMBERS)


@scalar
def sense_row(params, state, lane, row, place):
    """Gather what is known of a row into the numbers from `place` on."""
    sensed, now_s, piece = state.sensed[lane], state.clock_s[lane], state.row_piece[lane, row]
    for number in range(ROW_NUMBERS):
        sensed[place + number] = 0.0
    if piece < 0:
        return
    reached = state.row_reached[lane, row]
    own_bytes = fewest_bytes(params, piece)
    nearest_s, slack_s, longest_s, completes, left_bytes, worth = inf, 0.0, 0.0, 0.0, 0.0, 0.0
    for member in range(reached):
        slot = state.row_member[lane, row, member]
        left_s = state.slot_deadline_s[lane, slot] - now_s
        nearest_s = min(nearest_s, left_s)
        slack_s += left_s
        longest_s = max(longest_s, now_s - state.slot_asked_s[lane, slot])
        completes += 1.0 if state.slot_missing[lane, slot] == 1 else 0.0
        left_bytes += max(0.0, state.slot_left_bytes[lane, slot] - own_bytes)
        worth += params.worth[state.user_application[lane, state.slot_user[lane, slot]]]
    sensed[place + at.R_BYTES] = params.piece_bytes[piece, 0]
    sensed[place + at.R_CHOICES] = params.piece_choices[piece]
    sensed[place + at.R_REQUESTERS] = state.row_heard[lane, row]
    sensed[place + at.R_REACHED] = reached
    sensed[place + at.R_FIRST] = state.row_first[lane, row]
    sensed[place + at.R_ALL] = state.row_efficiency[lane, row, ALL]
    sensed[place + at.R_BEST] = state.row_efficiency[lane, row, BEST]
    sensed[place + at.R_URGENT] = state.row_efficiency[lane, row, URGENT]
    sensed[place + at.R_JOINT] = state.row_efficiency[lane, row, JOINT]
    sensed[place + at.R_PARTNERS] = state.row_partners[lane, row]
    sensed[place + at.R_NEAREST_SLACK] = nearest_s
    sensed[place + at.R_MEAN_SLACK] = slack_s / reached
    sensed[place + at.R_LONGEST_WAIT] = longest_s
    sensed[place + at.R_COMPLETES] = completes
    sensed[place + at.R_LEFT_BYTES] = left_bytes / reached
    sensed[place + at.R_WORTH] = worth
    ago_s = now_s - state.piece_seen_s[lane, piece]
    sensed[place + at.R_RATE] = state.piece_rate_hz[lane, piece] * exp(-ago_s / params.rate_memory_s)


@scalar
def observe(params, state, lane, row):
    """Show what was sensed, on [0, 1]; an empty row shows nothing."""
    for field in range(CELL_NUMBERS):
        row[field] = shown(params, field, state.sensed[lane, field])
    for place in range(ROWS):
        first = CELL_NUMBERS + place * ROW_NUMBERS
        there = state.row_piece[lane, place] >= 0
        for field in range(first, first + ROW_NUMBERS):
            row[field] = shown(params, field, state.sensed[lane, field]) if there else 0.0


@scalar
def mask(params, state, lane, row):
    """What is feasible: waiting always."""
    for action in range(MODES * params.precisions):
        row[action] = action == WAIT
    action = MODES * params.precisions
    for line in range(ROWS):
        for mode in range(MODES):
            for place in range(params.precisions):
                row[action] = feasible(params, state, lane, line, mode, place)
                action += 1


@scalar
def tell_world(params, state, info, lane):
    """Write how the world stands now into info."""
    row, sensed = info[lane], state.sensed[lane]
    row[at.I_TIME] = state.clock_s[lane]
    row[at.I_PENDING], row[at.I_UNREACHED] = sensed[at.PENDING], sensed[at.UNREACHED]
    row[at.I_NEEDED] = state.needed_count[lane]
    row[at.I_RATE], row[at.I_LOAD] = sensed[at.RATE], sensed[at.LOAD]
