"""To whom a piece is sent, and what a choice of piece, mode and bits takes of the air.

    all      one signal for every requester, at the pace of the worst
    best     one signal for those among whom and the rest the mean wait is least (network.sharing)
    urgent   the requester whose deadline is nearest, alone
    joint    one signal for every requester, each one's strongest neighbour sending along (network.joint)

    air  t = 8 D / R,  R = B SE         D  bytes of the piece at its bits    SE  of the worst in the group

An action is (row * MODES + mode) * precisions + place of the bits; row 0 waits, row r sends the piece of row r - 1. A
choice is feasible if the mode is open in the row and the piece has these bits.
"""

from __future__ import annotations

from mei_gym.compiled import scalar
from mei_gym.costs.transfer import transfer_time
from mei_gym.network.link import downlink_rate_bps

ALL, BEST, URGENT, JOINT = 0, 1, 2, 3
MODES = 4
MODE_NAMES = ("all", "best", "urgent", "joint")
WAIT = 0  # an action


@scalar
def air_time(params, piece, place, efficiency):
    """s of the whole downlink, for a piece at the place of its bits."""
    return transfer_time(params.piece_bytes[piece, place], downlink_rate_bps(params, efficiency))


@scalar
def feasible(params, state, lane, row, mode, place):
    """Whether a choice is open now."""
    piece = state.row_piece[lane, row]
    if piece < 0 or place >= params.piece_choices[piece]:
        return False
    return state.row_efficiency[lane, row, mode] > 0.0


@scalar
def nearest_feasible(params, state, lane, action):
    """The action itself, or in its row its mode at other bits, the most first, or another mode; else waiting."""
    precisions = params.precisions
    row, mode, place = action // (MODES * precisions) - 1, action // precisions % MODES, action % precisions
    if row < 0:
        return WAIT
    if feasible(params, state, lane, row, mode, place):
        return action
    for step in range(MODES):
        other = (mode + step) % MODES
        for bits in range(precisions):
            if feasible(params, state, lane, row, other, bits):
                return ((row + 1) * MODES + other) * precisions + bits
    return WAIT
