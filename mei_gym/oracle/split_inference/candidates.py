"""The choices that a search of SplitInference tries: the base's, the best by forecast, and some that it would miss."""

from __future__ import annotations

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.split_inference.feasible import BITS_CHOICES
from mei_gym.envs.split_inference.fields import DEEPEST
from mei_gym.heuristics.policy import World
from mei_gym.heuristics.split_inference.rows import scores
from mei_gym.heuristics.split_inference.scores import knobs

SPREAD = (0.125, 0.25, 0.5, 0.75)  # chosen: cuts at these shares of the deepest feasible one


def candidates(world: World, lanes: Lanes, base: np.ndarray, count: int) -> np.ndarray:
    """int64[n, count]: feasible actions, the base's first; an action may stand twice where few are feasible.

    Then: everything at the edge, as deep as fits, the best bits at the cuts of `SPREAD`, and the best by forecast.
    """
    observations = lanes.out.observation
    value = scores(world, observations, knobs())
    rows = np.arange(len(observations))
    chosen = np.tile(base[:, None], (1, count))
    by_cut = value.reshape(len(observations), -1, BITS_CHOICES)
    depth = by_cut.shape[1] - 1
    deepest = np.rint(observations[:, DEEPEST].astype(np.float64) * depth).astype(np.int64)
    cuts = [np.zeros_like(deepest), deepest, *(np.rint(share * deepest).astype(np.int64) for share in SPREAD)]
    place = 1
    for cut in cuts[: count - 1]:
        action = cut * BITS_CHOICES + by_cut[rows, cut].argmax(axis=1)
        chosen[:, place] = np.where(np.isfinite(value[rows, action]), action, base)
        place += 1
    for earlier in chosen.T[:place]:
        value[rows, earlier] = -np.inf
    while place < count:
        best = value.argmax(axis=1)
        left = np.isfinite(value[rows, best])
        chosen[left, place] = best[left]
        value[rows, best] = -np.inf
        place += 1
    return chosen
