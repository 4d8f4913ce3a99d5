"""The shell of `gymnasium.make`: one lane as a `gymnasium.Env`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from mei_gym.envs.lanes import DISABLED, NO_LIMIT, Lanes
from mei_gym.envs.task import Task, factor_masks

JOINT, FACTORED = "joint", "factored"


def checked_action_form(action_form: str) -> str:
    """The form itself, if it is one."""
    if action_form not in (JOINT, FACTORED):
        raise ValueError(
            f"action_form is {action_form!r}; it can be {JOINT!r} (Discrete) or {FACTORED!r} (MultiDiscrete)."
        )
    return action_form


def action_space(factors: tuple[int, ...], action_form: str) -> spaces.Discrete | spaces.MultiDiscrete:
    """Discrete over all combinations, or MultiDiscrete over the parts."""
    if checked_action_form(action_form) == JOINT:
        return spaces.Discrete(int(np.prod(factors)))
    return spaces.MultiDiscrete(np.array(factors, np.int64))


def observation_space(task: Task) -> spaces.Box:
    """A flat float32 box, each number in [0, 1]."""
    return spaces.Box(0.0, 1.0, (len(task.fields),), np.float32)


class SingleEnv(gymnasium.Env[np.ndarray, Any]):
    """One episode at a time; every rule is the task's.

    Args:
        task: the environment.
        scenario: the name of one of its scenarios; further keywords override the scenario's values.
        action_form: "joint" for a Discrete action, "factored" for a MultiDiscrete one.
        render_mode: None, "ansi" or "rgb_array".

    Raises:
        ValueError: an unknown scenario, key or value, with the nearest right one.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 8}  # noqa: RUF012 (Gymnasium's interface)

    def __init__(
        self,
        task: Task,
        scenario: str = "default",
        action_form: str = JOINT,
        render_mode: str | None = None,
        **overrides: Any,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            modes = ", ".join(self.metadata["render_modes"])
            raise ValueError(f"render_mode is {render_mode!r}; it can be None or one of {modes}.")
        self.task = task
        self.render_mode = render_mode
        self.action_form = checked_action_form(action_form)
        self.scenario = task.resolve(scenario, overrides)
        self.lanes = Lanes(task, self.scenario, 1)
        self.observation_space = observation_space(task)
        self.action_space = action_space(self.lanes.factors, action_form)
        self._action = np.zeros(1, np.int64)
        self._strides = np.cumprod((1, *self.lanes.factors[:0:-1]))[::-1].astype(np.int64)
        self._began = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; with a seed, the first of that seed's series."""
        super().reset(seed=seed)
        seeds = None
        if seed is not None or not self._began:
            seeds = np.array([self.np_random.integers(0, np.iinfo(np.int64).max)], np.uint64)
        self.lanes.reset(seeds)
        self._began = True
        return self.lanes.out.observation[0].copy(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Answer one decision; ends only by itself (see `TimeLimit` for the registered length)."""
        if not self._began:
            raise gymnasium.error.ResetNeeded(
                "The environment was stepped before its first reset(); call reset() first."
            )
        self._action[0] = self._index(action)
        self.lanes.step(self._action, NO_LIMIT, DISABLED)
        out = self.lanes.out
        return out.observation[0].copy(), float(out.reward[0]), bool(out.terminated[0]), False, self._info()

    def _index(self, action: Any) -> int:
        if self.action_form == JOINT:
            words = isinstance(action, str | bytes | bool)
            try:
                index = int(action) if not words and float(action).is_integer() else -1
            except (TypeError, ValueError, OverflowError):
                index = -1
            if 0 <= index < self.lanes.actions:
                return index
            raise ValueError(f"The action is {action!r}; an integer in [0, {self.lanes.actions - 1}] is accepted.")
        parts = np.asarray(action)
        whole = parts.shape == (len(self.lanes.factors),) and parts.dtype.kind in "iu"
        if whole and all(0 <= part < count for part, count in zip(parts, self.lanes.factors)):
            return int(parts @ self._strides)
        raise ValueError(f"The action is {action!r}; integers below {list(self.lanes.factors)} are accepted.")

    def action_masks(self) -> np.ndarray:
        """Which actions are feasible now: bool, [actions] or, factored, the parts' masks one after the other."""
        joint = self.lanes.out.mask[0]
        if self.action_form == JOINT:
            return joint.copy()
        return factor_masks(joint, self.lanes.factors)

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = self.lanes.info(self.lanes.out.info[0])
        info["action_mask"] = self.action_masks()
        return info

    def render(self) -> Any:
        """A sentence (ansi) or a picture (uint8 [height, width, 3])."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() was called, but no render_mode was given to gymnasium.make.")
            return None
        info = self.lanes.info(self.lanes.out.info[0])
        draw = self.task.sentence if self.render_mode == "ansi" else self.task.picture
        return draw(self.lanes.params_of(0), self.lanes.state, 0, info)
