"""The ids: what `import mei_gym` makes known to `gymnasium.make`."""

from __future__ import annotations

from typing import Any

import gymnasium

SINGLE, BATCH = "mei_gym.registration:single", "mei_gym.registration:batch"

#: Each id with the steps of an episode and the keywords of its environment.
IDS: dict[str, tuple[int, dict[str, Any]]] = {
    "mei/SplitInference-v0": (1024, {"task": "mei_gym.envs.split_inference"}),
    "mei/SplitInferenceFactored-v0": (1024, {"task": "mei_gym.envs.split_inference", "action_form": "factored"}),
    "mei/EdgeCaching-v0": (1024, {"task": "mei_gym.envs.edge_caching"}),
    "mei/EdgeCachingFactored-v0": (1024, {"task": "mei_gym.envs.edge_caching", "action_form": "factored"}),
    "mei/EdgeCachingEviction-v0": (1024, {"task": "mei_gym.envs.edge_caching", "eviction": "chosen"}),
    "mei/ModelDelivery-v0": (1024, {"task": "mei_gym.envs.model_delivery"}),
    "mei/ModelDeliveryFactored-v0": (1024, {"task": "mei_gym.envs.model_delivery", "action_form": "factored"}),
}


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
    for id, (steps, kwargs) in IDS.items():
        if id not in gymnasium.registry:
            register(id, steps, **kwargs)


def register(id: str, steps: int, **kwargs: Any) -> None:
    """Make an id known; `task` is the module of the environment, of this suite or of another package."""
    gymnasium.register(id, entry_point=SINGLE, vector_entry_point=BATCH, max_episode_steps=steps, kwargs=kwargs)
