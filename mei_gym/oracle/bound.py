"""An upper bound that no policy can pass, step by step.

What comes does not depend on what a policy does, so the bound is gathered while any policy runs: by what is known
before a step (`request`), by what the step has shown (`outcome`), or by both. What it means is the environment's: a
request of SplitInference alone in an ideal world stands in `oracle.split_inference.alone`.
"""

from __future__ import annotations

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.policy import World

NOTHING = np.zeros(1)  # for all lanes


class Bound:
    """Watches lanes that were just reset; an environment's own bound fills in one of the two looks, or both."""

    def __init__(self, world: World, lanes: Lanes) -> None:
        self.lanes = lanes

    def request(self) -> np.ndarray:
        """f8[lane]: the most that what is under decision can bring, now and later; looked at before each step."""
        return NOTHING

    def outcome(self) -> np.ndarray:
        """f8[lane]: the most that the step could have brought; looked at after it."""
        return NOTHING


class Ceiling(Bound):
    """The bound of an environment that tells it after each step: `info["ceiling"]`."""

    def __init__(self, world: World, lanes: Lanes) -> None:
        super().__init__(world, lanes)
        self.place = world.task.info.index("ceiling")

    def outcome(self) -> np.ndarray:
        """f8[lane]: the step's ceiling."""
        return self.lanes.out.info[:, self.place]
