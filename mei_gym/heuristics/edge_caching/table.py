"""A table: so many bits for each rank of popularity."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.heuristics.edge_caching.seen import best_choice, seen
from mei_gym.heuristics.policy import Policy, World

RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24)  # the cells: up to these rows, each from the one before


class Table(Policy):
    """Keeps each model in the bits of its rank's cell, the first ranks first; 0 bits: not at all."""

    name = "table"
    defaults = {"bits": (16,) * len(RANKS)}  # noqa: RUF012

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        known = [int(each) for each in world.params.library_bits]
        bits = tuple(self.parameters["bits"])
        for each in bits:
            if each not in (0, *known):
                raise ValueError(f"bits has {each!r}; {', '.join(map(str, (0, *known)))} are accepted.")
        if len(bits) != len(RANKS):
            raise ValueError(f"bits has {len(bits)} cells; {len(RANKS)} are accepted, one for each of {RANKS}.")
        rows = int(world.params.rows)
        cell_of_row = np.searchsorted(RANKS, np.arange(1, rows + 1))
        self.wished = np.zeros((rows, len(known)), np.bool_)
        for row, cell in enumerate(cell_of_row):
            if bits[cell]:
                self.wished[row, known.index(bits[cell])] = True

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The first row that has fewer bits than its cell says."""
        see = seen(self.world, observations)
        ranks = -np.arange(self.wished.shape[0])[None, :, None]
        return best_choice(self.world, np.where(see.feasible & self.wished, ranks, -np.inf))
