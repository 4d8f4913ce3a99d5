"""The best placement as an integer programme, and what its relaxation says no placement can pass.

    max  sum_e c_e h_e
    s.t. h_e <= sum_{(m, v) in P_e} x[m, v],  h_e <= 1            what is placed covers e (coverage.py)
         sum_v s_v x[m, v] + sum_j D_j y[m, j] <= Q_m             each shared block once
         x[m, v] <= y[m, j]    for each shared block j of v
         x in {0, 1}; in the relaxation 0 <= x <= 1. y and h need no integers: they take their own at the best

    s  bytes of the blocks that only v uses        D  bytes of a block that several variants use

Where the users of block j are all among those of block j', y[m, j] <= y[m, j'] stands for their own inequalities: the
frozen layers of a base, a chain, take one inequality a variant in place of one a layer. HiGHS solves both programmes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import Bounds, linprog, milp
from scipy.sparse import csr_array

from mei_gym.heuristics.placement import Instance, greedy, hit_ratio
from mei_gym.oracle.placement.coverage import Coverage, coverage_of

VARIANT, BLOCK = 0, 1  # what a link is of
TIME_LIMIT_S = 60.0  # chosen
GAP = 1e-6  # relative, between what is found and the bound, at which the search calls it proven; HiGHS' own is 1e-4


class Optimum(NamedTuple):
    """What the search found, and how far it got."""

    placed: np.ndarray  # bool[M, V]
    hit_ratio: float
    bound: float  # no placement passes it
    proven: bool  # whether the two are one


class Programme(NamedTuple):
    """max gain z subject to rows z <= limit, 0 <= z <= 1; z is x, then y, then h."""

    gain: np.ndarray
    rows: csr_array
    limit: np.ndarray
    pairs: int  # how many of z are x


def optimal(problem: Instance, time_limit_s: float = TIME_LIMIT_S) -> Optimum:
    """The best placement; where the time is over before that is proven, the best that was found."""
    if not time_limit_s > 0.0:
        raise ValueError(f"time_limit_s is {time_limit_s}; a positive number of seconds is accepted.")
    programme = programme_of(problem, coverage_of(problem))
    whole = np.arange(len(programme.gain)) < programme.pairs
    answer = milp(
        -programme.gain,
        constraints=(programme.rows, -np.inf, programme.limit),
        integrality=whole.astype(float),
        bounds=Bounds(0.0, 1.0),
        options={"time_limit": time_limit_s, "mip_rel_gap": GAP},
    )
    placed = greedy(problem)
    if answer.x is not None:
        found = (answer.x[: programme.pairs] > 0.5).reshape(placed.shape)
        if hit_ratio(problem, found) > hit_ratio(problem, placed):
            placed = found
    bound = 1.0 if answer.mip_dual_bound is None else -float(answer.mip_dual_bound) / problem.demand
    return Optimum(placed, hit_ratio(problem, placed), bound, bool(answer.status == 0))


def relaxed_bound(problem: Instance) -> float:
    """A hit ratio that no placement passes: the best of the placements that may hold parts of models."""
    programme = programme_of(problem, coverage_of(problem))
    answer = linprog(-programme.gain, programme.rows, programme.limit, bounds=(0.0, 1.0), method="highs")
    if answer.status != 0:
        raise RuntimeError(f"HiGHS could not solve the relaxation: {answer.message}")
    return -float(answer.fun) / problem.demand


def programme_of(problem: Instance, coverage: Coverage) -> Programme:
    """The matrix of the programme."""
    library, servers = problem.library, len(problem.capacity_bytes)
    shared, links, specific_bytes = chains(problem)
    pairs, of_server = servers * library.variants, np.arange(servers)[:, None]
    place_of_block = {block: place for place, block in enumerate(shared)}
    first_h = pairs + servers * len(shared)

    row, column, value = [], [], []  # of the matrix's entries
    limit = list(problem.capacity_bytes)
    row += [np.repeat(np.arange(servers), library.variants), np.repeat(np.arange(servers), len(shared))]
    column += [np.arange(pairs), pairs + np.arange(servers * len(shared))]
    value += [np.tile(specific_bytes, servers), np.tile(library.block_bytes[shared], servers)]

    def lower_than(smaller: np.ndarray, larger: np.ndarray) -> None:
        at = len(limit) + np.arange(smaller.size)
        row.extend((at, at))
        column.extend((smaller.ravel(), larger.ravel()))
        value.extend((np.ones(smaller.size), -np.ones(smaller.size)))
        limit.extend([0.0] * smaller.size)

    for (kind, number), block in links:
        smaller = of_server * library.variants + number
        if kind == BLOCK:
            smaller = pairs + of_server * len(shared) + place_of_block[number]
        lower_than(smaller, pairs + of_server * len(shared) + place_of_block[block])

    size = np.diff(coverage.first_pair)
    elements = np.arange(len(size))
    row += [len(limit) + elements, len(limit) + np.repeat(elements, size)]
    column += [first_h + elements, coverage.pair]
    value += [np.ones(len(size)), -np.ones(len(coverage.pair))]
    limit += [0.0] * len(size)
    gain = np.concatenate((np.zeros(first_h), coverage.weight))
    entries = (np.concatenate(value), (np.concatenate(row), np.concatenate(column)))
    return Programme(gain, csr_array(entries, shape=(len(limit), len(gain))), np.array(limit), pairs)


def chains(problem: Instance) -> tuple[list[int], list[tuple[tuple[int, int], int]], np.ndarray]:
    """Shared blocks, what may be no larger than what ((kind, number), block), and each variant's specific bytes."""
    library = problem.library
    users: list[set[int]] = [set() for _ in range(library.blocks)]
    used = np.split(library.variant_block, library.variant_first_block[1:-1])
    for variant, blocks in enumerate(used):
        for block in blocks:
            users[block].add(variant)
    links: set[tuple[tuple[int, int], int]] = set()
    specific_bytes = np.zeros(library.variants)
    for variant, blocks in enumerate(used):
        several = sorted((int(block) for block in blocks if len(users[block]) > 1), key=lambda each: len(users[each]))
        specific_bytes[variant] = sum(library.block_bytes[block] for block in blocks if len(users[block]) == 1)
        for place, block in enumerate(several):
            nested = place > 0 and users[several[place - 1]] <= users[block]
            links.add(((BLOCK, several[place - 1]) if nested else (VARIANT, variant), block))
    shared = [block for block, who in enumerate(users) if len(who) > 1]
    return shared, sorted(links), specific_bytes
