"""The most that a request of SplitInference can bring: alone in an ideal world, with the true length of its answer.

The server and the air are empty, the device is cool, idle and holds all the layers that it could have loaded so far,
and a joule costs what it cost when the episode began. Times are the least that any company could lead to:

* a prompt may be cut into chunks in any way; each iteration takes at least what this request's own share of the chunk
  takes, whatever depth the iteration reaches (`prefill_floor`);
* a token's iteration takes at least the cheapest batch in which the server reads this request's keys and values
  (`decode_floor`).

A request that is under way when the episode ends keeps its forecast, so the utility of each time is the better of
what the ideal world would bring and what the forecast would say in it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mei_gym.compiled import OPTIONS, scalar
from mei_gym.costs.compute import block_decode_time, block_mixed_time, block_prefill_time, head_time
from mei_gym.costs.serving import SERVER
from mei_gym.costs.waiting import latency_utility
from mei_gym.envs.lanes import Lanes
from mei_gym.envs.split_inference.device import joule_price, layers_that_fit
from mei_gym.envs.split_inference.feasible import BITS_CHOICES, feasible
from mei_gym.envs.split_inference.fields import (
    APPLICATION,
    BLOCK_DECODE,
    BLOCK_PREFILL,
    DEVICE_CLASS,
    DEVICE_HEAD,
    DEVICE_SPEED,
    DEVICE_WAIT,
    FIELDS,
    HANDOVER_WAIT,
    LOADED,
    PIPE_PACE,
    PROMPT,
    ROUND_TRIP,
    TPOT_TARGET,
    TTFT_TARGET,
)
from mei_gym.envs.split_inference.forecast import (
    air_time,
    away_time,
    device_energy,
    device_prompt_time,
    expected_tpot,
    expected_ttft,
    leakage_excess,
    prompt_payload,
    quality_loss,
)
from mei_gym.heuristics.policy import World
from mei_gym.heuristics.split_inference.scores import imagine_idle
from mei_gym.heuristics.text import text_digest
from mei_gym.oracle.bound import Bound
from mei_gym.packed import Pack, view

NUMBER_FIELDS = len(FIELDS)


class Floors(NamedTuple):
    """The least times at the server; blocks is the number of them that run there, 0..L."""

    prompt_s: np.ndarray  # f8[blocks, tokens] all iterations of a prompt
    answer_s: np.ndarray  # f8[blocks, context] one iteration at each context up to here, added up


@scalar
def chunk_floor(params, blocks, tokens):
    """s: the least time of an iteration that carries `tokens` of this prompt through `blocks` blocks."""
    least = inf
    for reach in range(blocks, params.layers + 1):
        block_s = block_mixed_time(params, SERVER, blocks * tokens / reach, 0.0, 0.0, 0.0)
        least = min(least, reach * block_s)
    return least + params.iteration_overhead_s


@scalar
def token_floor(params, context_tokens):
    """s: the least time of a block that reads this context once; in the best company for it."""
    alone_s = block_decode_time(params, SERVER, 1.0, context_tokens)
    bare_s = block_decode_time(params, SERVER, 1.0, 0.0)
    least = min(alone_s, block_prefill_time(params, SERVER, 1.0, 0.0) + alone_s - bare_s)
    for batch in range(2, params.running_limit + 1):
        least = min(least, block_decode_time(params, SERVER, float(batch), context_tokens / batch))
    return least


@scalar
def lay_prompt_floors(params, blocks, chunk_s, prompt_s):
    """The cheapest way to cut each prompt into chunks; `chunk_s` [tokens] is room to work in."""
    most = chunk_s.shape[0] - 1
    chunk_s[most] = chunk_floor(params, blocks, float(most))
    for tokens in range(most - 1, 0, -1):
        chunk_s[tokens] = min(chunk_s[tokens + 1], chunk_floor(params, blocks, float(tokens)))
    prompt_s[0] = 0.0
    for tokens in range(1, prompt_s.shape[0]):
        least = inf
        for last in range(1, min(tokens, most) + 1):
            least = min(least, chunk_s[last] + prompt_s[tokens - last])
        prompt_s[tokens] = least


@scalar
def lay_answer_floors(params, blocks, token_s, answer_s):
    """Sums over contexts of an iteration's least time, head and overhead included."""
    head_s = head_time(params, SERVER, 1.0)
    answer_s[0] = 0.0
    for context in range(1, answer_s.shape[0]):
        least = inf
        for reach in range(blocks, params.layers + 1):
            least = min(least, reach * token_s[(blocks * context) // reach])
        answer_s[context] = answer_s[context - 1] + least + head_s + params.iteration_overhead_s


@scalar
def idealise(params, state, lane, could_load, ideal):
    """Write what would be sensed in the ideal world."""
    sensed = state.sensed[lane]
    for field in range(sensed.shape[0]):
        ideal[field] = sensed[field]
    imagine_idle(params, ideal)
    for field in (BLOCK_PREFILL, BLOCK_DECODE, DEVICE_HEAD):
        ideal[field] = sensed[field] * sensed[DEVICE_SPEED]
    ideal[DEVICE_WAIT] = 0.0
    ideal[DEVICE_SPEED] = 1.0
    ideal[LOADED] = could_load / params.layers


@scalar
def most_of_choice(params, ideal, floors, price, answer_tokens, cut, bits_choice):
    """The reward of one choice in the ideal world."""
    application, device_class = int(ideal[APPLICATION]), int(ideal[DEVICE_CLASS])
    prompt_tokens = int(ideal[PROMPT])
    ttft_s = expected_ttft(params, ideal, cut, bits_choice)
    tpot_s = expected_tpot(params, ideal, cut, bits_choice)
    if cut < params.layers:
        blocks = params.layers - cut
        served_s = floors.prompt_s[blocks, prompt_tokens] + head_time(params, SERVER, 1.0)
        payload_bytes = prompt_payload(params, ideal, cut, bits_choice)
        sent_s = ideal[HANDOVER_WAIT] + air_time(ideal, payload_bytes) + payload_bytes * ideal[PIPE_PACE]
        ttft_s = min(ttft_s, device_prompt_time(params, ideal, cut) + sent_s + ideal[ROUND_TRIP] + served_s)
        further = int(answer_tokens) - 1
        if further > 0:
            iterations_s = floors.answer_s[blocks, prompt_tokens + further] - floors.answer_s[blocks, prompt_tokens]
            tpot_s = min(tpot_s, away_time(params, ideal, cut, bits_choice) + iterations_s / further)
    ttft_utility = latency_utility(params, ttft_s, ideal[TTFT_TARGET])
    tpot_utility = 0.0
    if ttft_utility > 0.0:
        tpot_utility = latency_utility(params, tpot_s, ideal[TPOT_TARGET]) if answer_tokens > 1.0 else 1.0
    energy_j = 0.0
    if cut > 0:
        kept_j = params.battery_reserve * params.class_battery_j[device_class]
        energy_j = min(kept_j, device_energy(params, ideal, cut, bits_choice, answer_tokens))
    return (
        params.ttft_weight[application] * ttft_utility
        + params.tpot_weight[application] * tpot_utility
        - params.energy_weight[application] * price * energy_j
        - params.leakage_weight[application] * leakage_excess(params, ideal, cut, bits_choice)
        - params.quality_weight[application] * quality_loss(params, cut, bits_choice)
    )


@scalar
def most_of_request(params, state, lane, floors, prices, could_load, ideal):
    """The best choice for the lane's request; notes what the device could have loaded by now."""
    user = state.asking_user[lane]
    could = min(could_load[user], layers_that_fit(params, state, lane, user, 0.0))
    idealise(params, state, lane, could, ideal)
    # as the rules sense it, but for the battery: an empty one only takes choices away
    deepest = layers_that_fit(
        params, state, lane, user, state.prompt_tokens[lane] + params.expected_answer_tokens[int(ideal[APPLICATION])]
    )
    application = int(ideal[APPLICATION])
    best = 0.0 if params.leakage_hard[application] > 0.0 else -inf  # a declined request brings nothing
    for cut in range(deepest + 1):
        for bits_choice in range(BITS_CHOICES):
            if not feasible(params, application, deepest, cut, bits_choice):
                continue
            most = most_of_choice(params, ideal, floors, prices[user], state.answer_tokens[lane], cut, bits_choice)
            best = max(best, most)
    could_load[user] = max(could, deepest)
    return best


@cache
def entries(params_layout: str, state_layout: str, floors_layout: str) -> tuple[Any, Any, Any]:
    """Compiled loops: lay the floors, begin to watch, look at the requests."""
    content = hashlib.sha256(text_digest().encode() + Path(__file__).read_bytes()).hexdigest()
    return build(content, params_layout, state_layout, floors_layout)


def build(digest: str, params_layout: str, state_layout: str, floors_layout: str) -> tuple[Any, Any, Any]:
    """The loops; the digest is part of their cache key."""

    @njit(cache=True, **OPTIONS)
    def lay_floors(params_handle, floors_handle, chunk_s, token_s):
        digest  # noqa: B018
        params, floors = view(params_handle, params_layout), view(floors_handle, floors_layout)
        for context in range(token_s.shape[0]):
            token_s[context] = token_floor(params, float(context))
        for blocks in range(1, params.layers + 1):
            lay_prompt_floors(params, blocks, chunk_s, floors.prompt_s[blocks])
            lay_answer_floors(params, blocks, token_s, floors.answer_s[blocks])

    @njit(cache=True, **OPTIONS)
    def begin(params_handle, state_handle, prices, could_load):
        digest  # noqa: B018
        params, state = view(params_handle, params_layout), view(state_handle, state_layout)
        for lane in range(prices.shape[0]):
            for user in range(prices.shape[1]):
                prices[lane, user] = joule_price(params, state, lane, user)
                could_load[lane, user] = state.user_loaded_layers[lane, user]

    @njit(cache=True, **OPTIONS)
    def look(params_handle, state_handle, floors_handle, prices, could_load, most):
        digest  # noqa: B018
        ideal = np.zeros(NUMBER_FIELDS)
        params, state = view(params_handle, params_layout), view(state_handle, state_layout)
        floors = view(floors_handle, floors_layout)
        for lane in range(most.shape[0]):
            most[lane] = most_of_request(params, state, lane, floors, prices[lane], could_load[lane], ideal)

    return lay_floors, begin, look


class Alone(Bound):
    """Watches lanes of SplitInference from their reset on."""

    def __init__(self, world: World, lanes: Lanes) -> None:
        super().__init__(world, lanes)
        params, scenario = lanes.params, world.scenario
        if scenario.drawn:
            drawn = next(iter(scenario.drawn))
            raise ValueError(f"The bound is of one world, and each episode draws {drawn}; give it one value.")
        shape = params.layers + 1, scenario.prompt_limit + 1
        contexts = scenario.prompt_limit + scenario.answer_limit + 1
        self.floors = Pack(Floors(np.zeros(shape), np.zeros((shape[0], contexts))))
        self.packs = Pack(params), Pack(lanes.state)
        lay_floors, begin, self.look = entries(*(pack.layout for pack in (*self.packs, self.floors)))
        chunk_s = np.zeros(int(params.chunk_tokens) + 1)
        lay_floors(self.packs[0].handle, self.floors.handle, chunk_s, np.zeros(contexts))
        self.prices = np.zeros((lanes.count, params.users))
        self.could_load = np.zeros((lanes.count, params.users))
        begin(self.packs[0].handle, self.packs[1].handle, self.prices, self.could_load)

    def request(self) -> np.ndarray:
        """f8[lane]: the most that the request under decision can bring."""
        most = np.empty(self.lanes.count)
        handles = (*(pack.handle for pack in self.packs), self.floors.handle)
        self.look(*handles, self.prices, self.could_load, most)
        return most
