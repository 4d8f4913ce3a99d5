"""Runs the engine of `costs/serving.py` as plain Python on a list of requests, stopping where it is told to."""

from math import inf
from typing import Any, NamedTuple

import numpy as np
from reference_server import Request

from mei_gym.compiled import plain
from mei_gym.costs import serving, slots, uplink
from mei_gym.costs.slots import DROPPED, FIRST, LAST, NEWS_KINDS, ServingState

advance, prepare, enqueue, wake = (
    plain(rule) for rule in (serving.advance, uplink.prepare, slots.enqueue, serving.wake)
)
give_up, empty_server, take_slot, fill_slot = (
    plain(rule) for rule in (serving.give_up, slots.empty_server, slots.take_slot, slots.fill_slot)
)


class ServerParams(NamedTuple):
    """What the engine reads: an affine block, t = launch + slope * work, in the fields of `ComputeCosts`."""

    layers: int
    running_limit: int
    kv_capacity_tokens: float
    chunk_tokens: float
    iteration_overhead_s: float
    peak_flops: np.ndarray
    bandwidth_bytes_per_s: np.ndarray
    launch_s: np.ndarray
    roofline_order: np.ndarray
    context_share: np.ndarray
    block_flops_per_token: np.ndarray
    block_flops_per_pair: np.ndarray
    block_read_bytes: np.ndarray
    block_moved_bytes_per_token: np.ndarray
    block_kv_bytes_per_token: np.ndarray
    head_flops_per_token: np.ndarray
    head_read_bytes: np.ndarray
    head_moved_bytes_per_token: np.ndarray
    prefill_knots: np.ndarray
    head_knots: np.ndarray
    decode_batches: np.ndarray
    decode_contexts: np.ndarray


def server_params(
    *,
    layers: int = 8,
    running_limit: int = 16,
    kv_capacity_tokens: float = 1e5,
    chunk_tokens: float = 64.0,
    iteration_overhead_s: float = 1e-3,
    launch_s: float = 1e-4,
    token_s: float = 2e-6,
    pair_s: float = 1e-9,
    head_s: float = 1e-5,
) -> ServerParams:
    """A server of one unit of FLOP/s: FLOPs are seconds; no bytes, so that the roofline is its compute side."""
    one, none = np.ones(1), np.zeros(1, np.int64)
    return ServerParams(
        layers, running_limit, kv_capacity_tokens, chunk_tokens, iteration_overhead_s,
        one, one, launch_s * one, 2.0 * one, one, token_s * one, pair_s * one, 0.0 * one, 0.0 * one, 0.0 * one,
        head_s * one, 0.0 * one, 0.0 * one, none, none, none, none,
    )  # fmt: skip


RUNNING_LISTS = ("prefilling", "resident", "split")
TABLES = ("free", "preparing", "uploading", "waiting")


def server_state(params: ServerParams, slots: int) -> Any:
    """One empty lane."""
    arrays = {}
    for name in ServingState._fields:
        long = {"news": 2 * slots, **dict.fromkeys(RUNNING_LISTS, params.running_limit), **dict.fromkeys(TABLES, slots)}
        length = long.get(name, slots if name.startswith("slot_") else 0)
        whole = name in long or name.endswith("_count") or name == "waiting_head"
        whole |= name in ("iteration", "next_finish", "slot_request", "slot_finish", "slot_batched")
        arrays[name] = np.zeros((1, length) if length else (1,), np.int64 if whole else np.float64)
    state = ServingState(**arrays)
    empty_server(params, state, 0)
    return state


class EngineRun:
    """Feeds requests to the engine in the order in which they are decided; writes their fate into them."""

    def __init__(self, params: ServerParams, slots: int = 256) -> None:
        self.params, self.state = params, server_state(params, slots)
        self.by_slot: dict[int, Request] = {}
        self.order: list[tuple[int, int]] = []  # (kind, request number) as the news came
        self.most_reserved = 0.0

    def let_pass(self, until_s: float) -> None:
        """Advance, and listen."""
        reached_s = advance(self.params, self.state, 0, until_s, inf)
        assert reached_s == until_s
        self.listen()
        self.most_reserved = max(self.most_reserved, float(self.state.kv_tokens[0]))

    def listen(self) -> None:
        state = self.state
        for news in state.news[0, : state.news_count[0]]:
            slot, kind = int(news) // NEWS_KINDS, int(news) % NEWS_KINDS
            request = self.by_slot[slot]
            self.order.append((kind, request.number))
            if kind == FIRST:
                request.first_s = float(state.slot_first_s[0, slot])
            elif kind == LAST:
                request.last_s = float(state.slot_last_s[0, slot])
            elif kind == DROPPED:
                request.dropped_s = float(state.clock_s[0])
        state.news_count[0] = 0

    def send(self, request: Request) -> None:
        """Let time pass until the request is decided, and put it on its way."""
        self.let_pass(request.decided_s)
        slot = take_slot(self.state, 0)
        assert slot >= 0
        self.by_slot[slot] = request
        fill_slot(
            self.state, 0, slot, request.number, request.prompt, request.answer, request.share, request.away_s,
            request.stream_share, request.patience_s,
        )  # fmt: skip
        if request.direct:
            enqueue(self.state, 0, slot)
            wake(self.params, self.state, 0, request.decided_s)
        else:
            prepare(self.state, 0, slot, request.ready_s, request.air_s)

    def abandon(self, now_s: float) -> None:
        """Let time pass, then let those go who wait no longer."""
        self.let_pass(now_s)
        give_up(self.params, self.state, 0, now_s)
        self.listen()

    def drain(self, step_s: float = 50.0) -> None:
        """Let time pass until every slot is free again."""
        for _ in range(200):
            if self.state.free_count[0] == self.state.free.shape[1]:
                return
            self.let_pass(float(self.state.clock_s[0]) + step_s)
        raise AssertionError("the engine does not drain")
