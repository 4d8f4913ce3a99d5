"""Which seeds are for what, and how long their episodes are; no range touches another, training keeps to its own.

Training reads its seeds here too, so that nothing is ever measured on an episode that something was fitted to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

TRAIN = 0, 1_000_000  # learners draw from [first, last)
VALIDATION = 1_000_000, 2_000_000  # statics, tables and heuristics' parameters are chosen here
TEST = 2_000_000, 3_000_000  # tables are measured here


def episode_steps(task: Any) -> int:
    """Steps of an episode of a Task, as its ids are registered."""
    import mei_gym  # noqa: F401 (registers the ids)

    for spec in gymnasium.registry.values():
        if spec.kwargs.get("task") == task.module and spec.max_episode_steps is not None:
            return spec.max_episode_steps
    raise ValueError(f"No id of {task.name} is registered with max_episode_steps; say how many steps are wanted.")


def lane_seeds(seeds: Sequence[int]) -> np.ndarray:
    """uint64[n]: the lanes' seeds of `env.reset(seed=s)` for s in `seeds`."""
    from mei_gym.envs.lanes import lane_seed

    return np.array([lane_seed(seed) for seed in seeds], np.uint64)


def test_seeds(episodes: int) -> range:
    """The first test seeds."""
    return range(TEST[0], TEST[0] + episodes)


def validation_seeds(episodes: int) -> range:
    """The first validation seeds."""
    return range(VALIDATION[0], VALIDATION[0] + episodes)
