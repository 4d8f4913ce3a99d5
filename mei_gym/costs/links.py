"""The links to the server that requests share: devices prepare prompts, then transfers divide each link, exactly.

A link serves its transfers side by side. A transfer has a work s and a weight w on its link, whose clock v advances by

    dv/dt = (1 - min(u, U)) / (sum of w)        u  stream_share    U  STREAM_SHARE_LIMIT

a second; the transfer ends when v has gained s: processor sharing, exact, with one addition an event. The two numbers
say how the link is shared:

    w = 1, s = seconds of the undivided link                      equal shares of time (equal bandwidth; to first order
                                                                  proportionally fair)
    w = seconds of the undivided link for a bit, s = bits         equal rates (max-min fair)

A request crosses one link, the air of its cell. It may then cross a second one, a pipe that cells share, before it
stands in the server's queue; the tokens of its split answer travel over both later. What is in the state of links is
[lane, link]; how many there are is the arrays' width.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar
from mei_gym.costs.slots import drop, enqueue

STREAM_SHARE_LIMIT = 0.9  # chosen: bulk uploads keep at least a tenth of a link
NO_LINK = -1


@scalar
def prepare(state, lane, slot, ready_s, link, work, weight, next_link, next_work, next_weight):
    """Let a device work until `ready_s`, then send over `link`, and over `next_link` unless that is NO_LINK."""
    state.slot_ready_s[lane, slot] = ready_s
    state.slot_link[lane, slot], state.slot_stream_link[lane, slot] = link, link
    state.slot_pipe[lane, slot] = next_link
    state.slot_work[lane, slot], state.slot_weight[lane, slot] = work, weight
    state.slot_next_link[lane, slot] = next_link
    state.slot_next_work[lane, slot], state.slot_next_weight[lane, slot] = next_work, next_weight
    state.preparing[lane, state.preparing_count[lane]] = slot
    state.preparing_count[lane] += 1
    state.next_ready_s[lane] = min(state.next_ready_s[lane], ready_s)
    state.coming_tokens[lane] += state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]


@scalar
def start_uploads(state, lane, now_s):
    """Put every request whose device is ready on its link."""
    next_ready_s = inf
    place = 0
    while place < state.preparing_count[lane]:
        slot = state.preparing[lane, place]
        if state.slot_ready_s[lane, slot] <= now_s:
            state.preparing_count[lane] -= 1
            state.preparing[lane, place] = state.preparing[lane, state.preparing_count[lane]]
            state.uploading[lane, state.uploading_count[lane]] = slot
            state.uploading_count[lane] += 1
            enter_link(state, lane, slot, now_s)
        else:
            next_ready_s = min(next_ready_s, state.slot_ready_s[lane, slot])
            place += 1
    state.next_ready_s[lane] = next_ready_s


@scalar
def finish_upload(params, state, lane, now_s):
    """Hand the transfer that ends now to its next link, or to the server."""
    slot = state.link_next_slot[lane, state.next_sent_link[lane]]
    place = 0
    while state.uploading[lane, place] != slot:
        place += 1
    leave_link(state, lane, place, now_s)
    if state.slot_next_link[lane, slot] != NO_LINK:
        state.slot_link[lane, slot] = state.slot_next_link[lane, slot]
        state.slot_work[lane, slot] = state.slot_next_work[lane, slot]
        state.slot_weight[lane, slot] = state.slot_next_weight[lane, slot]
        state.slot_next_link[lane, slot] = NO_LINK
        state.uploading[lane, state.uploading_count[lane]] = slot
        state.uploading_count[lane] += 1
        enter_link(state, lane, slot, now_s)
        return
    state.coming_tokens[lane] -= state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]
    enqueue(params, state, lane, slot)


@scalar
def give_up_on_the_way(state, lane, now_s):
    """Drop the requests that are prepared or uploaded and whose users no longer wait for a first token."""
    next_ready_s = inf
    place = 0
    while place < state.preparing_count[lane]:
        slot = state.preparing[lane, place]
        if state.slot_patience_s[lane, slot] < now_s:
            state.preparing_count[lane] -= 1
            state.preparing[lane, place] = state.preparing[lane, state.preparing_count[lane]]
            drop(state, lane, slot, now_s)
        else:
            next_ready_s = min(next_ready_s, state.slot_ready_s[lane, slot])
            place += 1
    state.next_ready_s[lane] = next_ready_s
    place = 0
    while place < state.uploading_count[lane]:
        slot = state.uploading[lane, place]
        if state.slot_patience_s[lane, slot] < now_s:
            leave_link(state, lane, place, now_s)
            drop(state, lane, slot, now_s)
        else:
            place += 1


@scalar
def enter_link(state, lane, slot, now_s):
    """Begin a transfer; from here on its work is the value of the link's clock at which it ends."""
    link = state.slot_link[lane, slot]
    link_time_passes(state, lane, link, now_s)
    if state.link_transfers[lane, link] == 0:  # an idle link begins anew, without what rounding left behind
        state.link_clock[lane, link] = 0.0
        state.link_weight[lane, link] = 0.0
        state.link_next_slot[lane, link] = slot
    state.slot_work[lane, slot] += state.link_clock[lane, link]
    if state.slot_work[lane, slot] < state.slot_work[lane, state.link_next_slot[lane, link]]:
        state.link_next_slot[lane, link] = slot
    state.link_transfers[lane, link] += 1
    state.link_weight[lane, link] += state.slot_weight[lane, slot]
    look_ahead(state, lane, link)


@scalar
def leave_link(state, lane, place, now_s):
    """Take the upload that stands at `place` off its link."""
    slot = state.uploading[lane, place]
    link = state.slot_link[lane, slot]
    link_time_passes(state, lane, link, now_s)
    state.uploading_count[lane] -= 1
    state.uploading[lane, place] = state.uploading[lane, state.uploading_count[lane]]
    state.link_transfers[lane, link] -= 1
    state.link_weight[lane, link] -= state.slot_weight[lane, slot]
    if state.link_next_slot[lane, link] == slot:
        next_end = inf
        for other in range(state.uploading_count[lane]):
            rival = state.uploading[lane, other]
            if state.slot_link[lane, rival] == link and state.slot_work[lane, rival] <= next_end:
                next_end = state.slot_work[lane, rival]
                state.link_next_slot[lane, link] = rival
    look_ahead(state, lane, link)


@scalar
def change_streams(state, lane, slot, sign, now_s):
    """Let the token stream of a split answer begin (+1) or end (-1) to take its shares of its air and of the pipe."""
    change_stream(state, lane, state.slot_stream_link[lane, slot], sign * state.slot_stream_share[lane, slot], now_s)
    if state.slot_pipe[lane, slot] != NO_LINK and state.slot_pipe_share[lane, slot] > 0.0:
        change_stream(state, lane, state.slot_pipe[lane, slot], sign * state.slot_pipe_share[lane, slot], now_s)


@scalar
def change_stream(state, lane, link, share, now_s):
    """Let token streams take `share` more of a link."""
    link_time_passes(state, lane, link, now_s)
    state.link_stream_share[lane, link] = max(0.0, state.link_stream_share[lane, link] + share)
    look_ahead(state, lane, link)


@scalar
def free_share(stream_share):
    """A ratio: what token streams leave of a link to the uploads."""
    return 1.0 - min(stream_share, STREAM_SHARE_LIMIT)


@scalar
def link_time_passes(state, lane, link, now_s):
    """Move a link's clock up to now."""
    if state.link_transfers[lane, link] > 0:
        elapsed_s = now_s - state.link_updated_s[lane, link]
        gained = elapsed_s * free_share(state.link_stream_share[lane, link]) / state.link_weight[lane, link]
        state.link_clock[lane, link] += gained
    state.link_updated_s[lane, link] = now_s


@scalar
def look_ahead(state, lane, link):
    """Foresee when the next transfer of a changed link ends, and the next of all."""
    end_s = inf
    if state.link_transfers[lane, link] > 0:
        end = state.slot_work[lane, state.link_next_slot[lane, link]]
        left = max(0.0, end - state.link_clock[lane, link])
        left_s = left * state.link_weight[lane, link] / free_share(state.link_stream_share[lane, link])
        end_s = state.link_updated_s[lane, link] + left_s
    state.link_end_s[lane, link] = end_s
    next_link = 0
    for other in range(1, state.link_end_s.shape[1]):
        if state.link_end_s[lane, other] < state.link_end_s[lane, next_link]:
            next_link = other
    state.next_sent_link[lane] = next_link
    state.next_sent_s[lane] = state.link_end_s[lane, next_link]


@scalar
def link_backlog(state, lane, link, now_s):
    """s: of the undivided link, what its transfers still need."""
    link_time_passes(state, lane, link, now_s)
    backlog_s = 0.0
    for place in range(state.uploading_count[lane]):
        slot = state.uploading[lane, place]
        if state.slot_link[lane, slot] == link:
            left = max(0.0, state.slot_work[lane, slot] - state.link_clock[lane, link])
            backlog_s += state.slot_weight[lane, slot] * left
    return backlog_s
