"""The environments of an experiment: one batch to play episodes on, one SB3 VecEnv to train on."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium

import mei_gym  # noqa: F401 (registers the ids)
from agents.experiment import Experiment
from mei_gym.envs.batch import BatchEnv
from mei_gym.envs.task import Field, Task
from mei_gym.heuristics import registered
from mei_gym.scenarios.resolve import deep_merge


class World(NamedTuple):
    """An id under a scenario with its overrides."""

    environment: str
    scenario: str
    overrides: dict[str, Any]
    threads: int = 1

    def batch(self, lanes: int) -> BatchEnv:
        """Lanes whose episodes end at the registered length and stay ended."""
        env = gymnasium.make_vec(
            self.environment, num_envs=lanes, vectorization_mode=None, autoreset_mode="Disabled",
            scenario=self.scenario, threads=self.threads, **self.overrides,
        )  # fmt: skip
        assert isinstance(env.unwrapped, BatchEnv)
        return env.unwrapped

    @property
    def task(self) -> Task:
        """The environment, as its shells see it."""
        return registered(self.environment)[0]

    def of(self, policy: Any) -> World:
        """The world that a policy plays in: this one, under what the policy overrides."""
        overrides = getattr(policy, "overrides", {})
        return self._replace(overrides=deep_merge(self.overrides, overrides)) if overrides else self

    def label(self) -> str:
        """The world in words."""
        changed = f", {len(self.overrides)} values changed" if self.overrides else ""
        return f"{self.environment}, scenario {self.scenario}{changed}"


def world_of(experiment: Experiment) -> World:
    """The world of an experiment."""
    return World(experiment.environment, experiment.scenario, dict(experiment.overrides), experiment.threads)


def episode_steps(id: str) -> int:
    """Steps of an episode of an id."""
    length = gymnasium.spec(id).max_episode_steps
    if length is None:
        raise ValueError(f"{id} has no episode length; register it with max_episode_steps.")
    return length


def index_fields(fields: tuple[Field, ...]) -> dict[int, int]:
    """Place and number of values of those fields that hold an index, which order says nothing about."""
    return {place: int(field.high) + 1 for place, field in enumerate(fields) if field.unit == "index"}
