"""The whole state of a training run, exactly: a killed run goes on as if nothing had happened.

A checkpoint is taken between two rollouts, when no rollout is half full. It holds the networks and their optimizer
(`policy.pth`), the lanes and the last observations (`lanes.npz`), DQN's buffer (`replay.npz`), every generator that
learning draws from, and the counters (`state.json`). No pickle anywhere, and SB3's `load` is not used: it would reseed
everything from the run's seed and replay the first episodes.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from agents.learners.model_file import state_bytes
from agents.storage import read_json
from mei_gym.envs.sb3 import LanesVecEnv

COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_n_calls",
    "exploration_rate",
    "_current_progress_remaining",
)
REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
EPISODE_KEYS = ("r", "l", "t")


def checkpoint_files(model: BaseAlgorithm, env: LanesVecEnv, more: dict[str, Any]) -> dict[str, Callable[[], bytes]]:
    """What a checkpoint's files hold; `more` is the follower's own state."""
    files: dict[str, Callable[[], bytes]] = {
        "policy.pth": lambda: state_bytes(
            {"policy": model.policy.state_dict(), "optimizer": model.policy.optimizer.state_dict()}
        ),
        "lanes.npz": lambda: arrays_bytes(
            {
                **env.arrays(),
                "last_obs": model._last_obs,
                "last_starts": model._last_episode_starts,
                **generator_arrays(),
            }
        ),
        "state.json": lambda: json.dumps(state_of(model, more), default=float).encode(),
    }
    if isinstance(model, OffPolicyAlgorithm):
        files["replay.npz"] = lambda: arrays_bytes(replay_arrays(model))
    return files


def restore(folder: Path, model: BaseAlgorithm, env: LanesVecEnv) -> dict[str, Any]:
    """Put a checkpoint into a learner that was built like the one that wrote it; returns the follower's state."""
    weights = torch.load(folder / "policy.pth", map_location="cpu", weights_only=True)
    model.policy.load_state_dict(weights["policy"])
    model.policy.optimizer.load_state_dict(weights["optimizer"])
    state = read_json(folder / "state.json")
    for name, value in state["counters"].items():
        setattr(model, name, value)
    model._stats_window_size = state["episodes_window"]
    model.ep_info_buffer = deque_of(state["episodes"], state["episodes_window"])
    model.ep_success_buffer = deque_of([], state["episodes_window"])
    with np.load(folder / "lanes.npz", allow_pickle=False) as arrays:
        env.restore({name: arrays[name] for name in arrays.files})
        model._last_obs, model._last_episode_starts = arrays["last_obs"], arrays["last_starts"]
        saved = {name: arrays[name] for name in ("generator_torch", "generator_numpy", "generator_python")}
    if isinstance(model, OffPolicyAlgorithm):
        with np.load(folder / "replay.npz", allow_pickle=False) as arrays:
            restore_replay(model, arrays)
    model.action_space.np_random.bit_generator.state = state["action_space"]
    set_generators(saved, state["generators"])
    return state["more"]


def state_of(model: BaseAlgorithm, more: dict[str, Any]) -> dict[str, Any]:
    """Counters, generators' places, and the follower's state, fit for JSON."""
    return {
        "schema": 1,
        "counters": {name: getattr(model, name) for name in COUNTERS if hasattr(model, name)},
        "episodes_window": model._stats_window_size,
        "episodes": [{key: episode[key] for key in EPISODE_KEYS} for episode in model.ep_info_buffer or ()],
        "action_space": model.action_space.np_random.bit_generator.state,
        "generators": generator_places(),
        "more": more,
    }


def deque_of(values: list[Any], window: int) -> Any:
    """A queue that forgets its oldest."""
    from collections import deque

    return deque(values, maxlen=window)


def arrays_bytes(arrays: dict[str, Any]) -> bytes:
    """Arrays as an .npz."""
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    return data.getvalue()


def replay_arrays(model: OffPolicyAlgorithm) -> dict[str, np.ndarray]:
    """The filled part of the buffer, and where it is written next."""
    buffer = model.replay_buffer
    assert buffer is not None
    filled = buffer.buffer_size if buffer.full else buffer.pos
    place = np.array([buffer.pos, buffer.full], np.int64)
    return {"place": place, **{name: getattr(buffer, name)[:filled] for name in REPLAY}}


def restore_replay(model: OffPolicyAlgorithm, arrays: Any) -> None:
    """Fill the buffer as it was."""
    buffer = model.replay_buffer
    assert buffer is not None
    buffer.pos, buffer.full = int(arrays["place"][0]), bool(arrays["place"][1])
    for name in REPLAY:
        saved = arrays[name]
        getattr(buffer, name)[: len(saved)] = saved


def generator_arrays() -> dict[str, np.ndarray]:
    """The large parts of the states of torch's, NumPy's and Python's global generators."""
    state: Any = np.random.get_state(legacy=True)  # noqa: NPY002 (SB3 draws from the global generator)
    return {
        "generator_torch": torch.get_rng_state().numpy(),
        "generator_numpy": state[1].copy(),
        "generator_python": np.array(random.getstate()[1], np.uint64),
    }


def generator_places() -> dict[str, Any]:
    """The small parts of those states."""
    numpy_state: Any = np.random.get_state(legacy=True)  # noqa: NPY002
    version, _, gauss = random.getstate()
    return {"numpy": [numpy_state[0], *map(float, numpy_state[2:])], "python": [version, gauss]}


def set_generators(arrays: dict[str, np.ndarray], places: dict[str, Any]) -> None:
    """Set the global generators to a state."""
    torch.set_rng_state(torch.from_numpy(np.array(arrays["generator_torch"], np.uint8)))
    name, place, has_gauss, gauss = places["numpy"]
    np.random.set_state((name, arrays["generator_numpy"], int(place), int(has_gauss), gauss))  # noqa: NPY002
    version, gauss = places["python"]
    random.setstate((version, tuple(int(word) for word in arrays["generator_python"]), gauss))


@contextmanager
def generators_kept():
    """Whatever is drawn inside does not move the generators of training."""
    arrays, places = generator_arrays(), generator_places()
    try:
        yield
    finally:
        set_generators(arrays, places)
