"""The table of requests under way: its slots, the lists that they stand in, and the news of them.

A slot is one request from the moment it is sent on its way until its last token. It stands in one list at a time: its
device prepares the prompt, the prompt is uploaded, it waits for admission, it is prefilled, and then its answer runs,
wholly on the server or split with its device. `serving` moves the slots from list to list.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar

FIRST, LAST, DROPPED = 0, 1, 2  # kinds of news
NEWS_KINDS = 3
FCFS, SHORTEST = 0, 1  # orders of the queue: as they come; the least to reserve first


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
    stops: np.ndarray  # i8[lane] iterations whose end was an event; the others were passed in jumps
    # lists of slots, each with its length
    free: np.ndarray  # i4[lane, slot]
    free_count: np.ndarray  # i4[lane]
    preparing: np.ndarray  # i4[lane, slot]
    preparing_count: np.ndarray  # i4[lane]
    uploading: np.ndarray  # i4[lane, slot]
    uploading_count: np.ndarray  # i4[lane]
    next_ready_s: np.ndarray  # f8[lane] when the next device is ready; inf: none prepares
    next_sent_s: np.ndarray  # f8[lane] when the next transfer ends; inf: none is under way
    next_sent_link: np.ndarray  # i4[lane] on which link
    waiting: np.ndarray  # i4[lane, slot] a ring, in the order in which they will be let in
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
    # the links
    link_clock: np.ndarray  # f8[lane, link] what each transfer under way has gained, by its unit of work
    link_updated_s: np.ndarray  # f8[lane, link] when the clock was last moved
    link_weight: np.ndarray  # f8[lane, link] sum of the transfers' weights
    link_transfers: np.ndarray  # i4[lane, link]
    link_next_slot: np.ndarray  # i4[lane, link] whose transfer ends next, where there is any
    link_end_s: np.ndarray  # f8[lane, link] when that is, if nothing changes; inf: none is under way
    link_stream_share: np.ndarray  # f8[lane, link] share of the link that single-token streams take
    # the slots
    slot_request: np.ndarray  # i8[lane, slot] -1: background
    slot_prompt_tokens: np.ndarray  # f8[lane, slot]
    slot_answer_tokens: np.ndarray  # f8[lane, slot]
    slot_share: np.ndarray  # f8[lane, slot] of the blocks, on the server
    slot_patience_s: np.ndarray  # f8[lane, slot] until when its user waits for the first token
    slot_ready_s: np.ndarray  # f8[lane, slot] prepared; later: back at the server
    slot_link: np.ndarray  # i4[lane, slot]
    slot_work: np.ndarray  # f8[lane, slot] to transfer; later: value of the link's clock when transferred
    slot_weight: np.ndarray  # f8[lane, slot]
    slot_next_link: np.ndarray  # i4[lane, slot] to cross after the first; -1: none
    slot_next_work: np.ndarray  # f8[lane, slot]
    slot_next_weight: np.ndarray  # f8[lane, slot]
    slot_stream_link: np.ndarray  # i4[lane, slot] that carries the tokens of its split answer
    slot_stream_share: np.ndarray  # f8[lane, slot] of that link
    slot_pipe: np.ndarray  # i4[lane, slot] the pipe behind it, which they cross too; -1: none
    slot_pipe_share: np.ndarray  # f8[lane, slot] of that pipe
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


RUNNING_LISTS = ("prefilling", "resident", "split")
SLOT_LISTS = ("free", "preparing", "uploading", "waiting")
COUNTS = {*(f"{name}_count" for name in (*RUNNING_LISTS, *SLOT_LISTS, "news")), "link_transfers"}
LINK_PLACES = {"slot_link", "slot_next_link", "slot_stream_link", "slot_pipe"}
PLACES = {"waiting_head", "next_sent_link", "link_next_slot", *LINK_PLACES}
INTEGERS_32 = {*RUNNING_LISTS, *SLOT_LISTS, *COUNTS, *PLACES, "news"}
INTEGERS_64 = {"iteration", "stops", "next_finish", "slot_request", "slot_finish"}


def serving_state(lanes: int, slots: int, running_limit: int, links: int) -> ServingState:
    """Zeroed arrays for `lanes` servers; `empty_server` makes each ready."""

    def array(name: str) -> np.ndarray:
        shape: tuple[int, ...] = (lanes,)
        if name in RUNNING_LISTS:
            shape = (lanes, running_limit)
        elif name in SLOT_LISTS or name.startswith("slot_"):
            shape = (lanes, slots)
        elif name.startswith("link_"):
            shape = (lanes, links)
        elif name == "news":
            shape = (lanes, 2 * slots)
        if name == "slot_batched":
            return np.zeros(shape, np.uint8)
        kind = np.int32 if name in INTEGERS_32 else np.int64 if name in INTEGERS_64 else np.float64
        return np.zeros(shape, kind)

    return ServingState(*(array(name) for name in ServingState._fields))


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
    state.stops[lane] = 0
    state.pace_s[lane] = 0.0
    state.resident_context_tokens[lane] = 0.0
    state.next_finish[lane] = 0
    state.kv_tokens[lane] = 0.0
    state.kv_waiting_tokens[lane] = 0.0
    state.prompt_backlog_tokens[lane] = 0.0
    state.coming_tokens[lane] = 0.0
    state.next_ready_s[lane] = inf
    state.next_sent_s[lane] = inf
    state.next_sent_link[lane] = 0
    for link in range(state.link_clock.shape[1]):  # the rest of a link is set by its first transfer
        state.link_transfers[lane, link] = 0
        state.link_end_s[lane, link] = inf
        state.link_stream_share[lane, link] = 0.0


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
    state.slot_stream_link[lane, slot] = 0
    state.slot_stream_share[lane, slot] = stream_share
    state.slot_pipe[lane, slot], state.slot_pipe_share[lane, slot] = -1, 0.0
    state.slot_done_tokens[lane, slot] = 0.0
    state.slot_chunk_tokens[lane, slot] = 0.0
    state.slot_batched[lane, slot] = 0
    state.slot_first_s[lane, slot] = 0.0


@scalar
def reservation(state, lane, slot):
    """Tokens of a whole model, of which a request's keys and values take the room: prompt and answer, by its share."""
    tokens = state.slot_prompt_tokens[lane, slot] + state.slot_answer_tokens[lane, slot]
    return state.slot_share[lane, slot] * tokens


@scalar
def enqueue(params, state, lane, slot):
    """Let a request whose prompt has arrived wait: behind all others, or in SHORTEST order behind those no larger."""
    slots = state.waiting.shape[1]
    needed = reservation(state, lane, slot)
    place = state.waiting_head[lane] + state.waiting_count[lane]
    if params.queue_order == SHORTEST:
        while place > state.waiting_head[lane]:
            before = state.waiting[lane, (place - 1) % slots]
            if reservation(state, lane, before) <= needed:
                break
            state.waiting[lane, place % slots] = before
            place -= 1
    state.waiting[lane, place % slots] = slot
    state.waiting_count[lane] += 1
    state.kv_waiting_tokens[lane] += needed
    state.prompt_backlog_tokens[lane] += state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]


@scalar
def release(state, lane, slot):
    """Free a finished request's slot and its keys and values."""
    state.kv_tokens[lane] = max(0.0, state.kv_tokens[lane] - reservation(state, lane, slot))
    state.free[lane, state.free_count[lane]] = slot
    state.free_count[lane] += 1


@scalar
def drop(state, lane, slot, now_s):
    """Tell that a request on its way was given up, and free its slot."""
    state.coming_tokens[lane] -= state.slot_share[lane, slot] * state.slot_prompt_tokens[lane, slot]
    tell(state, lane, slot, DROPPED, now_s)
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
