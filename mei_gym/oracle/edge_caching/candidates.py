"""The choices that a search of EdgeCaching tries: the base's, nothing, and what the myopic policy thinks of."""

from __future__ import annotations

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.edge_caching.marginal import Marginal
from mei_gym.heuristics.edge_caching.seen import actions_of
from mei_gym.heuristics.policy import World

TOLLS = (0.0, 3.0, 12.0)  # chosen: what is tried is the best where room costs nothing, something, much
HORIZON_S = 400.0  # chosen


def candidates(world: World, lanes: Lanes, base: np.ndarray, count: int) -> np.ndarray:
    """int64[n, count]: feasible actions, the base's first, then nothing; one may stand twice where few are feasible."""
    chosen = np.tile(base[:, None], (1, count))
    chosen[:, 1:2] = 0
    place, turn = 2, 0
    scores = [Marginal(world, horizon_s=HORIZON_S, toll=toll).score(lanes.out.observation) for toll in TOLLS]
    flat = [score.reshape(len(base), -1) for score in scores]
    precisions = scores[0].shape[2]
    rows = np.arange(len(base))
    while place < count:
        score = flat[turn % len(flat)]
        best = score.argmax(axis=1)
        action = actions_of(world, best // precisions, best % precisions, np.isfinite(score[rows, best]))
        chosen[:, place] = action
        for each in flat:
            each[rows, best] = -np.inf
        place, turn = place + 1, turn + 1
    return chosen
