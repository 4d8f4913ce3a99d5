"""The shell of Stable-Baselines3: many lanes as an SB3 `VecEnv`, for which `gymnasium.vector` will not do.

Same-step autoreset, `terminal_observation`, `TimeLimit.truncated` and `episode` in the infos, and
`env_method("action_masks")` as rows of one array. Imported only by those who train: it needs the extra `train`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from mei_gym.envs.batch import BatchEnv
from mei_gym.envs.lanes import SAME_STEP


class LanesVecEnv(VecEnv):
    """An SB3 `VecEnv` over the lanes of a `BatchEnv`.

    Infos are empty but at an episode's end, where `episode` has SB3's `r`, `l`, `t` and, under "sums", the sum of
    every number of the environment's info over the episode; `every_step=True` puts all numbers in every info.
    """

    def __init__(self, batch: BatchEnv, every_step: bool = False) -> None:
        self.batch, self.lanes, self.every_step = batch, batch.lanes, every_step  # read by SB3's constructor
        super().__init__(batch.num_envs, batch.single_observation_space, batch.single_action_space)
        self.limit = batch.limit
        self.render_mode = batch.render_mode
        self.metadata = batch.metadata
        self._actions = np.zeros(batch.num_envs, np.int64)
        self._sums = np.zeros((batch.num_envs, len(batch.task.info)), np.float64)
        self._returns = np.zeros(batch.num_envs, np.float64)
        self._began_s = time.perf_counter()
        self.numbers = self.lanes.out.info.copy()  # f8[lane, name]: info of the last step, before autoreset

    def reset(self) -> np.ndarray:
        """Begin an episode in every lane, with the seeds given to `seed()` if there are any."""
        seeds = [None if each is None else int(each) for each in self._seeds]
        given = [each for each in seeds if each is not None]
        observation, info = self.batch.reset(seed=seeds if given else None)
        self.reset_infos = [{} for _ in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._sums[:], self._returns[:] = 0.0, 0.0
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = self.batch._indices(np.asarray(actions))

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        out, lanes = self.lanes.out, self.lanes
        lanes.step(self._actions, self.limit, SAME_STEP)
        ended = out.terminated | out.truncated
        numbers = np.where(ended[:, None], out.final_info, out.info) if ended.any() else out.info
        self.numbers[:] = numbers
        self._sums += numbers
        self._returns += out.reward
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if self.every_step:
            for info, row in zip(infos, numbers):
                info.update(lanes.info(row))
        for lane in np.flatnonzero(ended):
            info = infos[lane]
            info["terminal_observation"] = out.final_observation[lane].copy()
            info["TimeLimit.truncated"] = bool(out.truncated[lane])
            info["episode"] = {
                "r": float(self._returns[lane]),
                "l": int(out.final_elapsed[lane]),
                "t": round(time.perf_counter() - self._began_s, 6),
                "sums": lanes.info(self._sums[lane]),
            }
            self._sums[lane], self._returns[lane] = 0.0, 0.0
        return out.observation.copy(), out.reward.astype(np.float32), ended, infos

    def arrays(self) -> dict[str, np.ndarray]:
        """All that changes as the lanes step, by name: `restore` makes other lanes of the same make go on from it."""
        state = {f"state.{name}": array for name, array in self.lanes.state._asdict().items()}
        out = {f"out.{name}": array for name, array in self.lanes.out._asdict().items()}
        return {**state, **out, "sums": self._sums, "returns": self._returns}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Put the lanes where `arrays()` was taken; no reset is needed before or after."""
        for name, own in self.arrays().items():
            if name not in arrays or arrays[name].shape != own.shape or arrays[name].dtype != own.dtype:
                found = f"{arrays[name].dtype}{list(arrays[name].shape)}" if name in arrays else "missing"
                raise ValueError(f"The lanes' {name} is {found}; {own.dtype}{list(own.shape)} is needed.")
            own[:] = arrays[name]
        if self.lanes.worlds:
            self.lanes.lay_worlds(np.arange(self.num_envs), self.lanes.state.episode - 1)
        self.batch._began = True
        self._reset_seeds()

    def close(self) -> None:
        self.batch.close()

    def _chosen(self, indices: None | int | Sequence[int]) -> list[int]:
        return list(self._get_indices(indices))

    def get_attr(self, attr_name: str, indices: None | int | Sequence[int] = None) -> list[Any]:
        value = getattr(self.batch, attr_name)
        return [value for _ in self._chosen(indices)]

    def has_attr(self, attr_name: str) -> bool:
        return hasattr(self.batch, attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: None | int | Sequence[int] = None) -> None:
        setattr(self.batch, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: None | int | Sequence[int] = None, **kwargs: Any
    ) -> list[Any]:
        result = getattr(self.batch, method_name)(*args, **kwargs)
        if method_name == "action_masks":
            return list(result[self._chosen(indices)])
        return [result for _ in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: None | int | Sequence[int] = None) -> list[bool]:
        return [False for _ in self._chosen(indices)]

    def get_images(self) -> Sequence[np.ndarray | None]:
        return list(self.batch.render() or [None] * self.num_envs)


def make_sb3_vec(id: str, num_envs: int, every_step: bool = False, **kwargs: Any) -> LanesVecEnv:
    """The environment of an id as an SB3 VecEnv of `num_envs` lanes; keywords as for `gymnasium.make_vec`."""
    batch = gymnasium.make_vec(id, num_envs=num_envs, autoreset_mode="SameStep", **kwargs)
    if not isinstance(batch.unwrapped, BatchEnv):
        raise ValueError(f"{id} is {type(batch.unwrapped).__name__}; only the ids of mei_gym have lanes.")
    return LanesVecEnv(batch.unwrapped, every_step)
