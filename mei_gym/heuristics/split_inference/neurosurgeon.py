"""Neurosurgeon and its kin: the best choice for this request alone, by the cost model.

Kang et al. (ASPLOS 2017) pick the cut of least latency or energy from layers' costs and the present bandwidth, with
the server taken as idle: `neurosurgeon_idle`. `neurosurgeon` sees the server's and the air's load too: it is the
myopic optimum, given the whole observation. The objective is the environment's reward in both; `energy_aware` pays
`energy_scale` times as much for a joule, which saves battery and heat for later requests.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.heuristics.policy import Policy, World
from mei_gym.heuristics.split_inference.rows import best, scores
from mei_gym.heuristics.split_inference.scores import knobs


class Scorer(Policy):
    """Takes the action of the highest score."""

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        for name, value in self.parameters.items():
            if not 0.0 <= float(value) < float("inf"):
                raise ValueError(f"{name} is {value!r}; a finite number of at least 0 is accepted.")
        self.knobs = self.turned()

    def turned(self) -> np.ndarray:
        """The scorer's knobs."""
        return knobs(**{name: float(value) for name, value in self.parameters.items()})

    def scores(self, observations: np.ndarray) -> np.ndarray:
        """float64[n, action]: minus infinity where an action is infeasible."""
        return scores(self.world, observations, self.knobs)

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The best; of equals, the shallowest cut."""
        return best(self.world, observations, self.knobs)


class Neurosurgeon(Scorer):
    """The myopic optimum, given the whole observation."""

    name = "neurosurgeon"


class NeurosurgeonIdle(Scorer):
    """As published in 2017: layers' costs and bandwidth; the server and the air taken as free."""

    name = "neurosurgeon_idle"

    def turned(self) -> np.ndarray:
        """The server imagined idle."""
        return knobs(idle_server=1.0)


class EnergyAware(Scorer):
    """Neurosurgeon with dearer joules."""

    name = "energy_aware"
    defaults = {"energy_scale": 2.0}  # noqa: RUF012 (chosen)
