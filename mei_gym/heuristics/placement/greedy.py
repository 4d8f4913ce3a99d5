"""Placing models one after the other, the one that adds most first: TrimCaching Gen, and caching that shares nothing.

    take   argmax over servers m and variants v that still fit  of  gain[m, v] = U(x + (m, v)) - U(x)
    fits   bytes of the union of the blocks of what m holds and of v  <=  Q_m
    until  nothing fits that adds something

*Independent* charges each variant its full size, as if no two had a block in common. `per_byte` takes the most gain for
each byte that v still lacks at m: what sets of very different sizes ask for, and no part of TrimCaching.

A placement changes the gains of its own model's variants alone, and what is missing at its own server alone; the rest
of both tables stays, so a step costs little more than looking for the largest entry. What does not fit once never will:
the bytes of a union only grow. Source: arXiv 2404.14204, 2405.03990 (algorithm recalled: largest marginal hit ratio).
"""

from __future__ import annotations

from functools import cache
from math import inf
from typing import Any

import numpy as np
from numba import njit

from mei_gym.compiled import OPTIONS, scalar
from mei_gym.costs.storage import hold, missing_bytes
from mei_gym.heuristics.placement.instance import Instance, alone, room
from mei_gym.heuristics.text import text_digest
from mei_gym.workload.library import LibraryParams

OPEN, PLACED, NO_ROOM = 0, 1, 2  # of a variant at a server


def greedy(problem: Instance, per_byte: bool = False) -> np.ndarray:
    """bool[M, V]: TrimCaching Gen, on de-duplicated bytes."""
    return greedy_placement(problem.library, problem.capacity_bytes, problem.worth, per_byte)


def independent(problem: Instance, per_byte: bool = False) -> np.ndarray:
    """bool[M, V]: the same with each variant charged its full size."""
    return greedy_placement(alone(problem.library), problem.capacity_bytes, problem.worth, per_byte)


def greedy_placement(
    library: LibraryParams, capacity_bytes: np.ndarray, worth: np.ndarray, per_byte: bool = False
) -> np.ndarray:
    """bool[M, V], from plain arrays: capacity_bytes f8[M], worth f8[M, K, V] in C order (instance.py)."""
    place = np.zeros((len(capacity_bytes), library.variants), np.int64)
    served = np.zeros((worth.shape[1], library.models))
    entry()(library, room(capacity_bytes), worth, int(per_byte), place, served)
    return place == PLACED


@scalar
def gain_of(worth, served, server, variant, model):
    """What the variant at the server would add to what is served."""
    gain = 0.0
    for user in range(worth.shape[1]):
        more = worth[server, user, variant] - served[user, model]
        if more > 0.0:
            gain += more
    return gain


@scalar
def serve(worth, served, server, variant, model):
    """Let the variant at the server serve who gains by it."""
    for user in range(worth.shape[1]):
        served[user, model] = max(served[user, model], worth[server, user, variant])


@scalar
def best_pair(place, gain, missing, free_bytes, per_byte):
    """(server, variant) to place next, (-1, -1) if nothing fits that adds something; closes what has no room."""
    best, best_server, best_variant = 0.0, -1, -1
    for server in range(place.shape[0]):
        for variant in range(place.shape[1]):
            added = gain[server, variant]
            if place[server, variant] != OPEN or added <= 0.0:
                continue
            lacking = missing[server, variant]
            if lacking > free_bytes[server]:
                place[server, variant] = NO_ROOM
                continue
            if per_byte:
                added = added / lacking if lacking > 0.0 else inf
            if added > best:
                best, best_server, best_variant = added, server, variant
    return best_server, best_variant


@scalar
def fill(library, worth, per_byte, place, served, gain, missing, free_bytes, holders):
    """Place until nothing fits that adds something; the four tables are workspace, laid in `build`."""
    servers, precisions = place.shape[0], library.precisions
    for server in range(servers):
        for variant in range(library.variants):
            gain[server, variant] = gain_of(worth, served, server, variant, variant // precisions)
            missing[server, variant] = missing_bytes(library, holders, 0, server, variant)
    while True:
        server, variant = best_pair(place, gain, missing, free_bytes, per_byte)
        if server < 0:
            return
        place[server, variant] = PLACED
        free_bytes[server] -= hold(library, holders, 0, server, variant)
        model = variant // precisions
        serve(worth, served, server, variant, model)
        for other in range(servers):
            for sibling in range(model * precisions, (model + 1) * precisions):
                gain[other, sibling] = gain_of(worth, served, other, sibling, model)
        for other in range(library.variants):
            if place[server, other] == OPEN and gain[server, other] > 0.0:
                missing[server, other] = missing_bytes(library, holders, 0, server, other)


@cache
def entry() -> Any:
    """The compiled `fill`, built once a process."""
    return build(text_digest())


def build(digest: str) -> Any:
    """The entry; the digest is part of its cache key (see `compiled`)."""

    @njit(cache=True, **OPTIONS)
    def place_all(library, capacity_bytes, worth, per_byte, place, served):
        digest  # noqa: B018
        servers = place.shape[0]
        gain, missing = np.zeros((servers, library.variants)), np.zeros((servers, library.variants))
        holders = np.zeros((1, servers, library.blocks), np.int64)
        fill(library, worth, per_byte, place, served, gain, missing, capacity_bytes.copy(), holders)

    return place_all
