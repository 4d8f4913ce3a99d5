"""The shell of `gymnasium.make_vec`: many lanes as a `gymnasium.vector.VectorEnv`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from mei_gym.envs.lanes import DISABLED, NEXT_STEP, NO_LIMIT, SAME_STEP, Lanes, lane_seed
from mei_gym.envs.single import JOINT, action_space, checked_action_form, observation_space
from mei_gym.envs.task import Task, factor_masks

MODES = {AutoresetMode.DISABLED: DISABLED, AutoresetMode.NEXT_STEP: NEXT_STEP, AutoresetMode.SAME_STEP: SAME_STEP}


class BatchEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Lane i seeded s is the single environment seeded s + i, bit for bit.

    Args:
        task, scenario, action_form, overrides: as for the single environment.
        num_envs: how many lanes.
        max_episode_steps: when a lane is truncated; None: never.
        autoreset_mode: "NextStep" (Gymnasium's default), "SameStep" or "Disabled", or an `AutoresetMode`.
        threads: processor threads; 1 unless you own the cores.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 8, "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        task: Task,
        num_envs: int = 1,
        scenario: str = "default",
        action_form: str = JOINT,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        threads: int = 1,
        render_mode: str | None = None,
        **overrides: Any,
    ) -> None:
        self.task = task
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.action_form = checked_action_form(action_form)
        self.scenario = task.resolve(scenario, overrides)
        self.lanes = Lanes(task, self.scenario, num_envs, threads)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.limit = NO_LIMIT if max_episode_steps is None else int(max_episode_steps)
        self.single_observation_space = observation_space(task)
        self.single_action_space = action_space(self.lanes.factors, action_form)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._strides = np.cumprod((1, *self.lanes.factors[:0:-1]))[::-1].astype(np.int64)
        self._began = False

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode in every lane, or in those of `options["reset_mask"]` (bool [num_envs])."""
        super().reset(seed=seed if isinstance(seed, int) else None)
        chosen = np.ones(self.num_envs, np.bool_)
        if options is not None and "reset_mask" in options:
            chosen = np.asarray(options["reset_mask"], np.bool_)
            if chosen.shape != (self.num_envs,):
                raise ValueError(f"reset_mask has the shape {chosen.shape}; ({self.num_envs},) is accepted.")
        seeds = None
        if not self._began:
            chosen[:] = True  # a lane that never began has nothing to keep
        if seed is not None or not self._began:
            first = int(self.np_random.integers(0, 2**31)) if seed is None else seed
            given = [first + lane for lane in range(self.num_envs)] if isinstance(first, int) else list(first)
            if len(given) != self.num_envs:
                raise ValueError(f"{len(given)} seeds were given; {self.num_envs} are needed, one a lane.")
            fresh = [int(self.np_random.integers(0, 2**31)) if each is None else each for each in given]
            seeds = np.array([lane_seed(each) for each in fresh], np.uint64)
        self.lanes.reset(seeds, chosen)
        self._began = True
        return self.lanes.out.observation.copy(), self._info(self.lanes.out.info, self.lanes.out.mask)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One decision in every lane; rewards float64 [num_envs]."""
        if not self._began:
            raise gymnasium.error.ResetNeeded(
                "The environment was stepped before its first reset(); call reset() first."
            )
        indices = self._indices(actions)
        out = self.lanes.out
        self.lanes.step(indices, self.limit, MODES[self.autoreset_mode])
        info = self._info(out.info, out.mask)
        ended = out.terminated | out.truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and ended.any():
            info["final_obs"] = np.array(
                [row.copy() if end else None for row, end in zip(out.final_observation, ended)], object
            )
            info["_final_obs"] = ended.copy()
            info["final_info"] = self._info(out.final_info, out.final_mask, ended)
            info["_final_info"] = ended.copy()
        return out.observation.copy(), out.reward.copy(), out.terminated.copy(), out.truncated.copy(), info

    def _indices(self, actions: np.ndarray) -> np.ndarray:
        actions = np.asarray(actions)
        joint = self.action_form == JOINT
        shape = (self.num_envs,) if joint else (self.num_envs, len(self.lanes.factors))
        bounds = self.lanes.actions if joint else np.array(self.lanes.factors)
        if actions.shape != shape or actions.dtype.kind not in "iu":
            raise ValueError(
                f"The actions are {actions.dtype} of shape {actions.shape}; integers of shape {shape} are accepted."
            )
        wrong = (actions < 0) | (actions >= bounds)
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"The action of lane {place[0]} is {actions[place[0]]}; integers in [0, {bounds - 1}] are accepted."
            )
        return actions.astype(np.int64) if joint else actions.astype(np.int64) @ self._strides

    def action_masks(self) -> np.ndarray:
        """Which actions are feasible now: bool [num_envs, actions], or [num_envs, sum of the parts]."""
        return self._masks(self.lanes.out.mask)

    def _masks(self, joint: np.ndarray) -> np.ndarray:
        if self.action_form == JOINT:
            return joint.copy()
        return np.stack([factor_masks(row, self.lanes.factors) for row in joint])

    def _info(self, numbers: np.ndarray, mask: np.ndarray, present: np.ndarray | None = None) -> dict[str, Any]:
        every = np.ones(self.num_envs, np.bool_) if present is None else present.copy()
        columns = np.ascontiguousarray(numbers.T)
        info: dict[str, Any] = {}
        for name, column in zip(self.task.info, columns):
            info[name] = column
            info["_" + name] = every
        info["action_mask"] = self._masks(mask)
        info["_action_mask"] = every
        return info

    def render(self) -> tuple[Any, ...] | None:
        """One sentence or picture a lane."""
        if self.render_mode is None:
            return None
        draw = self.task.sentence if self.render_mode == "ansi" else self.task.picture
        rows = (self.lanes.info(row) for row in self.lanes.out.info)
        return tuple(draw(self.lanes.params_of(lane), self.lanes.state, lane, row) for lane, row in enumerate(rows))
