"""Placing models server by server, each by a knapsack over sets of shared blocks: TrimCaching Spec.

    for each server m in turn, with what the servers before it serve:
        max over unions N of shared blocks   max  sum_v a_v y_v   s.t.  sum_v s_v y_v <= Q_m - D(N)
        a_v   marginal gain of v at m          s_v   specific bytes of v          D(N)   bytes of N

    T[r] = least bytes for r points        points of v = floor(a_v / delta)        delta = epsilon * least / models

`least` is what a greedy choice for this server already brings, so the points lost to rounding are at most epsilon of
the best choice, and all servers together reach (1 - epsilon) / 2 of the optimum (quoted: abstracts of 2404.14204,
2405.03990; the algorithm is recalled). A union's table goes on from the table of the family before it: the best of two
families need no look at their pairs of unions. Two variants of a model are never put on one server.
"""

from __future__ import annotations

from functools import cache
from math import inf
from typing import Any

import numpy as np
from numba import njit

from mei_gym.compiled import OPTIONS, scalar
from mei_gym.heuristics.placement.greedy import fill, gain_of, serve
from mei_gym.heuristics.placement.instance import Instance, room
from mei_gym.heuristics.placement.unions import Unions, unions_of
from mei_gym.heuristics.text import text_digest
from mei_gym.workload.library import LibraryParams

EPSILON = 0.1  # chosen
MOST_CELLS = 1e9  # chosen, bytes of one server's tables
NONE = -1  # of a model's options


def spec(problem: Instance, epsilon: float = EPSILON, unions: Unions | None = None) -> np.ndarray:
    """bool[M, V]: TrimCaching Spec.

    Args:
        problem: who asks, and what fits.
        epsilon: share of the best choice that rounding may lose at each server; above 0, below 1.
        unions: `unions_of` the library, where it is at hand.

    Raises:
        ValueError: epsilon out of range or too small for the library, or a family with too many unions.
    """
    unions = unions_of(problem.library) if unions is None else unions
    return spec_placement(problem.library, unions, problem.capacity_bytes, problem.worth, epsilon)


def spec_placement(
    library: LibraryParams, unions: Unions, capacity_bytes: np.ndarray, worth: np.ndarray, epsilon: float = EPSILON
) -> np.ndarray:
    """bool[M, V], from plain arrays: capacity_bytes f8[M], worth f8[M, K, V] in C order (instance.py)."""
    if not 0.0 < epsilon < 1.0:
        raise ValueError(f"epsilon is {epsilon}; a number above 0 and below 1 is accepted.")
    placed = np.zeros((len(capacity_bytes), library.variants), np.bool_)
    if not entry()(library, unions, room(capacity_bytes), worth, float(epsilon), placed):
        raise ValueError(f"epsilon is {epsilon}; with {library.models} models a larger one is needed.")
    return placed


@scalar
def add_choice(unions, choice, points, limit_bytes, table, reach, taken):
    """Points that are reached once one more model may be chosen; `taken[r]` is the option by which r was reached."""
    first, last = unions.choice_first_option[choice], unions.choice_first_option[choice + 1]
    most = 0
    for option in range(first, last):
        most = max(most, points[unions.option_variant[option]])
    for r in range(reach + 1, reach + most + 1):
        table[r] = inf
    furthest = reach
    for r in range(reach + most, -1, -1):
        taken[r] = NONE
        for option in range(first, last):
            before = r - points[unions.option_variant[option]]
            if before < 0 or before == r:
                continue
            size_bytes = table[before] + unions.option_bytes[option]
            if size_bytes < table[r] and size_bytes <= limit_bytes:
                table[r], taken[r] = size_bytes, option - first
        if table[r] < inf and r > furthest:
            furthest = r
    return furthest


@scalar
def add_family(unions, family, points, capacity_bytes, start, reach, table, best, best_union, taken):
    """Points that are reached once a family's models may be chosen: `best` from the table `start`; `table` is work."""
    furthest, at = reach, reach
    for r in range(best.shape[0]):
        best[r] = inf
    for union in range(unions.family_first_union[family], unions.family_first_union[family + 1]):
        if not unions.union_grows[union]:
            for r in range(reach + 1):
                table[r] = start[r]
            at = reach
        shared_bytes = unions.union_bytes[union]
        for choice in range(unions.union_first_choice[union], unions.union_first_choice[union + 1]):
            at = add_choice(unions, choice, points, capacity_bytes - shared_bytes, table, at, taken[choice])
        for r in range(at + 1):
            size_bytes = table[r] + shared_bytes
            if size_bytes < best[r] and size_bytes <= capacity_bytes:
                best[r], best_union[r] = size_bytes, union
                furthest = max(furthest, r)
    return furthest


@scalar
def trace_back(unions, family, points, r, best_union, taken, placed):
    """Points that were there before the family; marks what was chosen of it."""
    union = np.int64(best_union[r])
    while True:
        first = unions.union_first_choice[union]
        for choice in range(unions.union_first_choice[union + 1] - 1, first - 1, -1):
            if taken[choice, r] != NONE:
                variant = unions.option_variant[unions.choice_first_option[choice] + taken[choice, r]]
                placed[variant] = True
                r -= points[variant]
        if not unions.union_grows[union]:
            return r
        union -= 1


@cache
def entry() -> Any:
    """The compiled loop over the servers, built once a process."""
    return build(text_digest())


def build(digest: str) -> Any:
    """The entry; the digest is part of its cache key (see `compiled`)."""

    @njit(cache=True, **OPTIONS)
    def least_of(library, capacity_bytes, worth, served):
        """What a greedy choice brings at one server, by gain or by gain a byte."""
        most = 0.0
        for per_byte in range(2):
            shape = (1, library.variants)
            after, place = served.copy(), np.zeros(shape, np.int64)
            gain, missing, holders = np.zeros(shape), np.zeros(shape), np.zeros((1, 1, library.blocks), np.int64)
            fill(library, worth, per_byte, place, after, gain, missing, capacity_bytes.copy(), holders)
            most = max(most, (after - served).sum())
        return most

    @njit(cache=True, **OPTIONS)
    def place_on(library, unions, capacity_bytes, gains, least, epsilon, placed):
        """The knapsack of one server; false if its tables were too large."""
        points, models, total = np.zeros(library.variants, np.int64), 0, 0
        for model in range(library.models):
            if gains[model * library.precisions : (model + 1) * library.precisions].max() > 0.0:
                models += 1
        for model in range(library.models):
            most = 0
            for variant in range(model * library.precisions, (model + 1) * library.precisions):
                points[variant] = np.int64(gains[variant] / (epsilon * least / models))
                most = max(most, points[variant])
            total += most
        families, choices = len(unions.family_first_union) - 1, len(unions.choice_first_option) - 1
        if float(total + 1) * (choices + 12 * families + 20) > MOST_CELLS:
            return False
        best, best_union = np.empty((families + 1, total + 1)), np.empty((families, total + 1), np.int32)
        table, taken = np.empty(total + 1), np.empty((choices, total + 1), np.int8)
        best[0, 0], reach = 0.0, 0
        for family in range(families):
            reach = add_family(
                unions, family, points, capacity_bytes, best[family], reach, table, best[family + 1],
                best_union[family], taken,
            )  # fmt: skip
        r = reach
        for family in range(families - 1, -1, -1):
            r = trace_back(unions, family, points, r, best_union[family], taken, placed)
        return True

    @njit(cache=True, **OPTIONS)
    def place_all(library, unions, capacity_bytes, worth, epsilon, placed):
        digest  # noqa: B018
        served, gains = np.zeros((worth.shape[1], library.models)), np.zeros(library.variants)
        for server in range(worth.shape[0]):
            only = slice(server, server + 1)
            least = least_of(library, capacity_bytes[only], worth[only], served)
            if least <= 0.0:
                continue
            for variant in range(library.variants):
                fits = library.variant_bytes[variant] <= capacity_bytes[server]
                gain = gain_of(worth, served, server, variant, variant // library.precisions)
                gains[variant] = gain if fits else 0.0
            if not place_on(library, unions, capacity_bytes[server], gains, least, epsilon, placed[server]):
                return False
            for variant in range(library.variants):
                if placed[server, variant]:
                    serve(worth, served, server, variant, variant // library.precisions)
        return True

    return place_all
