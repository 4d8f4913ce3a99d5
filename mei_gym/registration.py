"""The ids: what `import mei_gym` makes known to `gymnasium.make`."""

from __future__ import annotations

from typing import Any

import gymnasium

SINGLE, BATCH = "mei_gym.registration:single", "mei_gym.registration:batch"
EPISODE_REQUESTS = 1024


def single(task: str, **kwargs: Any) -> gymnasium.Env:
    """The single-lane environment of a task; nothing of it is imported before it is made."""
    from importlib import import_module

    from mei_gym.envs.single import SingleEnv

    return SingleEnv(import_module(task).TASK, **kwargs)


def batch(task: str, **kwargs: Any) -> gymnasium.vector.VectorEnv:
    """The many-lane environment of a task."""
    from importlib import import_module

    from mei_gym.envs.batch import BatchEnv

    return BatchEnv(import_module(task).TASK, **kwargs)


def register_environments() -> None:
    """Register every id of the suite, once; entry points are strings, so nothing heavy is imported here."""
    ids = {
        "mei/SplitInference-v0": {"task": "mei_gym.envs.split_inference"},
        "mei/SplitInferenceFactored-v0": {"task": "mei_gym.envs.split_inference", "action_form": "factored"},
    }
    for id, kwargs in ids.items():
        if id not in gymnasium.registry:
            gymnasium.register(
                id,
                entry_point=SINGLE,
                vector_entry_point=BATCH,
                max_episode_steps=EPISODE_REQUESTS,
                kwargs=kwargs,
            )
