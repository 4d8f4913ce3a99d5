"""Policies that nobody trained: by name, for an environment under a scenario.

    policy = mei_gym.heuristics.make("neurosurgeon", "mei/SplitInference-v0", "default")
    action, _ = policy.predict(observation)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mei_gym.heuristics.policy import Policy, World

__all__ = ["families", "make", "names", "world"]

ENVS, HERE = "mei_gym.envs.", "mei_gym.heuristics."


def world(task_or_id: Any, scenario: Any = "default", **overrides: Any) -> World:
    """An environment (an id or its Task) under a scenario (a name, a YAML path or a resolved one)."""
    from mei_gym.heuristics.policy import world_of

    action_form = "joint"
    if isinstance(task_or_id, str):
        task, action_form = registered(task_or_id)
    else:
        task = task_or_id
    resolved = task.resolve(scenario, overrides) if isinstance(scenario, str) else scenario
    return world_of(task, resolved, action_form)


def registered(id: str) -> tuple[Any, str]:
    """The Task and the action form of a registered id."""
    import gymnasium

    import mei_gym  # noqa: F401 (registers the ids)
    from mei_gym.scenarios.resolve import nearest

    spec = gymnasium.registry.get(id)
    if spec is None or "task" not in spec.kwargs:
        known = [name for name, each in gymnasium.registry.items() if each.namespace == "mei"]
        raise ValueError(f"There is no environment {id!r}; {nearest(id, known)}")
    return import_module(spec.kwargs["task"]).TASK, spec.kwargs.get("action_form", "joint")


def families(task: Any) -> dict[str, type[Policy]]:
    """The heuristics of a Task, by name."""
    return {family.name: family for family in import_module(task.module.replace(ENVS, HERE)).FAMILIES}


def names(task_or_id: Any) -> list[str]:
    """The names of an environment's heuristics, weakest idea first."""
    task = registered(task_or_id)[0] if isinstance(task_or_id, str) else task_or_id
    return list(families(task))


def make(name: str, task_or_id: Any, scenario: Any = "default", **parameters: Any) -> Policy:
    """A heuristic for an environment (an id, a Task or a `world`) under a scenario.

    Raises:
        ValueError: an unknown name or parameter, with the nearest right one; a value out of range.
    """
    from mei_gym.heuristics.policy import World
    from mei_gym.scenarios.resolve import nearest

    place = task_or_id if isinstance(task_or_id, World) else world(task_or_id, scenario)
    known = families(place.task)
    if name not in known:
        raise ValueError(f"There is no heuristic {name!r}; {nearest(name, known)}")
    family = known[name]
    for parameter in parameters:
        if parameter not in family.defaults:
            hint = nearest(parameter, family.defaults) if family.defaults else "it has none."
            raise ValueError(f"The heuristic {name!r} has no parameter {parameter!r}; {hint}")
    return family(place, **parameters)
