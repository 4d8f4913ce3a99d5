"""The cell's uplink as the server's requests see it: devices prepare prompts, then uploads share the air.

n uploads under way have 1/n each of the air that the streams of single tokens leave. With `air clock` for the air time
that each upload has had, an upload ends when the clock reaches the value it was given at its start: processor sharing,
exact, with one addition an event.
"""

from __future__ import annotations

from math import inf

from mei_gym.compiled import scalar
from mei_gym.costs.slots import enqueue

STREAM_SHARE_LIMIT = 0.9  # chosen: bulk uploads keep at least a tenth of the air


@scalar
def prepare(state, lane, slot, ready_s, air_s):
    """Let a device work until `ready_s`, then send for `air_s` of undivided air time."""
    state.slot_ready_s[lane, slot] = ready_s
    state.slot_air_s[lane, slot] = air_s
    state.preparing[lane, state.preparing_count[lane]] = slot
    state.preparing_count[lane] += 1
    state.next_ready_s[lane] = min(state.next_ready_s[lane], ready_s)
    state.coming_tokens[lane] += state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]


@scalar
def start_uploads(state, lane, now_s):
    """Move every request whose device is ready to the uplink."""
    air_time_passes(state, lane, now_s)
    place = 0
    while place < state.preparing_count[lane]:
        slot = state.preparing[lane, place]
        if state.slot_ready_s[lane, slot] <= now_s:
            state.preparing_count[lane] -= 1
            state.preparing[lane, place] = state.preparing[lane, state.preparing_count[lane]]
            state.slot_air_s[lane, slot] += state.air_clock_s[lane]
            state.uploading[lane, state.uploading_count[lane]] = slot
            state.uploading_count[lane] += 1
        else:
            place += 1
    look_ahead(state, lane)


@scalar
def finish_upload(state, lane, now_s):
    """Hand the upload that ends now to the server."""
    air_time_passes(state, lane, now_s)
    best = 0
    for place in range(1, state.uploading_count[lane]):
        slot, rival = state.uploading[lane, place], state.uploading[lane, best]
        if state.slot_air_s[lane, slot] < state.slot_air_s[lane, rival]:
            best = place
    slot = state.uploading[lane, best]
    state.uploading_count[lane] -= 1
    state.uploading[lane, best] = state.uploading[lane, state.uploading_count[lane]]
    look_ahead(state, lane)
    state.coming_tokens[lane] -= state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]
    enqueue(state, lane, slot)


@scalar
def air_time_passes(state, lane, now_s):
    """Move the uplink's clock: each of n uploads has 1/n of what the token streams leave."""
    uploads = state.uploading_count[lane]
    if uploads > 0:
        elapsed_s = now_s - state.air_updated_s[lane]
        free_share = 1.0 - min(state.stream_share[lane], STREAM_SHARE_LIMIT)
        state.air_clock_s[lane] += elapsed_s * free_share / uploads
    state.air_updated_s[lane] = now_s


@scalar
def upload_end(state, lane):
    """s: when the next upload ends if nothing else changes; inf where none is under way."""
    uploads = state.uploading_count[lane]
    if uploads == 0:
        return inf
    free_share = 1.0 - min(state.stream_share[lane], STREAM_SHARE_LIMIT)
    left_s = max(0.0, state.next_sent_air_s[lane] - state.air_clock_s[lane])
    return state.air_updated_s[lane] + left_s * uploads / free_share


@scalar
def look_ahead(state, lane):
    """Find the next device to be ready and the next upload to end, after some have left those lists."""
    ready_s, sent_air_s = inf, inf
    for place in range(state.preparing_count[lane]):
        ready_s = min(ready_s, state.slot_ready_s[lane, state.preparing[lane, place]])
    for place in range(state.uploading_count[lane]):
        sent_air_s = min(sent_air_s, state.slot_air_s[lane, state.uploading[lane, place]])
    state.next_ready_s[lane] = ready_s
    state.next_sent_air_s[lane] = sent_air_s
