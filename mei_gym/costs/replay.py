"""A list of requests played through one server: when each first and last token leaves, without an environment.

    params = server_params("Llama-2-7B", "h100-sxm")
    served = serve(params, arrival_s=[0.0, 0.1], prompt_tokens=[900, 40], answer_tokens=[100, 300])
    ttft_s = served.first_s - arrival_s

What is not here: the radio, the way to the server, and users who give up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import inf
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from mei_gym.compiled import OPTIONS, digest, scalar
from mei_gym.costs.server import server_params
from mei_gym.costs.serving import advance, wake
from mei_gym.costs.slots import FIRST, NEWS_KINDS, empty_server, enqueue, fill_slot, serving_state, take_slot
from mei_gym.packed import Pack, view

FOREVER_S = 1e18  # later than any answer, and finite: the engine stops there

__all__ = ["Served", "serve", "server_params"]


class Served(NamedTuple):
    """What became of the requests, and of the server."""

    first_s: np.ndarray  # f8[request] when its first token leaves
    last_s: np.ndarray  # f8[request] when its last token leaves
    busy_s: float  # time that the server spent in iterations
    iterations: int
    stops: int  # iterations whose end was an event; the others were passed in jumps


def serve(params: Any, arrival_s: ArrayLike, prompt_tokens: ArrayLike, answer_tokens: ArrayLike) -> Served:
    """When the server of `server_params` answers requests that reach it at `arrival_s`, in ascending order.

    The time to first token and the time per output token of a trace:

    >>> import numpy as np
    >>> arrival_s, prompts, answers = np.array([0.0, 0.1]), np.array([900, 40]), np.array([100, 300])
    >>> served = serve(server_params("Llama-2-7B", "h100-sxm"), arrival_s, prompts, answers)
    >>> ttft_s = served.first_s - arrival_s
    >>> tpot_s = (served.last_s - served.first_s) / np.maximum(1, answers - 1)
    >>> bool(np.all(ttft_s < 0.1) and np.all(tpot_s < 0.01))
    True

    Raises:
        ValueError: lists of different lengths, times that are not finite or descend, or less than one token.
    """
    arrivals = _numbers("arrival_s", arrival_s)
    prompts, answers = _tokens("prompt_tokens", prompt_tokens), _tokens("answer_tokens", answer_tokens)
    if not arrivals.size == prompts.size == answers.size:
        raise ValueError(
            f"There are {arrivals.size} arrivals, {prompts.size} prompts and {answers.size} answers;"
            " one of each for a request is accepted."
        )
    descents = np.flatnonzero(np.diff(arrivals) < 0.0)
    if descents.size:
        request = int(descents[0]) + 1
        raise ValueError(
            f"arrival_s falls from {arrivals[request - 1]} to {arrivals[request]} at request {request};"
            " ascending times are accepted."
        )
    if arrivals.size and arrivals[0] < 0.0:
        raise ValueError(f"arrival_s begins at {arrivals[0]}; times of 0 or later are accepted.")
    state = serving_state(lanes=1, slots=max(1, arrivals.size), running_limit=params.running_limit, links=1)
    first_s, last_s = np.zeros(arrivals.size), np.zeros(arrivals.size)
    params_pack, state_pack = Pack(params), Pack(state)
    play = player(params_pack.layout, state_pack.layout)
    play(params_pack.handle, state_pack.handle, arrivals, prompts, answers, first_s, last_s)
    return Served(first_s, last_s, float(state.busy_s[0]), int(state.iteration[0]), int(state.stops[0]))


def _numbers(name: str, values: ArrayLike) -> np.ndarray:
    numbers = np.ascontiguousarray(values, np.float64)
    if numbers.ndim != 1:
        raise ValueError(f"{name} has the shape {numbers.shape}; a list of numbers is accepted.")
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise ValueError(f"{name} is {numbers[bad[0]]} at request {bad[0]}; finite numbers are accepted.")
    return numbers


def _tokens(name: str, values: ArrayLike) -> np.ndarray:
    tokens = _numbers(name, values)
    bad = np.flatnonzero((tokens < 1.0) | (tokens != np.floor(tokens)))
    if bad.size:
        raise ValueError(f"{name} is {tokens[bad[0]]:g} at request {bad[0]}; whole numbers of 1 or more are accepted.")
    return tokens


@scalar
def play_requests(params, state, arrival_s, prompt_tokens, answer_tokens, first_s, last_s):
    """Let every request in when it arrives, and let the server run until all are answered."""
    empty_server(params, state, 0)
    for request in range(arrival_s.shape[0]):
        advance(params, state, 0, arrival_s[request], inf)
        note_times(state, first_s, last_s)
        slot = take_slot(state, 0)
        fill_slot(state, 0, slot, request, prompt_tokens[request], answer_tokens[request], 1.0, 0.0, 0.0, inf)
        enqueue(params, state, 0, slot)
        wake(state, 0, arrival_s[request])
    advance(params, state, 0, FOREVER_S, inf)
    note_times(state, first_s, last_s)


@scalar
def note_times(state, first_s, last_s):
    """Write down when first and last tokens left, and clear the news."""
    for place in range(state.news_count[0]):
        slot, kind = state.news[0, place] // NEWS_KINDS, state.news[0, place] % NEWS_KINDS
        request = state.slot_request[0, slot]
        if kind == FIRST:
            first_s[request] = state.slot_first_s[0, slot]
        else:
            last_s[request] = state.slot_last_s[0, slot]
    state.news_count[0] = 0


@cache
def player(params_layout: str, state_layout: str) -> Callable[..., None]:
    """The compiled `play_requests`, built once a process."""
    return build(digest(), params_layout, state_layout)


def build(digest: str, params_layout: str, state_layout: str) -> Callable[..., None]:
    """The entry; the digest of all rules is part of its cache key (see `compiled`)."""

    @njit(cache=True, **OPTIONS)
    def play(params_handle, state_handle, arrival_s, prompt_tokens, answer_tokens, first_s, last_s):
        digest  # noqa: B018 (a closure's value is part of the key only if it is named)
        params, state = view(params_handle, params_layout), view(state_handle, state_layout)
        play_requests(params, state, arrival_s, prompt_tokens, answer_tokens, first_s, last_s)

    return play
