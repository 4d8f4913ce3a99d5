"""The rules of the myopic policies over batches of observations: compiled loops, and what policies call of them."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mei_gym.compiled import OPTIONS
from mei_gym.heuristics.policy import World
from mei_gym.heuristics.split_inference.scores import (
    NUMBER_FIELDS,
    best_of_row,
    draw_row,
    put_right,
    read_back,
    score_row,
)
from mei_gym.heuristics.text import text_digest
from mei_gym.packed import view


class Entries(NamedTuple):
    """Compiled loops over a batch of observations."""

    score: Any
    choose: Any
    draw: Any
    read: Any
    correct: Any


@cache
def entries(layout: str) -> Entries:
    """The compiled loops, built once a process."""
    return build(text_digest(), layout)


def build(digest: str, layout: str) -> Entries:
    """Loops over observations; a closure's value is part of the cache key only if it is named."""

    @njit(cache=True, **OPTIONS)
    def score_rows(params_handle, rows, knobs, scores):
        digest  # noqa: B018
        sensed = np.zeros(NUMBER_FIELDS)
        params = view(params_handle, layout)
        for i in range(rows.shape[0]):
            score_row(params, rows[i], knobs, sensed, scores[i])

    @njit(cache=True, **OPTIONS)
    def choose_rows(params_handle, rows, knobs, actions):
        digest  # noqa: B018
        sensed = np.zeros(NUMBER_FIELDS)
        params = view(params_handle, layout)
        for i in range(rows.shape[0]):
            actions[i] = best_of_row(params, rows[i], knobs, sensed)

    @njit(cache=True, **OPTIONS)
    def draw_rows(params_handle, rows, seed, actions):
        digest  # noqa: B018
        params = view(params_handle, layout)
        for i in range(rows.shape[0]):
            actions[i] = draw_row(params, rows[i], seed)

    @njit(cache=True, **OPTIONS)
    def read_rows(params_handle, rows, sensed):
        digest  # noqa: B018
        params = view(params_handle, layout)
        for i in range(rows.shape[0]):
            read_back(params, rows[i], sensed[i])

    @njit(cache=True, **OPTIONS)
    def correct_rows(params_handle, rows, actions):
        digest  # noqa: B018
        params = view(params_handle, layout)
        for i in range(rows.shape[0]):
            actions[i] = put_right(params, rows[i], actions[i])

    return Entries(score_rows, choose_rows, draw_rows, read_rows, correct_rows)


def scores(world: World, observations: np.ndarray, knobs: np.ndarray) -> np.ndarray:
    """float64[n, action]: what each action is worth by the forecast; minus infinity where it is infeasible."""
    result = np.empty((len(observations), int(np.prod(world.factors))))
    entries(world.pack.layout).score(world.pack.handle, observations, knobs, result)
    return result


def best(world: World, observations: np.ndarray, knobs: np.ndarray) -> np.ndarray:
    """int64[n]: the actions of the highest scores; of equals, the shallowest cut."""
    actions = np.empty(len(observations), np.int64)
    entries(world.pack.layout).choose(world.pack.handle, observations, knobs, actions)
    return actions


def sensed(world: World, observations: np.ndarray) -> np.ndarray:
    """float64[n, field]: the observations in SI units."""
    result = np.empty((len(observations), NUMBER_FIELDS))
    entries(world.pack.layout).read(world.pack.handle, observations, result)
    return result


def drawn(world: World, observations: np.ndarray, seed: int) -> np.ndarray:
    """int64[n]: feasible actions drawn uniformly."""
    actions = np.empty(len(observations), np.int64)
    entries(world.pack.layout).draw(world.pack.handle, observations, seed, actions)
    return actions


def corrected(world: World, observations: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """int64[n]: the feasible actions nearest to those that are wished for."""
    result = np.array(actions, np.int64)
    entries(world.pack.layout).correct(world.pack.handle, observations, result)
    return result
