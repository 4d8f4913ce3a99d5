"""The edge server: continuous batching of many requests on one GPU, moved from event to event in real-valued time.

An iteration is one pass through the blocks. It carries one token of every answer under way and a chunk of at
most `chunk_tokens` prompt tokens, first come first served. Requests are admitted between iterations while fewer
than `running_limit` run and the keys and values of prompt + answer fit into `kv_capacity_tokens`.

    iteration = span * block(chunk, batch, context) + head(tokens that leave) + overhead

Blocks after a request's cut run here, so a request with cut c weighs share = (L - c) / L of the batch; `span` is
the number of blocks that the deepest-reaching request needs, and the block sees the mean batch over the span:
exact where the block's time is affine in the batch.

An answer that is split (0 < c < L) takes part in an iteration, then is away for `away_s`: the token goes down to
the device, through its blocks, and its activations come up again. It joins the first iteration that starts after
it is back. An answer that lives wholly on the server takes part in every iteration.

Before the server, a split prompt is prepared on its device until `ready_s`, then its activations share the cell's
uplink with the other uploads: equal shares of air time, after what the streams of single tokens take.

A user who has waited past the patience gives up, unless the prompt has begun to run: `give_up`, called by the
environment at each of its steps, takes such requests off the device, the air and the queue.

Events: a device is ready, an upload ends, a background request arrives, an iteration ends. Between events nothing
changes, so the engine jumps. The iteration is the smallest event, because a measured block's time is not linear in
its context; jumps over several iterations would have to approximate it.

Sources: Orca and Sarathi-Serve (iteration-level scheduling, chunked prefill); vLLM (admission by KV memory).
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.costs.compute import block_mixed_time, head_time

SERVER = 0  # the processor index of the edge server in every cost table
STREAM_SHARE_LIMIT = 0.9  # chosen: bulk uploads keep at least a tenth of the air
FIRST, LAST, DROPPED = 0, 1, 2  # kinds of news
NEWS_KINDS = 3
PACE_WEIGHT = 0.1  # chosen: the pace remembers about ten iterations


class ServingState(NamedTuple):
    """What the engine remembers of a lane; `slot` is one request between its prompt and its last token."""

    clock_s: np.ndarray  # f8[lane]
    # the iteration under way
    iteration: np.ndarray  # i8[lane] iterations finished
    iteration_began_s: np.ndarray  # f8[lane]
    iteration_end_s: np.ndarray  # f8[lane] inf: the server idles
    iteration_time_s: np.ndarray  # f8[lane] how long it takes; 0: the server idles
    pace_s: np.ndarray  # f8[lane] running mean of the iterations' times
    busy_s: np.ndarray  # f8[lane] time spent in iterations
    # lists of slots, each with its length
    free: np.ndarray  # i4[lane, slot]
    free_count: np.ndarray  # i4[lane]
    preparing: np.ndarray  # i4[lane, slot]
    preparing_count: np.ndarray  # i4[lane]
    uploading: np.ndarray  # i4[lane, slot]
    uploading_count: np.ndarray  # i4[lane]
    next_ready_s: np.ndarray  # f8[lane] when the next device is ready; inf: none prepares
    next_sent_air_s: np.ndarray  # f8[lane] value of the air clock at which the next upload ends; inf: none
    waiting: np.ndarray  # i4[lane, slot] a ring
    waiting_head: np.ndarray  # i4[lane]
    waiting_count: np.ndarray  # i4[lane]
    prefilling: np.ndarray  # i4[lane, running] first come first
    prefilling_count: np.ndarray  # i4[lane]
    resident: np.ndarray  # i4[lane, running] answers wholly on the server
    resident_count: np.ndarray  # i4[lane]
    split: np.ndarray  # i4[lane, running] answers that alternate with their device
    split_count: np.ndarray  # i4[lane]
    # sums over those lists
    resident_context_tokens: np.ndarray  # f8[lane]
    next_finish: np.ndarray  # i8[lane] iteration in which the next resident answer ends
    kv_tokens: np.ndarray  # f8[lane] reserved, in tokens of a whole model
    kv_waiting_tokens: np.ndarray  # f8[lane] what the waiting requests will reserve
    prompt_backlog_tokens: np.ndarray  # f8[lane] prompt tokens at the server and not yet run, weighed by share
    coming_tokens: np.ndarray  # f8[lane] prompt tokens still on their way, weighed by share
    # the uplink
    air_clock_s: np.ndarray  # f8[lane] air time that each upload under way has had so far
    air_updated_s: np.ndarray  # f8[lane]
    stream_share: np.ndarray  # f8[lane] share of the air that single-token streams take
    # the slots
    slot_request: np.ndarray  # i8[lane, slot] -1: background
    slot_prompt_tokens: np.ndarray  # f8[lane, slot]
    slot_answer_tokens: np.ndarray  # f8[lane, slot]
    slot_share: np.ndarray  # f8[lane, slot] of the blocks, on the server
    slot_patience_s: np.ndarray  # f8[lane, slot] until when its user waits for the first token
    slot_ready_s: np.ndarray  # f8[lane, slot] prepared; later: back at the server
    slot_air_s: np.ndarray  # f8[lane, slot] air time to send; later: value of the air clock when sent
    slot_stream_share: np.ndarray  # f8[lane, slot]
    slot_away_s: np.ndarray  # f8[lane, slot] 0: resident
    slot_done_tokens: np.ndarray  # f8[lane, slot] prompt tokens run
    slot_chunk_tokens: np.ndarray  # f8[lane, slot] prompt tokens in this iteration
    slot_context_tokens: np.ndarray  # f8[lane, slot] split answers only
    slot_left_tokens: np.ndarray  # f8[lane, slot] split answers only
    slot_finish: np.ndarray  # i8[lane, slot] resident answers only
    slot_batched: np.ndarray  # u1[lane, slot] takes part in this iteration
    slot_first_s: np.ndarray  # f8[lane, slot] when the first token left
    slot_last_s: np.ndarray  # f8[lane, slot] when the last token left
    # what happened since the environment last looked: NEWS_KINDS * slot + kind, in order
    news: np.ndarray  # i4[lane, 2 * slot]
    news_count: np.ndarray  # i4[lane]


@scalar
def empty_server(params, state, lane):
    """Clear a lane: every slot free, the server idle, the clock at zero."""
    slots = state.free.shape[1]
    for slot in range(slots):
        state.free[lane, slot] = slots - 1 - slot
    state.free_count[lane] = slots
    state.preparing_count[lane] = 0
    state.uploading_count[lane] = 0
    state.waiting_head[lane] = 0
    state.waiting_count[lane] = 0
    state.prefilling_count[lane] = 0
    state.resident_count[lane] = 0
    state.split_count[lane] = 0
    state.news_count[lane] = 0
    state.clock_s[lane] = 0.0
    state.iteration[lane] = 0
    state.iteration_began_s[lane] = 0.0
    state.iteration_end_s[lane] = inf
    state.iteration_time_s[lane] = 0.0
    state.busy_s[lane] = 0.0
    state.pace_s[lane] = 0.0
    state.resident_context_tokens[lane] = 0.0
    state.next_finish[lane] = 0
    state.kv_tokens[lane] = 0.0
    state.kv_waiting_tokens[lane] = 0.0
    state.prompt_backlog_tokens[lane] = 0.0
    state.coming_tokens[lane] = 0.0
    state.next_ready_s[lane] = inf
    state.next_sent_air_s[lane] = inf
    state.air_clock_s[lane] = 0.0
    state.air_updated_s[lane] = 0.0
    state.stream_share[lane] = 0.0


@scalar
def take_slot(state, lane):
    """A free slot, or -1 where the table is full."""
    count = state.free_count[lane]
    if count == 0:
        return -1
    state.free_count[lane] = count - 1
    return state.free[lane, count - 1]


@scalar
def fill_slot(state, lane, slot, request, prompt_tokens, answer_tokens, share, away_s, stream_share, patience_s):
    """Write down a request, whose user waits until `patience_s`; where it goes next is the caller's matter."""
    state.slot_patience_s[lane, slot] = patience_s
    state.slot_request[lane, slot] = request
    state.slot_prompt_tokens[lane, slot] = prompt_tokens
    state.slot_answer_tokens[lane, slot] = answer_tokens
    state.slot_share[lane, slot] = share
    state.slot_away_s[lane, slot] = away_s
    state.slot_stream_share[lane, slot] = stream_share
    state.slot_done_tokens[lane, slot] = 0.0
    state.slot_chunk_tokens[lane, slot] = 0.0
    state.slot_batched[lane, slot] = 0
    state.slot_first_s[lane, slot] = 0.0


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
def enqueue(state, lane, slot):
    """Put a request whose prompt has arrived behind the others that wait."""
    slots = state.waiting.shape[1]
    place = (state.waiting_head[lane] + state.waiting_count[lane]) % slots
    state.waiting[lane, place] = slot
    state.waiting_count[lane] += 1
    share, prompt_tokens = state.slot_share[lane, slot], state.slot_prompt_tokens[lane, slot]
    state.kv_waiting_tokens[lane] += share * (prompt_tokens + state.slot_answer_tokens[lane, slot])
    state.prompt_backlog_tokens[lane] += share * prompt_tokens


@scalar
def give_up(params, state, lane, now_s):
    """Drop the requests whose users no longer wait for a first token and whose prompt has not begun to run."""
    place = 0
    while place < state.preparing_count[lane]:
        slot = state.preparing[lane, place]
        if state.slot_patience_s[lane, slot] < now_s:
            state.preparing_count[lane] -= 1
            state.preparing[lane, place] = state.preparing[lane, state.preparing_count[lane]]
            drop(state, lane, slot, now_s)
        else:
            place += 1
    air_time_passes(state, lane, now_s)
    place = 0
    while place < state.uploading_count[lane]:
        slot = state.uploading[lane, place]
        if state.slot_patience_s[lane, slot] < now_s:
            state.uploading_count[lane] -= 1
            state.uploading[lane, place] = state.uploading[lane, state.uploading_count[lane]]
            drop(state, lane, slot, now_s)
        else:
            place += 1
    slots = state.waiting.shape[1]
    head, kept = state.waiting_head[lane], 0
    for place in range(state.waiting_count[lane]):
        slot = state.waiting[lane, (head + place) % slots]
        if state.slot_patience_s[lane, slot] < now_s:
            share, prompt_tokens = state.slot_share[lane, slot], state.slot_prompt_tokens[lane, slot]
            state.kv_waiting_tokens[lane] -= share * (prompt_tokens + state.slot_answer_tokens[lane, slot])
            state.prompt_backlog_tokens[lane] -= share * prompt_tokens
            state.coming_tokens[lane] += share * prompt_tokens
            drop(state, lane, slot, now_s)
        else:
            state.waiting[lane, (head + kept) % slots] = slot
            kept += 1
    state.waiting_count[lane] = kept
    look_ahead(state, lane)
    if kept > 0:
        wake(params, state, lane, now_s)


@scalar
def drop(state, lane, slot, now_s):
    """Tell that a request on its way was given up, and free its slot."""
    state.coming_tokens[lane] -= state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]
    tell(state, lane, slot, DROPPED, now_s)
    state.free[lane, state.free_count[lane]] = slot
    state.free_count[lane] += 1


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
def admit(params, state, lane):
    """Let waiting requests in, in order of arrival, while there is room for them and for their keys and values."""
    slots = state.waiting.shape[1]
    while state.waiting_count[lane] > 0:
        running = state.prefilling_count[lane] + state.resident_count[lane] + state.split_count[lane]
        slot = state.waiting[lane, state.waiting_head[lane]]
        tokens = state.slot_prompt_tokens[lane, slot] + state.slot_answer_tokens[lane, slot]
        needed = state.slot_share[lane, slot] * tokens
        fits = state.kv_tokens[lane] + needed <= params.kv_capacity_tokens or running == 0
        if running >= state.resident.shape[1] or not fits:
            return
        state.waiting_head[lane] = (state.waiting_head[lane] + 1) % slots
        state.waiting_count[lane] -= 1
        state.kv_tokens[lane] += needed
        state.kv_waiting_tokens[lane] -= needed
        state.prefilling[lane, state.prefilling_count[lane]] = slot
        state.prefilling_count[lane] += 1


@scalar
def start_iteration(params, state, lane, now_s):
    """Begin the next iteration, or idle until a split answer is back."""
    admit(params, state, lane)

    batch = float(state.resident_count[lane])
    context = state.resident_context_tokens[lane]
    reach = 1.0 if state.resident_count[lane] > 0 else 0.0
    leaving = batch
    wake_s = inf
    for place in range(state.split_count[lane]):
        slot = state.split[lane, place]
        if state.slot_ready_s[lane, slot] <= now_s:
            share = state.slot_share[lane, slot]
            state.slot_batched[lane, slot] = 1
            batch += share
            context += share * state.slot_context_tokens[lane, slot]
            reach = max(reach, share)
            leaving += 1.0
        else:
            wake_s = min(wake_s, state.slot_ready_s[lane, slot])

    room = params.chunk_tokens
    chunk, chunk_context = 0.0, 0.0
    for place in range(state.prefilling_count[lane]):
        slot = state.prefilling[lane, place]
        left = state.slot_prompt_tokens[lane, slot] - state.slot_done_tokens[lane, slot]
        tokens = min(room, left)
        state.slot_chunk_tokens[lane, slot] = tokens
        if tokens > 0.0:
            share = state.slot_share[lane, slot]
            chunk += share * tokens
            chunk_context += share * tokens * state.slot_done_tokens[lane, slot]
            reach = max(reach, share)
            room -= tokens
            if tokens == left:
                leaving += 1.0

    if reach == 0.0:
        state.iteration_began_s[lane] = now_s
        state.iteration_end_s[lane] = wake_s
        state.iteration_time_s[lane] = 0.0
        return
    mean_context = context / batch if batch > 0.0 else 0.0
    mean_chunk_context = chunk_context / chunk if chunk > 0.0 else 0.0
    block_s = block_mixed_time(params, SERVER, chunk / reach, mean_chunk_context, batch / reach, mean_context)
    head_s = head_time(params, SERVER, leaving) if leaving > 0.0 else 0.0
    duration_s = params.layers * reach * block_s + head_s + params.iteration_overhead_s
    state.iteration_began_s[lane] = now_s
    state.iteration_end_s[lane] = now_s + duration_s
    state.iteration_time_s[lane] = duration_s
    state.busy_s[lane] += duration_s


@scalar
def release(state, lane, slot):
    """Free a finished request's slot and its keys and values."""
    tokens = state.slot_prompt_tokens[lane, slot] + state.slot_answer_tokens[lane, slot]
    state.kv_tokens[lane] = max(0.0, state.kv_tokens[lane] - state.slot_share[lane, slot] * tokens)
    state.free[lane, state.free_count[lane]] = slot
    state.free_count[lane] += 1


@scalar
def tell(state, lane, slot, kind, now_s):
    """Note what happened to a request that the environment asked to hear of."""
    if kind == FIRST:
        state.slot_first_s[lane, slot] = now_s
    elif kind == LAST:
        state.slot_last_s[lane, slot] = now_s
    if state.slot_request[lane, slot] >= 0:
        state.news[lane, state.news_count[lane]] = NEWS_KINDS * slot + kind
        state.news_count[lane] += 1


@scalar
def end_iteration(params, state, lane):
    """Count the tokens that leave, and tell of first and last ones."""
    now_s = state.iteration_end_s[lane]
    state.iteration[lane] += 1
    iteration = state.iteration[lane]
    weight = PACE_WEIGHT if iteration > 1 else 1.0
    state.pace_s[lane] += weight * (state.iteration_time_s[lane] - state.pace_s[lane])

    state.resident_context_tokens[lane] += state.resident_count[lane]
    if state.resident_count[lane] > 0 and iteration >= state.next_finish[lane]:
        finish_residents(params, state, lane, now_s)

    place = 0
    while place < state.split_count[lane]:
        slot = state.split[lane, place]
        if state.slot_batched[lane, slot] == 0:
            place += 1
            continue
        state.slot_batched[lane, slot] = 0
        state.slot_left_tokens[lane, slot] -= 1.0
        state.slot_context_tokens[lane, slot] += 1.0
        if state.slot_left_tokens[lane, slot] > 0.0:
            state.slot_ready_s[lane, slot] = now_s + state.slot_away_s[lane, slot]
            place += 1
        else:
            state.split_count[lane] -= 1
            state.split[lane, place] = state.split[lane, state.split_count[lane]]
            air_time_passes(state, lane, now_s)
            state.stream_share[lane] = max(0.0, state.stream_share[lane] - state.slot_stream_share[lane, slot])
            tell(state, lane, slot, LAST, now_s)
            release(state, lane, slot)

    finish_prompts(params, state, lane, now_s)


@scalar
def finish_residents(params, state, lane, now_s):
    """Let go of the resident answers that end in this iteration."""
    iteration = state.iteration[lane]
    next_finish = np.int64(9223372036854775807)
    place = 0
    while place < state.resident_count[lane]:
        slot = state.resident[lane, place]
        if state.slot_finish[lane, slot] <= iteration:
            state.resident_count[lane] -= 1
            state.resident[lane, place] = state.resident[lane, state.resident_count[lane]]
            tokens = state.slot_prompt_tokens[lane, slot] + state.slot_answer_tokens[lane, slot]
            state.resident_context_tokens[lane] -= tokens
            tell(state, lane, slot, LAST, now_s)
            release(state, lane, slot)
        else:
            next_finish = min(next_finish, state.slot_finish[lane, slot])
            place += 1
    state.next_finish[lane] = next_finish


@scalar
def finish_prompts(params, state, lane, now_s):
    """Move the prompts on by their chunks; a prompt that is through gives the answer's first token."""
    kept = 0
    for place in range(state.prefilling_count[lane]):
        slot = state.prefilling[lane, place]
        chunk = state.slot_chunk_tokens[lane, slot]
        state.slot_done_tokens[lane, slot] += chunk
        state.prompt_backlog_tokens[lane] -= state.slot_share[lane, slot] * chunk
        prompt_tokens, answer_tokens = state.slot_prompt_tokens[lane, slot], state.slot_answer_tokens[lane, slot]
        if state.slot_done_tokens[lane, slot] < prompt_tokens:
            state.prefilling[lane, kept] = slot
            kept += 1
            continue
        tell(state, lane, slot, FIRST, now_s)
        if answer_tokens <= 1.0:
            tell(state, lane, slot, LAST, now_s)
            release(state, lane, slot)
        elif state.slot_away_s[lane, slot] > 0.0:
            state.slot_left_tokens[lane, slot] = answer_tokens - 1.0
            state.slot_context_tokens[lane, slot] = prompt_tokens + 1.0
            state.slot_ready_s[lane, slot] = now_s + state.slot_away_s[lane, slot]
            state.split[lane, state.split_count[lane]] = slot
            state.split_count[lane] += 1
            air_time_passes(state, lane, now_s)
            state.stream_share[lane] += state.slot_stream_share[lane, slot]
        else:
            finish = state.iteration[lane] + np.int64(answer_tokens - 1.0)
            state.slot_finish[lane, slot] = finish
            alone = state.resident_count[lane] == 0
            state.next_finish[lane] = finish if alone else min(state.next_finish[lane], finish)
            state.resident[lane, state.resident_count[lane]] = slot
            state.resident_count[lane] += 1
            state.resident_context_tokens[lane] += prompt_tokens + 1.0
    state.prefilling_count[lane] = kept


@scalar
def advance(params, state, lane, until_s, background_s):
    """Jump from event to event up to `until_s` or the next background arrival; returns where it stopped, in s.

    The caller reads `news` and clears it, puts a background request in (`enqueue`, then `wake`) and calls again; until
    then the slots in the news are not given away.
    """
    limit_s = min(until_s, background_s)
    while True:
        ready_s, uploaded_s = state.next_ready_s[lane], upload_end(state, lane)
        event_s = min(min(ready_s, uploaded_s), state.iteration_end_s[lane])
        if event_s > limit_s:
            state.clock_s[lane] = limit_s
            return limit_s
        state.clock_s[lane] = event_s
        if ready_s <= event_s:
            start_uploads(state, lane, event_s)
        elif uploaded_s <= event_s:
            finish_upload(state, lane, event_s)
            wake(params, state, lane, event_s)
        else:
            if state.iteration_time_s[lane] > 0.0:
                end_iteration(params, state, lane)
            start_iteration(params, state, lane, event_s)


@scalar
def wake(params, state, lane, now_s):
    """Start an iteration at once where the server idles."""
    if state.iteration_time_s[lane] == 0.0:
        start_iteration(params, state, lane, now_s)
