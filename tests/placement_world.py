"""Small problems of placement for tests: drawn ones, and the best of all placements by trying each."""

from itertools import product

import numpy as np

from mei_gym.heuristics.placement import Instance, fits, hit_ratio, instance
from mei_gym.workload.library import LibraryParams, library_of, library_of_blocks, library_params


def chain_library(generator, families=2, models=3, layers=5, frozen_from=2, shared=True) -> LibraryParams:
    """Fine-tunes of some bases, each with its lowest layers frozen to a depth of its own; whole bytes."""
    sizes = generator.integers(1, 6, (families, layers))
    made = {}
    for family, number in product(range(families), range(models)):
        frozen = int(generator.integers(frozen_from, layers))
        own = f"{family}.{number}"
        made[own] = [
            {(f"{family}" if shared and layer < frozen else own) + f"/{layer}": float(sizes[family, layer])
             for layer in range(layers)}
        ]  # fmt: skip
    base_of = tuple(family for family in range(families) for _ in range(models))
    return library_params(library_of(made, (32.0,), base_of, tuple(map(str, range(families))), True))


def two_precisions() -> LibraryParams:
    """Models a and b of one base in 16 and 4 bits, an adapter each that its precisions share: a16 a4 b16 b4."""
    base = {16: {"base@16": 16.0}, 4: {"base@4": 4.0}}
    made = {name: [{**base[bits], f"{name}/adapter": 1.0} for bits in base] for name in "ab"}
    return library_params(library_of(made, (16.0, 4.0), (0, 0), ("base",), True))


def written_out(blocks, models) -> LibraryParams:
    """A library of blocks and models by name."""
    return library_params(library_of_blocks(blocks, models, "base"))


def drawn_problem(seed, servers=2, users=4, room=(0.3, 0.7), reach=0.7, **library) -> Instance:
    """Random requests, a random reach of the servers, capacities that are scarce."""
    generator = np.random.default_rng(seed)
    made = chain_library(generator, **library)
    probability = generator.random((users, made.models)) ** 3
    in_time = generator.random((servers, users, made.variants)) < reach
    capacity = generator.uniform(*room, servers) * made.block_bytes.sum()
    return instance(made, np.maximum(capacity, made.block_bytes.min()), probability, in_time)


def best_of_all(problem: Instance) -> float:
    """The hit ratio of the best placement, found by trying every one."""
    servers, variants = len(problem.capacity_bytes), problem.library.variants
    best = 0.0
    for bits in product((False, True), repeat=servers * variants):
        placed = np.array(bits).reshape(servers, variants)
        if hit_ratio(problem, placed) > best and fits(problem, placed):
            best = hit_ratio(problem, placed)
    return best
