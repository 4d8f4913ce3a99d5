"""The classical caches, in a world that evicts as they do: what is fetched is what was asked for and is not here.

    lru           the model asked for most lately           out: the variant that answered least lately
    lfu           the model asked for most often            out: the variant that answered least often
    greedy_dual   the most requests a missing byte          out: the least of L + uses / bytes

Each once as published, where a variant is a file of its own, and once with blocks shared (`_dedup`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from mei_gym.envs.edge_caching import fields as at
from mei_gym.heuristics.edge_caching.blind import checked_precision
from mei_gym.heuristics.edge_caching.seen import Seen, best_choice, seen
from mei_gym.heuristics.policy import Policy, World

WHOLE = {"deduplicated": False}


class Replacement(Policy):
    """Fetches in one precision what was asked for and is not here in so many bits, by a family's order."""

    defaults: ClassVar[dict[str, Any]] = {"bits": 16}

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        self.precision = checked_precision(world, self.parameters["bits"])

    def order(self, see: Seen) -> np.ndarray:
        """f8[n, R]: the highest is fetched."""
        raise AssertionError(f"{type(self).__name__} has no order.")

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The first by the family's order of those that were asked for at all."""
        see = seen(self.world, observations)
        wanted = see.feasible[:, :, self.precision] & (see.rows[:, :, at.HERE] > 0.0)
        score = np.full(see.feasible.shape, -np.inf)
        score[:, :, self.precision] = np.where(wanted, self.order(see), -np.inf)
        return best_choice(self.world, score)


class LruDedup(Replacement):
    """Least recently used goes."""

    name = "lru_dedup"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "lru"}

    def order(self, see: Seen) -> np.ndarray:
        """The latest request first."""
        return -see.rows[:, :, at.UNASKED]


class Lru(LruDedup):
    """The same, each variant a file of its own."""

    name = "lru"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "lru", "library": WHOLE}


class LfuDedup(Replacement):
    """Least frequently used goes."""

    name = "lfu_dedup"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "lfu"}

    def order(self, see: Seen) -> np.ndarray:
        """The most requests first."""
        return see.rows[:, :, at.HERE]


class Lfu(LfuDedup):
    """The same, each variant a file of its own."""

    name = "lfu"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "lfu", "library": WHOLE}


class GreedyDualDedup(Replacement):
    """Greedy-dual-size with frequency."""

    name = "greedy_dual_dedup"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "greedy_dual"}

    def order(self, see: Seen) -> np.ndarray:
        """The most requests a missing byte first; what is all here but for its name costs a byte."""
        return see.rows[:, :, at.HERE] / np.maximum(1.0, see.missing_bytes[:, :, self.precision])


class GreedyDual(GreedyDualDedup):
    """The same, each variant a file of its own."""

    name = "greedy_dual"
    overrides: ClassVar[dict[str, Any]] = {"eviction": "greedy_dual", "library": WHOLE}
