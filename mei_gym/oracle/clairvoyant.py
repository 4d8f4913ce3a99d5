"""A search on the true future, which no policy can have: what is reachable by deciding well.

At each request a lane is copied into one lane for each candidate action. Each of them takes its candidate and then
follows the base policy for `horizon` requests on what will truly happen; the candidate whose future brings most is
taken. With chance a function of (seed, episode, step, purpose), the futures differ by the first action alone: this is
rollout policy improvement without noise. The base's own action is among the candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.policy import Policy
from mei_gym.oracle.episodes import Result
from mei_gym.oracle.seeds import REQUESTS, lane_seeds

ENVS, HERE = "mei_gym.envs.", "mei_gym.oracle."
CANDIDATES, HORIZON = 10, 96  # chosen: see `headroom`'s table of sizes


def search(
    base: Policy,
    seeds: range,
    requests: int = REQUESTS,
    candidates: int = CANDIDATES,
    horizon: int = HORIZON,
    tell: Callable[[int], None] = lambda done: None,
) -> Result:
    """The episodes of a clairvoyant search that improves on `base`, all seeds side by side.

    Args:
        base: what the futures follow after their first action.
        seeds: one episode each.
        candidates: actions tried at each request.
        horizon: requests, the first included, over which a future is judged.
        tell: hears how many requests of the episodes are decided.
    """
    world, episodes = base.world, len(seeds)
    proposed = import_module(world.task.module.replace(ENVS, HERE) + ".candidates").candidates
    lanes = Lanes(world.task, world.scenario, episodes)
    lanes.reset(lane_seeds(seeds))
    futures = Lanes(world.task, world.scenario, episodes * candidates)
    futures.reset(np.zeros(futures.count, np.uint64))
    reward, info = np.zeros(episodes), np.zeros_like(lanes.out.info)
    for request in range(requests):
        observations = lanes.out.observation
        tried = proposed(world, observations, base.choose(observations), candidates)
        spread(lanes, futures, candidates)
        worth = np.zeros(futures.count)
        actions = tried.ravel()
        for _ in range(min(horizon, requests - request)):
            futures.step(actions)
            worth += futures.out.reward
            actions = base.choose(futures.out.observation)
        best = worth.reshape(episodes, candidates).argmax(axis=1)
        lanes.step(tried[np.arange(episodes), best])
        reward += lanes.out.reward
        info += lanes.out.info
        tell(request + 1)
    return Result(reward / requests, info / requests, np.full(episodes, np.nan))


def spread(source: Lanes, target: Lanes, copies: int) -> None:
    """Make target lanes i * copies ... equal to source lane i: `Lanes.copy_lane` across two sets of lanes."""
    for old, new in zip((*source.state, *source.out), (*target.state, *target.out)):
        new.reshape(source.count, copies, *old.shape[1:])[:] = old[:, None]
