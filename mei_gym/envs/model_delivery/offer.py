"""What can be sent now: the pieces that somebody lacks who can receive, a row each, and the groups of each mode.

Rows are the ROWS pieces of most requesters, of as many those of the nearest deadline: an order that depends on nobody's
number. Members of a row are sorted by what they receive from their own site, the best first; behind them stand those
who receive jointly alone.
"""

from __future__ import annotations

from math import inf

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.envs.model_delivery.fields import ROWS
from mei_gym.envs.model_delivery.modes import ALL, BEST, JOINT, URGENT
from mei_gym.network.joint import NOBODY
from mei_gym.network.sharing import users_served_first


@scalar
def offer(params, state, lane):
    """Lay the rows."""
    pending = sort_receivers(state, lane)
    gather_needs(params, state, lane, pending)
    for row in range(ROWS):
        state.row_piece[lane, row] = most_wanted(state, lane)
        state.row_reached[lane, row] = 0
        state.row_heard[lane, row] = 0
        if state.row_piece[lane, row] >= 0:
            state.piece_row[lane, state.row_piece[lane, row]] = row
    fill_rows(params, state, lane, pending)
    for row in range(ROWS):
        if state.row_piece[lane, row] >= 0:
            open_modes(state, lane, row)
    for place in range(state.needed_count[lane]):
        state.piece_wanted[lane, state.needed[lane, place]] = 0


@scalar
def sort_receivers(state, lane):
    """Put the slots of those who can receive in order, the best receivers first; returns how many there are."""
    count = 0
    for slot in range(state.slot_missing.shape[1]):
        if state.slot_missing[lane, slot] == 0:
            continue
        user = state.slot_user[lane, slot]
        if state.user_together[lane, user] <= 0.0:
            continue
        efficiency, place = state.user_alone[lane, user], count
        while place > 0 and state.user_alone[lane, state.slot_user[lane, state.order[lane, place - 1]]] < efficiency:
            state.order[lane, place] = state.order[lane, place - 1]
            place -= 1
        state.order[lane, place] = slot
        count += 1
    return count


@scalar
def gather_needs(params, state, lane, pending):
    """List the pieces that they lack, with how many lack each and their nearest deadline."""
    needed = 0
    for place in range(pending):
        slot = state.order[lane, place]
        first = params.model_first_piece[state.slot_model[lane, slot]]
        for use in range(first, params.model_first_piece[state.slot_model[lane, slot] + 1]):
            if state.slot_got[lane, slot, use - first] != 0:
                continue
            piece, deadline_s = params.model_piece[use], state.slot_deadline_s[lane, slot]
            if state.piece_wanted[lane, piece] == 0:
                state.needed[lane, needed] = piece
                state.piece_nearest_s[lane, piece] = inf
                state.piece_row[lane, piece] = -1
                needed += 1
            state.piece_wanted[lane, piece] += 1
            state.piece_nearest_s[lane, piece] = min(state.piece_nearest_s[lane, piece], deadline_s)
    state.needed_count[lane] = needed


@scalar
def most_wanted(state, lane):
    """The first piece by the rows' order that has no row yet; -1: none is left."""
    best, most, nearest_s = -1, 0, inf
    for place in range(state.needed_count[lane]):
        piece = state.needed[lane, place]
        if state.piece_row[lane, piece] >= 0:
            continue
        wanted, deadline_s = state.piece_wanted[lane, piece], state.piece_nearest_s[lane, piece]
        if wanted > most or (wanted == most and deadline_s < nearest_s):
            best, most, nearest_s = piece, wanted, deadline_s
    return best


@scalar
def fill_rows(params, state, lane, pending):
    """Put each slot into the rows of the pieces that it lacks, the best receivers first."""
    for place in range(pending):
        slot = state.order[lane, place]
        alone = state.user_alone[lane, state.slot_user[lane, slot]]
        first = params.model_first_piece[state.slot_model[lane, slot]]
        for use in range(first, params.model_first_piece[state.slot_model[lane, slot] + 1]):
            row = state.piece_row[lane, params.model_piece[use]]
            if state.slot_got[lane, slot, use - first] == 0 and row >= 0:
                member = state.row_reached[lane, row]
                state.row_member[lane, row, member], state.row_alone[lane, row, member] = slot, alone
                state.row_reached[lane, row] = member + 1
                state.row_heard[lane, row] += 1 if alone > 0.0 else 0


@scalar
def open_modes(state, lane, row):
    """Find the groups of a row's modes, what the worst of each receives, and the longest slack in each."""
    now_s = state.clock_s[lane]
    heard, reached = state.row_heard[lane, row], state.row_reached[lane, row]
    first = users_served_first(state.row_alone[lane, row], heard) if heard >= 2 else 0
    state.row_first[lane, row] = first
    for mode in (ALL, BEST, URGENT, JOINT):
        state.row_efficiency[lane, row, mode] = 0.0
        state.row_slack_s[lane, row, mode] = 0.0
    urgent, worst_joint, partners = -1, inf, 0
    nearest_s = inf
    for place in range(reached):
        slot = state.row_member[lane, row, place]
        user = state.slot_user[lane, slot]
        alone, slack_s = state.row_alone[lane, row, place], state.slot_deadline_s[lane, slot] - now_s
        if place < heard:
            state.row_efficiency[lane, row, ALL] = alone  # they descend: the last is the worst
            state.row_slack_s[lane, row, ALL] = max(state.row_slack_s[lane, row, ALL], slack_s)
            if slack_s < nearest_s:
                urgent, nearest_s = slot, slack_s
        if place < first:
            state.row_efficiency[lane, row, BEST] = alone
            state.row_slack_s[lane, row, BEST] = max(state.row_slack_s[lane, row, BEST], slack_s)
        worst_joint = min(worst_joint, np.float64(state.user_together[lane, user]))
        state.row_slack_s[lane, row, JOINT] = max(state.row_slack_s[lane, row, JOINT], slack_s)
        partners += joins_anew(state, lane, row, place)
    state.row_urgent[lane, row], state.row_partners[lane, row] = urgent, partners
    if heard >= 2:
        state.row_efficiency[lane, row, URGENT] = state.user_alone[lane, state.slot_user[lane, urgent]]
        state.row_slack_s[lane, row, URGENT] = nearest_s
    if partners > 0:
        state.row_efficiency[lane, row, JOINT] = worst_joint


@scalar
def joins_anew(state, lane, row, place):
    """1 if the member's neighbour is none of the neighbours of the members before it."""
    partner = state.user_partner[lane, state.slot_user[lane, state.row_member[lane, row, place]]]
    if partner == NOBODY:
        return 0
    for earlier in range(place):
        if state.user_partner[lane, state.slot_user[lane, state.row_member[lane, row, earlier]]] == partner:
            return 0
    return 1
