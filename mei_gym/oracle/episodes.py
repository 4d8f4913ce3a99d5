"""Run a policy on given seeds: what each episode brought, part by part, beside what it could have brought at most."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.policy import Policy, World
from mei_gym.heuristics.text import text_digest
from mei_gym.oracle.family import family_of
from mei_gym.oracle.seeds import episode_steps, lane_seeds


def world_digest(world: World) -> str:
    """Everything that an episode's outcome follows from, but for policy and seed: the rules' text and the numbers."""
    content = hashlib.sha256(text_digest().encode())
    for value in world.params:
        content.update(np.asarray(value).tobytes())
    content.update(repr(sorted(world.scenario.drawn.items())).encode())
    return content.hexdigest()


class Result(NamedTuple):
    """Episodes of one policy; means are over the steps of an episode."""

    reward: np.ndarray  # f8[episode] mean a step
    info: np.ndarray  # f8[episode, name] mean of info
    bound: np.ndarray  # f8[episode] mean a step, of the bound; nan where it was not asked for


def run(
    policy: Policy,
    seeds: Sequence[int],
    steps: int | None = None,
    bound: bool = False,
    lanes: Lanes | None = None,
) -> Result:
    """The policy's episodes on the seeds, one lane each, in the policy's own world.

    `steps`: of an episode, as registered if left out. Lanes of the same world and number can be used again.
    """
    world = policy.world
    steps = episode_steps(world.task) if steps is None else steps
    if lanes is None:
        lanes = Lanes(world.task, world.scenario, len(seeds))
    lanes.reset(lane_seeds(seeds))
    ceiling = family_of(world.task).bound(world, lanes) if bound else None
    reward = np.zeros(len(seeds))
    info = np.zeros_like(lanes.out.info)
    most = np.full(len(seeds), 0.0 if bound else np.nan)
    for _ in range(steps):
        if ceiling is not None:
            most += ceiling.request()
        lanes.step(policy.decide(lanes))
        if ceiling is not None:
            most += ceiling.outcome()
        reward += lanes.out.reward
        info += lanes.out.info
    return Result(reward / steps, info / steps, most / steps)


def bound_of(world: World, seeds: Sequence[int], steps: int | None = None) -> np.ndarray:
    """f8[episode]: the bound's mean a step; which policy walks the episodes does not matter."""
    from mei_gym.heuristics import make

    return run(make("random", world), seeds, steps, bound=True).bound
