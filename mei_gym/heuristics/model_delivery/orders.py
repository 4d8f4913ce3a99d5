"""Policies that put the pieces in an order and send the first: by age, deadline, group or rate.

Each as published, in 16 bits to everybody who lacks the piece, and with bits of one's choice.
"""

from __future__ import annotations

import numpy as np

from mei_gym.envs.model_delivery.fields import (
    R_LONGEST_WAIT,
    R_NEAREST_SLACK,
    R_REACHED,
    R_REQUESTERS,
    R_WORTH,
)
from mei_gym.envs.model_delivery.modes import ALL, BEST, MODES, URGENT
from mei_gym.heuristics.model_delivery.seen import Reader, Seen
from mei_gym.heuristics.policy import Policy, World


class Ordered(Policy):
    """Sends the row of the highest score, in the family's mode."""

    defaults = {"bits": 16}  # noqa: RUF012
    mode = ALL

    def __init__(self, world: World, **parameters: object) -> None:
        super().__init__(world, **parameters)
        self.reader = Reader(world)
        self.place = self.reader.place_of(self.parameters["bits"])

    def score(self, seen: Seen) -> np.ndarray:
        """f8[n, row]: the higher, the sooner."""
        raise AssertionError(f"{type(self).__name__} does not say in which order it sends.")

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The open row of the highest score; waiting where none is open."""
        seen = self.reader.seen(observations)
        score = np.where(seen.opened.any(axis=(2, 3)), self.score(seen), -np.inf)
        return self.reader.actions_at(seen, score.argmax(axis=1), self.mode, self.place)


class Fifo(Ordered):
    """What the request lacks that has waited longest."""

    name = "fifo"

    def score(self, seen: Seen) -> np.ndarray:
        """The longest wait."""
        return seen.of(R_LONGEST_WAIT)


class EarliestDeadline(Ordered):
    """What the request lacks whose deadline is nearest."""

    name = "earliest_deadline"

    def score(self, seen: Seen) -> np.ndarray:
        """The nearest slack, turned round."""
        return -seen.of(R_NEAREST_SLACK)


class UnicastOnly(EarliestDeadline):
    """The same, to that request alone: what a cell does that knows no multicast."""

    name = "unicast_only"
    mode = URGENT


class LargestGroup(Ordered):
    """What most requests lack; of as many, the nearest deadline."""

    name = "largest_group_first"

    def score(self, seen: Seen) -> np.ndarray:
        """The requesters."""
        return seen.of(R_REQUESTERS)


class WeightedByRate(Ordered):
    """The largest worth of receivers a second of air, to all or to the best group."""

    name = "weighted_by_rate"

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The row and mode of the highest weighted rate."""
        seen = self.reader.seen(observations)
        worth = (seen.of(R_WORTH) / np.maximum(1.0, seen.of(R_REACHED)))[:, :, None] * seen.group
        rate = np.where(np.isin(np.arange(MODES), (ALL, BEST)), worth / seen.air_s[:, :, :, 0], 0.0)
        best = rate.reshape(len(rate), -1).argmax(axis=1)
        return self.reader.actions_at(seen, best // MODES, best % MODES, self.place)
