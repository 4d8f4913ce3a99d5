"""Heuristics of Porch: two that see observations, one that reads the lanes, one with a world of its own."""

from __future__ import annotations

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.task import meant
from mei_gym.heuristics.policy import Policy
from outside.envs.porch import EDGE, EDGE_S_PER_BYTE, FIELDS, HERE, HERE_S_PER_BYTE


class Random(Policy):
    """Either, by the observation's bits."""

    name = "random"

    def choose(self, observations: np.ndarray) -> np.ndarray:
        return (observations.astype(np.float64) @ (3e6, 5e6, 7e6)).astype(np.int64) % 2


class Static(Policy):
    """The same always."""

    name = "static"
    defaults = {"action": HERE}  # noqa: RUF012

    def choose(self, observations: np.ndarray) -> np.ndarray:
        return np.full(len(observations), self.parameters["action"])


class Shorter(Policy):
    """Whoever would answer sooner; the edge is charged `toll` times its work, for those who come after."""

    name = "shorter"
    defaults = {"toll": 1.0}  # noqa: RUF012

    def choose(self, observations: np.ndarray) -> np.ndarray:
        size, gain, wait = (
            np.array([meant(self.world.params, place, float(each)) for each in observations[:, place]])
            for place in range(len(FIELDS))
        )
        return self.sooner(size, gain, wait)

    def sooner(self, size_bytes: np.ndarray, gain_db: np.ndarray, wait_s: np.ndarray) -> np.ndarray:
        """The choice by sizes, gains and waits in SI."""
        params = self.world.params
        snr = params.power_w * 10.0 ** (gain_db / 10.0) / (params.bandwidth_hz * 4e-21)
        on_air_s = 8.0 * size_bytes / (params.bandwidth_hz * np.log2(1.0 + snr))
        edge_s = on_air_s + wait_s + self.parameters["toll"] * EDGE_S_PER_BYTE * size_bytes
        return np.where(edge_s < HERE_S_PER_BYTE * size_bytes, EDGE, HERE).astype(np.int64)


class Planned(Shorter):
    """The same from the lanes: exact waits of all servers, of which the shortest counts."""

    name = "planned"

    def decide(self, lanes: Lanes, rows: np.ndarray | None = None) -> np.ndarray:
        state, here = lanes.state, slice(None) if rows is None else rows
        return self.sooner(state.size_bytes[here], state.gain_db[here], state.wait_s[here].min(axis=1))

    choose = Policy.choose


class First(Shorter):
    """As `shorter` where all prompts go to the first server."""

    name = "first"
    overrides = {"order": "first"}  # noqa: RUF012


FAMILIES = (Random, Static, Shorter, Planned, First)
