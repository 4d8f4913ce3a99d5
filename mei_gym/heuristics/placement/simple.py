"""Placing models in an order that no algorithm looks for: at random, or the most popular first; what does not fit is
passed over."""

from __future__ import annotations

import numpy as np

from mei_gym.heuristics.placement.instance import Instance, room
from mei_gym.workload.library import LibraryParams


def random_placement(problem: Instance, seed: int) -> np.ndarray:
    """bool[M, V]: each server filled in an order of its own, on de-duplicated bytes."""
    generator = np.random.default_rng(seed)
    servers, variants = len(problem.capacity_bytes), problem.library.variants
    return filled(problem, np.array([generator.permutation(variants) for _ in range(servers)]))


def popular(problem: Instance) -> np.ndarray:
    """bool[M, V]: each server filled with what is worth most at it, as if no other server were there."""
    return filled(problem, np.argsort(-problem.worth.sum(axis=1), axis=1, kind="stable"))


def filled(problem: Instance, order: np.ndarray) -> np.ndarray:
    """bool[M, V]: each server's variants in its order [M, V], as long as there is room; nothing that nobody wants."""
    placed = np.zeros(order.shape, bool)
    wanted = problem.worth.max(axis=1) > 0.0
    for server, capacity_bytes in enumerate(room(problem.capacity_bytes)):
        there, free_bytes = np.zeros(problem.library.blocks, bool), capacity_bytes
        for variant in order[server]:
            blocks = blocks_of(problem.library, variant)
            lacking = float(problem.library.block_bytes[blocks[~there[blocks]]].sum())
            if wanted[server, variant] and lacking <= free_bytes:
                placed[server, variant], there[blocks] = True, True
                free_bytes -= lacking
    return placed


def blocks_of(library: LibraryParams, variant: int) -> np.ndarray:
    """The blocks of a variant."""
    return library.variant_block[library.variant_first_block[variant] : library.variant_first_block[variant + 1]]
