"""Porch as the oracles see it."""

from __future__ import annotations

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import make
from mei_gym.heuristics.policy import Policy, World
from mei_gym.oracle.bound import Ceiling
from mei_gym.oracle.family import Family, Sizes
from mei_gym.oracle.progress import Say
from mei_gym.oracle.tuning import Trials


def best_static(trials: Trials, say: Say) -> Policy:
    """The phone always, or the edge always."""
    return make("static", trials.world, **trials.best("static", [{"action": action} for action in (0, 1)]))


def candidates(world: World, lanes: Lanes, base: np.ndarray, count: int) -> np.ndarray:
    """The base's choice and the other one."""
    return np.stack([base, 1 - base], axis=1)[:, :count]


FAMILY = Family(
    order=("random", "best_static", "shorter", "shorter_tuned", "planned", "first"),
    grids={"shorter": {"toll": (0.5, 1.0, 1.5, 2.0, 3.0, 5.0)}},
    best_static=best_static,
    best_table=None,  # everybody is the same
    candidates=candidates,
    bound=Ceiling,
    bound_in_words="each prompt with the better choice and an idle edge",
    sizes=Sizes(2, 64),
)
