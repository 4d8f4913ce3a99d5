"""What a policy is here: Stable-Baselines3's `predict`, over observations, or over the lanes of the environment.

A policy is built for a world (an environment under a scenario) and knows what any controller there knows: the cost
model and the scenario's constants. What it learns of an episode comes through the observation, the feasible actions
included. A policy that plans for the whole network (a placement for all servers) or sees the future reads the lanes
instead: it decides by `decide`, and whoever wants `predict` of it shows it the environment first, by `watch`.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.single import JOINT
from mei_gym.envs.task import Task
from mei_gym.packed import Pack
from mei_gym.scenarios.resolve import overridden


class World(NamedTuple):
    """An environment under a scenario, with its parameters laid out for compiled code."""

    task: Task
    scenario: Any
    params: Any
    pack: Pack
    factors: tuple[int, ...]
    action_form: str = JOINT

    def under(self, overrides: dict[str, Any]) -> World:
        """The world with some of its scenario's values replaced; itself where it has these values."""
        scenario = overridden(self.scenario, overrides) if overrides else self.scenario
        return self if scenario == self.scenario else world_of(self.task, scenario, self.action_form)


def world_of(task: Task, scenario: Any, action_form: str = JOINT) -> World:
    """The world of a resolved scenario."""
    params = task.parameters(scenario)
    return World(task, scenario, params, Pack(params), task.factors(params), action_form)


class Policy:
    """Observations or lanes in, actions out. A family fills in `name`, `defaults`, and `choose` or `decide`.

    `parameters` are those given over the defaults; everything else that a policy needs it derives from the world.
    `overrides` are values of the scenario under which the policy runs, wherever it is compared: a world of its own.
    A policy keeps nothing between decisions, so that a search can ask it about several futures.
    """

    name: str
    defaults: ClassVar[dict[str, Any]] = {}
    overrides: ClassVar[dict[str, Any]] = {}
    watched: Lanes | None = None

    def __init__(self, world: World, **parameters: Any) -> None:
        self.world = world
        self.parameters = {**self.defaults, **parameters}

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """Joint actions int64[n] for observations float32[n, field]; each must be feasible.

        Raises:
            ValueError: the policy decides by the lanes, and was shown none or others.
        """
        if self.watched is None:
            raise ValueError(f"{self.name} decides by the whole environment; show it one with watch(env) first.")
        if len(observations) != self.watched.count:
            raise ValueError(
                f"{self.name} was asked about {len(observations)} observations; it watches an environment of"
                f" {self.watched.count} lanes, one observation each."
            )
        return self.decide(self.watched)

    def decide(self, lanes: Lanes, rows: np.ndarray | None = None) -> np.ndarray:
        """Joint actions int64[n] in lanes of the policy's world: in all, or in those of the numbers `rows`."""
        return self.choose(lanes.out.observation if rows is None else lanes.out.observation[rows])

    def watch(self, env: Any) -> None:
        """Decide from now on by this environment: one of `gymnasium.make`, `make_vec`, an SB3 VecEnv of ours, lanes.

        Raises:
            ValueError: it is none of these, or its actions are not those of the policy's world.
        """
        inner = getattr(env, "unwrapped", env)
        lanes = getattr(inner, "lanes", inner)
        if not isinstance(lanes, Lanes):
            raise ValueError(f"{type(inner).__name__} has no lanes to watch; an environment of mei_gym is accepted.")
        if lanes.task is not self.world.task or lanes.factors != self.world.factors:
            own = ", ".join(f"{name}={value!r}" for name, value in self.overrides.items())
            hint = f"; make it with {own}" if own and lanes.task is self.world.task else ""
            raise ValueError(
                f"{self.name} is for {self.world.task.name} with actions {self.world.factors}; the environment is"
                f" {lanes.task.name} with actions {lanes.factors}{hint}."
            )
        self.watched = lanes

    def predict(
        self,
        observation: np.ndarray,
        state: tuple[np.ndarray, ...] | None = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
    ) -> tuple[np.ndarray, tuple[np.ndarray, ...] | None]:
        """Actions for one observation [field] or a batch [n, field], and the state as it came: none is kept.

        Raises:
            ValueError: another shape.
        """
        rows = np.ascontiguousarray(observation, np.float32)
        fields = len(self.world.task.fields)
        if rows.ndim not in (1, 2) or rows.shape[-1] != fields:
            raise ValueError(f"The observation has the shape {rows.shape}; ({fields},) or (n, {fields}) is accepted.")
        actions = self.choose(np.atleast_2d(rows))
        if self.world.action_form != JOINT:
            actions = np.stack(np.unravel_index(actions, self.world.factors), axis=1)
        return (actions if rows.ndim == 2 else actions.squeeze(axis=0)), state

    def settings(self) -> str:
        """The parameters in one line, as a table shows them."""
        return ", ".join(f"{name} {value}" for name, value in self.parameters.items())

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in self.parameters.items())})"
