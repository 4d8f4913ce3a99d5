"""Run a policy on given seeds: what each episode brought, part by part, beside what it could have brought at most."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.policy import Policy, World
from mei_gym.heuristics.text import text_digest
from mei_gym.oracle.bound import Bound
from mei_gym.oracle.seeds import REQUESTS, lane_seeds


def world_digest(world: World) -> str:
    """Everything that an episode's outcome follows from, but for policy and seed: the rules' text and the numbers."""
    content = hashlib.sha256(text_digest().encode())
    for value in world.params:
        content.update(np.asarray(value).tobytes())
    content.update(repr(sorted(world.scenario.drawn.items())).encode())
    return content.hexdigest()


class Result(NamedTuple):
    """Episodes of one policy; means are over the requests of an episode."""

    reward: np.ndarray  # f8[episode] mean a request
    info: np.ndarray  # f8[episode, name] mean of info
    bound: np.ndarray  # f8[episode] mean a request, of the bound; nan where it was not asked for


def run(
    policy: Policy,
    seeds: Sequence[int],
    requests: int = REQUESTS,
    bound: bool = False,
    lanes: Lanes | None = None,
) -> Result:
    """The policy's episodes on the seeds, one lane each; lanes of the same world and number can be used again."""
    world = policy.world
    if lanes is None:
        lanes = Lanes(world.task, world.scenario, len(seeds))
    lanes.reset(lane_seeds(seeds))
    ceiling = Bound(world, lanes) if bound else None
    reward = np.zeros(len(seeds))
    info = np.zeros_like(lanes.out.info)
    most = np.full(len(seeds), 0.0 if bound else np.nan)
    for _ in range(requests):
        if ceiling is not None:
            most += ceiling.request()
        lanes.step(policy.choose(lanes.out.observation))
        reward += lanes.out.reward
        info += lanes.out.info
    return Result(reward / requests, info / requests, most / requests)


def bound_of(world: World, seeds: Sequence[int], requests: int = REQUESTS) -> np.ndarray:
    """f8[episode]: the bound's mean a request; which policy walks the episodes does not matter."""
    from mei_gym.heuristics import make

    return run(make("random", world), seeds, requests, bound=True).bound
