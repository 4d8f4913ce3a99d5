"""Runs the engine of `costs/serving.py` as plain Python on a list of requests, stopping where it is told to."""

from math import inf
from typing import Any

import numpy as np
from reference_server import Crossing, ReferenceServer, Request

from mei_gym.compiled import plain
from mei_gym.costs import links, serving, slots
from mei_gym.costs.compute import ComputeCosts
from mei_gym.costs.links import NO_LINK
from mei_gym.costs.server import ServerParams
from mei_gym.costs.slots import DROPPED, FCFS, FIRST, LAST, NEWS_KINDS, serving_state

advance, prepare, enqueue, wake = (
    plain(rule) for rule in (serving.advance, links.prepare, slots.enqueue, serving.wake)
)
give_up, empty_server, take_slot, fill_slot = (
    plain(rule) for rule in (serving.give_up, slots.empty_server, slots.take_slot, slots.fill_slot)
)


def affine_server(
    *,
    layers: int = 8,
    running_limit: int = 16,
    kv_capacity_tokens: float = 1e5,
    chunk_tokens: float = 64.0,
    iteration_overhead_s: float = 1e-3,
    queue_order: int = FCFS,
    jumps: int = 1,
    launch_s: float = 1e-4,
    token_s: float = 2e-6,
    pair_s: float = 1e-9,
    head_s: float = 1e-5,
) -> Any:
    """A server of one unit of FLOP/s, t = launch + slope * work: FLOPs are seconds, and no bytes are moved.

    Its decoding is read from knots, which an affine block does not feel, so that iterations can be passed in jumps.
    """
    numbers = dict.fromkeys(ComputeCosts._fields, np.zeros(1))
    numbers |= {name: np.zeros(1, np.int64) for name in ("prefill_knots", "head_knots", "embedding_knots")}
    numbers |= {
        f"{part}_knot_{what}": np.zeros((1, 1)) for part in ("prefill", "head", "embedding") for what in ("tokens", "s")
    }
    numbers |= {name: np.ones(1) for name in ("peak_flops", "bandwidth_bytes_per_s", "context_share")}
    batches, contexts = np.array([1.0, 7.0, 300.0]), np.array([0.0, 40.0, 90.0, 1e6])
    block_s = launch_s + batches[:, None] * (token_s + pair_s * (contexts + 1.0))
    numbers |= {
        "launch_s": np.array([launch_s]),
        "roofline_order": np.array([2.0]),
        "block_flops_per_token": np.array([token_s]),
        "block_flops_per_pair": np.array([pair_s]),
        "head_flops_per_token": np.array([head_s]),
        "decode_batches": np.array([batches.size]),
        "decode_contexts": np.array([contexts.size]),
        "decode_knot_batch": batches[None],
        "decode_knot_context": contexts[None],
        "decode_knot_s": block_s[None],
    }
    return ServerParams(
        **numbers, layers=layers, running_limit=running_limit, kv_capacity_tokens=kv_capacity_tokens,
        chunk_tokens=chunk_tokens, iteration_overhead_s=iteration_overhead_s, queue_order=queue_order, jumps=jumps,
    )  # fmt: skip


class EngineRun:
    """Feeds requests to the engine in the order in which they are decided; writes their fate into them."""

    def __init__(self, params: Any, slots: int = 256, links: int = 1) -> None:
        self.params = params
        self.state: Any = serving_state(1, slots, params.running_limit, links)
        empty_server(params, self.state, 0)
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
            enqueue(self.params, self.state, 0, slot)
            wake(self.state, 0, request.decided_s)
        else:
            first, then = (*request.way, Crossing(NO_LINK))[:2]
            prepare(self.state, 0, slot, request.ready_s, *first, *then)

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


def random_requests(
    seed: int, count: int, split: bool, patience_s: float = inf, per_s: float = 12.0, links: int = 1
) -> list[Request]:
    """Requests of all kinds; with several links the last is a pipe that some cross second, and weights differ."""
    rng = np.random.default_rng(seed)
    decided_s = np.cumsum(rng.exponential(1.0 / per_s, count))
    requests = []
    for number in range(count):
        request = Request(
            number, float(decided_s[number]), float(rng.integers(1, 300)), float(rng.choice([1, 2, 3, 20, 60]))
        )
        request.patience_s = request.decided_s + patience_s
        kind = rng.random()
        if kind < 0.2:
            request.direct = True
        else:
            request.ready_s = request.decided_s + float(rng.choice([0.0, 0.01, 0.3])) * rng.random()
            request.way = (Crossing(0, float(rng.choice([0.0, 0.005, 0.1])) * rng.random()),)
        if split and kind > 0.6:
            request.share = float(rng.integers(1, 8)) / 8.0
            request.away_s = 0.002 + 0.05 * rng.random()
            request.stream_share = 0.3 * rng.random()
        if links > 1:
            weight = 0.2 + 3.0 * rng.random()
            air = Crossing(int(rng.integers(0, links - 1)), request.way[0].work / weight, weight)
            pipe = Crossing(links - 1, 0.05 * rng.random(), 1.0)
            request.way = (air, pipe) if rng.random() < 0.7 else (air,)
        requests.append(request)
    return requests


def run_engine(
    params: Any,
    requests: list[Request],
    stops_s: list[float] | None = None,
    looks_s: list[float] | None = None,
    links: int = 1,
) -> EngineRun:
    """`stops_s`: advance is stopped there, idly; `looks_s`: users give up there."""
    run = EngineRun(params, links=links)
    events = [(request.decided_s, 0, run.send, request) for request in requests]
    events += [(stop_s, 1, run.let_pass, stop_s) for stop_s in stops_s or []]
    events += [(look_s, 2, run.abandon, look_s) for look_s in looks_s or []]
    for _, _, act, argument in sorted(events, key=lambda event: event[:2]):
        act(argument)
    run.drain()
    return run


def run_reference(params: Any, requests: list[Request], looks_s: list[float] | None = None) -> ReferenceServer:
    """The same requests through the second simulator."""
    server = ReferenceServer(params)
    events = [(request.decided_s, 0, server.send, request) for request in requests]
    events += [(look_s, 2, server.abandon, look_s) for look_s in looks_s or []]
    for _, _, act, argument in sorted(events, key=lambda event: event[:2]):
        act(argument)
    server.let_pass(1e5)
    return server


def fates(requests: list[Request]) -> np.ndarray:
    """s[request, 3]: first token, last token, given up."""
    return np.array([(each.first_s, each.last_s, each.dropped_s) for each in requests])


def largest_difference(first: np.ndarray, second: np.ndarray) -> float:
    """s; both must know the same things."""
    assert np.array_equal(np.isinf(first), np.isinf(second))
    known = np.isfinite(first)
    return float(np.abs(first[known] - second[known]).max())
