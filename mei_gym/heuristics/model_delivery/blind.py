"""Policies that hardly look: any choice, or the same one in the first row."""

from __future__ import annotations

import numpy as np

from mei_gym.chance import GOLDEN, mixed
from mei_gym.compiled import plain
from mei_gym.envs.model_delivery.modes import MODE_NAMES, MODES, WAIT
from mei_gym.heuristics.model_delivery.seen import Reader
from mei_gym.heuristics.policy import Policy, World


class Random(Policy):
    """Any feasible action, each as likely; a function of the observation and the seed."""

    name = "random"
    defaults = {"seed": 0}  # noqa: RUF012

    def __init__(self, world: World, **parameters: object) -> None:
        super().__init__(world, **parameters)
        self.reader = Reader(world)

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The action that the observation's bits and the seed draw."""
        seen = self.reader.seen(observations)
        sending = seen.opened.reshape(len(observations), -1)
        feasible = np.concatenate([np.ones((len(observations), 1), bool), sending], axis=1)
        place = drawn_bits(observations, int(self.parameters["seed"])) % feasible.sum(axis=1).astype(np.uint64)
        found = (np.cumsum(feasible, axis=1) > place[:, None]).argmax(axis=1)
        return np.where(found == 0, WAIT, found - 1 + MODES * self.reader.precisions).astype(np.int64)


def drawn_bits(observations: np.ndarray, seed: int) -> np.ndarray:
    """u8[n]: splitmix64's finaliser, chained over the seed and the numbers of each observation."""
    mix = plain(mixed)
    with np.errstate(over="ignore"):  # of 64 bits
        bits = mix(np.full(len(observations), seed, np.uint64) + GOLDEN)
        for column in (observations * 16777216.0).astype(np.uint64).T:
            bits = mix((bits ^ column) + GOLDEN)
    return bits


class Static(Policy):
    """The piece that most lack, in the same mode and bits whatever else is seen."""

    name = "static"
    defaults = {"mode": "all", "bits": 16}  # noqa: RUF012

    def __init__(self, world: World, **parameters: object) -> None:
        super().__init__(world, **parameters)
        self.reader = Reader(world)
        self.mode = mode_of(self.parameters["mode"])
        self.place = self.reader.place_of(self.parameters["bits"])

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The first row, if anything can be sent."""
        seen = self.reader.seen(observations)
        return self.reader.actions_at(seen, np.zeros(len(observations), np.int64), self.mode, self.place)


def mode_of(name: object) -> int:
    """The number of a mode by its name."""
    if name not in MODE_NAMES:
        raise ValueError(f"mode is {name!r}; {', '.join(MODE_NAMES)} are accepted.")
    return MODE_NAMES.index(str(name))
