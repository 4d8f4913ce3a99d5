"""An upper bound that no policy can pass: each request alone in an ideal world, and the best choice for it.

Requests do not depend on what a policy does, so the bound is gathered while any policy runs: before each step,
`request()` looks at the request that is up for decision. The rules of what "alone" means are the environment's,
in `oracle.<environment>.alone`.
"""

from __future__ import annotations

from importlib import import_module

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.policy import World

ENVS, HERE = "mei_gym.envs.", "mei_gym.oracle."


class Bound:
    """Watches lanes that were just reset."""

    def __init__(self, world: World, lanes: Lanes) -> None:
        self.alone = import_module(world.task.module.replace(ENVS, HERE) + ".alone").Alone(world, lanes)

    def request(self) -> np.ndarray:
        """f8[lane]: the most that the request under decision can bring, now and later."""
        return self.alone.request()
