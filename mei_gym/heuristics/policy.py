"""What a policy is here: Stable-Baselines3's `predict`, over observations and nothing else.

A policy is built for a world (an environment under a scenario) and knows what any controller there knows: the cost
model and the scenario's constants. What it learns of an episode comes through the observation, the feasible actions
included.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from mei_gym.envs.single import JOINT
from mei_gym.envs.task import Task
from mei_gym.packed import Pack


class World(NamedTuple):
    """An environment under a scenario, with its parameters laid out for compiled code."""

    task: Task
    scenario: Any
    params: Any
    pack: Pack
    factors: tuple[int, ...]
    action_form: str = JOINT


def world_of(task: Task, scenario: Any, action_form: str = JOINT) -> World:
    """The world of a resolved scenario."""
    params = task.parameters(scenario)
    return World(task, scenario, params, Pack(params), task.factors(params), action_form)


class Policy:
    """Observations in, actions out. A family fills in `name`, `defaults` and `choose`.

    `parameters` are those given over the defaults; everything else that a policy needs it derives from the world.
    """

    name: str
    defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, world: World, **parameters: Any) -> None:
        self.world = world
        self.parameters = {**self.defaults, **parameters}

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """Joint actions int64[n] for observations float32[n, field]; each must be feasible."""
        raise AssertionError(f"{type(self).__name__} does not say what it chooses.")

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
