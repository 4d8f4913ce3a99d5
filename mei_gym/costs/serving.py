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

Before the server, a split prompt is prepared on its device until `ready_s`, then its activations cross the cell's
uplink, and perhaps a pipe of the backhaul, which they share with other transfers (`links`).

Requests wait in order of arrival, or with `queue_order` SHORTEST the one that reserves least is first. Whoever is first
waits until there is room for it, and all others wait behind it. There is no preemption: what was admitted runs to its
end, because its keys and values were reserved whole.

A user who has waited past the patience gives up, unless the prompt has begun to run: `give_up`, called by the
environment at each of its steps, takes such requests off the device, the links and the queue.

Events: a device is ready, a transfer ends, a background request arrives, an iteration ends. Between events nothing
changes, so the engine jumps. An iteration that carries a chunk, or an answer that is split, is an event of its own;
iterations of whole answers alone are passed many at once (`steady`), which changes no time and no number.

Sources: Orca and Sarathi-Serve (iteration-level scheduling, chunked prefill); vLLM (admission by KV memory).
"""

from __future__ import annotations

from math import inf

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.costs.compute import block_mixed_time, head_time
from mei_gym.costs.links import change_streams, finish_upload, give_up_on_the_way, start_uploads
from mei_gym.costs.server import SERVER
from mei_gym.costs.slots import FIRST, LAST, drop, release, reservation, tell
from mei_gym.costs.steady import PACE_WEIGHT, begin_answers


@scalar
def advance(params, state, lane, until_s, background_s):
    """Jump from event to event up to `until_s` or the next background arrival; returns where it stopped, in s.

    The caller reads `news` and clears it, puts a background request in (`enqueue`, then `wake`) and calls again; until
    then the slots in the news are not given away.
    """
    limit_s = min(until_s, background_s)
    while True:
        ready_s, uploaded_s = state.next_ready_s[lane], state.next_sent_s[lane]
        event_s = min(min(ready_s, uploaded_s), state.iteration_end_s[lane])
        if event_s > limit_s:
            state.clock_s[lane] = limit_s
            return limit_s
        state.clock_s[lane] = event_s
        if ready_s <= event_s:
            start_uploads(state, lane, event_s)
        elif uploaded_s <= event_s:
            finish_upload(params, state, lane, event_s)
            wake(state, lane, event_s)
        else:
            if state.iteration_time_s[lane] > 0.0:
                end_iteration(params, state, lane)
            horizon_s = min(limit_s, min(ready_s, state.next_sent_s[lane]))  # an answer's end may have freed a link
            start_iteration(params, state, lane, event_s, horizon_s)


@scalar
def wake(state, lane, now_s):
    """Let the server, where it idles, look for work now: the next `advance` begins with that."""
    if state.iteration_time_s[lane] == 0.0:
        state.iteration_end_s[lane] = now_s


@scalar
def admit(params, state, lane):
    """Let waiting requests in, first come or least first, while there is room for them and their keys and values."""
    slots = state.waiting.shape[1]
    while state.waiting_count[lane] > 0:
        running = state.prefilling_count[lane] + state.resident_count[lane] + state.split_count[lane]
        slot = state.waiting[lane, state.waiting_head[lane]]
        needed = reservation(state, lane, slot)
        fits = state.kv_tokens[lane] + needed <= params.kv_capacity_tokens or running == 0
        if running >= params.running_limit or not fits:
            return
        state.waiting_head[lane] = (state.waiting_head[lane] + 1) % slots
        state.waiting_count[lane] -= 1
        state.kv_tokens[lane] += needed
        state.kv_waiting_tokens[lane] -= needed
        state.prefilling[lane, state.prefilling_count[lane]] = slot
        state.prefilling_count[lane] += 1


@scalar
def start_iteration(params, state, lane, now_s, horizon_s):
    """Begin the next iteration, or idle; before the horizon nothing happens outside of the server."""
    admit(params, state, lane)
    if state.prefilling_count[lane] > 0 or state.split_count[lane] > 0:
        begin_mixed(params, state, lane, now_s)
    elif state.resident_count[lane] > 0:
        begin_answers(params, state, lane, now_s, horizon_s)
    else:
        idle(state, lane, now_s, inf)


@scalar
def idle(state, lane, now_s, until_s):
    """Run nothing until something comes, or until a split answer is back."""
    state.iteration_began_s[lane] = now_s
    state.iteration_end_s[lane] = until_s
    state.iteration_time_s[lane] = 0.0


@scalar
def begin_mixed(params, state, lane, now_s):
    """Begin an iteration of chunks, split answers that are back and whole answers, or idle until one is back."""
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
        idle(state, lane, now_s, wake_s)
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
def end_iteration(params, state, lane):
    """Count the tokens that leave, and tell of first and last ones."""
    now_s = state.iteration_end_s[lane]
    state.iteration[lane] += 1
    state.stops[lane] += 1
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
            change_streams(state, lane, slot, -1.0, now_s)
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
            change_streams(state, lane, slot, 1.0, now_s)
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
def give_up(params, state, lane, now_s):
    """Drop the requests whose users no longer wait for a first token and whose prompt has not begun to run."""
    give_up_on_the_way(state, lane, now_s)
    slots = state.waiting.shape[1]
    head, kept = state.waiting_head[lane], 0
    for place in range(state.waiting_count[lane]):
        slot = state.waiting[lane, (head + place) % slots]
        if state.slot_patience_s[lane, slot] < now_s:
            prompt_tokens = state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]
            state.kv_waiting_tokens[lane] -= reservation(state, lane, slot)
            state.prompt_backlog_tokens[lane] -= prompt_tokens
            state.coming_tokens[lane] += prompt_tokens
            drop(state, lane, slot, now_s)
        else:
            state.waiting[lane, (head + kept) % slots] = slot
            kept += 1
    state.waiting_count[lane] = kept
    if kept > 0:
        wake(state, lane, now_s)
