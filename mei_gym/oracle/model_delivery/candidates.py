"""The choices that a search of ModelDelivery tries: the base's, waiting, the best of the best rows, and dearer ones."""

from __future__ import annotations

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.model_delivery.modes import WAIT
from mei_gym.heuristics.model_delivery.air_aware import LEAST_S, Myopic
from mei_gym.heuristics.policy import World

ROWS_TRIED = 3  # chosen: the best rows by reward a second
SECOND_PRICES = (0.0, 0.03, 0.1)  # chosen: what a second of air may be worth besides its price, from nothing to a rush


def candidates(world: World, lanes: Lanes, base: np.ndarray, count: int) -> np.ndarray:
    """int64[n, count]: feasible actions, the base's first; an action may stand twice where few are feasible.

    Then: waiting, the best choice by reward a second in each of the best rows, the best choices of a second at several
    prices, and what else brings most a second.
    """
    policy = Myopic(world)
    seen = policy.reader.seen(lanes.out.observation)
    gain, cost = policy.worth(seen)
    n, actions = len(base), int(np.prod(world.factors))
    first = actions // world.factors[0]  # the actions of the row that waits
    air_s = np.where(seen.opened, seen.air_s, 1.0)
    rate = np.where(seen.opened, (gain - cost) / np.maximum(LEAST_S, air_s), -np.inf)
    by_row = rate.reshape(n, rate.shape[1], -1)
    best_in_row = by_row.argmax(axis=2)
    ranked = np.argsort(-by_row.max(axis=2), axis=1, kind="stable")
    wished = [np.full(n, WAIT)]
    rows = np.arange(n)
    for place in range(ROWS_TRIED):
        row = ranked[:, place]
        wished.append(first * (row + 1) + best_in_row[rows, row])
    for price in SECOND_PRICES:
        net = np.where(seen.opened, gain - cost - price * air_s, -np.inf)
        wished.append(first + net.reshape(n, -1).argmax(axis=1))
    flat = rate.reshape(n, -1)
    wished += [first + column for column in np.argsort(-flat, axis=1, kind="stable")[:, :count].T]
    chosen = np.tile(base[:, None], (1, count))
    feasible = np.concatenate([np.zeros((n, first), bool), seen.opened.reshape(n, -1)], axis=1)
    feasible[:, WAIT] = True
    filled = np.ones(n, np.int64)
    for each in wished:
        fresh = feasible[rows, each] & ~(chosen == each[:, None]).any(axis=1) & (filled < count)
        chosen[rows[fresh], filled[fresh]] = each[fresh]
        filled += fresh
    return chosen
