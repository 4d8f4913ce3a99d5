"""Policies that hardly look: nothing at all, anything, the same for everybody."""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.chance import uniform
from mei_gym.compiled import plain
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.edge_caching.seen import best_choice, seen
from mei_gym.heuristics.policy import Policy, World

RANDOM_DRAW = 430  # purpose of a draw


class NoCache(Policy):
    """Fetches nothing: everything is the cloud's."""

    name = "no_cache"

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """Nothing."""
        return np.zeros(len(observations), np.int64)


class Random(Policy):
    """Any feasible action, each as likely; a function of the episode, the decision and the seed."""

    name = "random"
    defaults = {"seed": 0}  # noqa: RUF012

    def decide(self, lanes: Lanes, rows: np.ndarray | None = None) -> np.ndarray:
        """The action that the episode's key draws."""
        rows = np.arange(lanes.count) if rows is None else rows
        actions = np.empty(len(rows), np.int64)
        draw, seed = plain(uniform), int(self.parameters["seed"])
        for place, lane in enumerate(rows):
            feasible = np.flatnonzero(lanes.out.mask[lane])
            with np.errstate(over="ignore"):  # of the counter's 64 bits
                number = draw(lanes.state.key[lane], np.uint64(lanes.state.decision[lane]), RANDOM_DRAW, seed)
            actions[place] = feasible[int(number * len(feasible))]
        return actions


class Static(Policy):
    """The same precision for everybody: the most popular of the first `models` rows that lacks it."""

    name = "static"
    defaults = {"models": 24, "bits": 4}  # noqa: RUF012 (chosen)

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        self.models = checked_rows(self.parameters["models"], int(world.params.rows))
        self.precision = checked_precision(world, self.parameters["bits"])

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The first row that has fewer bits than wished."""
        see = seen(self.world, observations)
        score = np.full(see.feasible.shape, -np.inf)
        wished = see.feasible[:, : self.models, self.precision]
        score[:, : self.models, self.precision] = np.where(wished, -np.arange(self.models), -np.inf)
        return best_choice(self.world, score)


def checked_rows(models: Any, rows: int) -> int:
    """A count of rows, at most those that there are."""
    if isinstance(models, bool) or models != int(models) or models < 1:
        raise ValueError(f"models is {models!r}; a whole number of at least 1 is accepted.")
    return min(int(models), rows)


def checked_precision(world: World, bits: Any) -> int:
    """The index of a precision of the library."""
    known = [int(each) for each in world.params.library_bits]
    if bits not in known:
        raise ValueError(f"bits is {bits!r}; {', '.join(map(str, known))} are accepted.")
    return known.index(bits)
