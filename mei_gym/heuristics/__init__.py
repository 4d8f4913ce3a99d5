"""Policies that nobody trained: by name, for an environment under a scenario.

For example `make("neurosurgeon", "mei/SplitInference-v0", "default").predict(observation)`.
"""

from __future__ import annotations

import json
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mei_gym.floors import name_of, on_floor, package_of

if TYPE_CHECKING:
    from mei_gym.heuristics.policy import Policy, World

__all__ = ["families", "make", "names", "tuned", "world"]


def world(task_or_id: Any, scenario: Any = "default", **overrides: Any) -> World:
    """An environment (an id or its Task) under a scenario (a name, a YAML path or a resolved one)."""
    from mei_gym.heuristics.policy import world_of

    action_form, fixed = "joint", {}
    if isinstance(task_or_id, str):
        task, action_form = registered(task_or_id)
        fixed = fixed_values(task_or_id)
    else:
        task = task_or_id
    resolved = task.resolve(scenario, {**fixed, **overrides}) if isinstance(scenario, str) else scenario
    return world_of(task, resolved, action_form)


def registered(id: str) -> tuple[Any, str]:
    """The Task and the action form of a registered id."""
    import gymnasium

    import mei_gym  # noqa: F401 (registers the ids)
    from mei_gym.scenarios.resolve import nearest

    spec = gymnasium.registry.get(id)
    if spec is None or "task" not in spec.kwargs:
        known = [name for name, each in gymnasium.registry.items() if "task" in each.kwargs]
        raise ValueError(f"There is no environment {id!r}; {nearest(id, known)}")
    return import_module(spec.kwargs["task"]).TASK, spec.kwargs.get("action_form", "joint")


def fixed_values(id: str) -> dict[str, Any]:
    """The scenario values that a registered id fixes, such as the eviction of mei/EdgeCachingEviction-v0."""
    import gymnasium

    return {name: value for name, value in gymnasium.spec(id).kwargs.items() if name not in ("task", "action_form")}


def families(task: Any) -> dict[str, type[Policy]]:
    """The heuristics of a Task, by name."""
    return {family.name: family for family in import_module(on_floor(task.module, "heuristics")).FAMILIES}


def tuned(task: Any, scenario: str) -> dict[str, dict[str, Any]]:
    """What was chosen on validation seeds for a scenario that ships: by name, a heuristic and its parameters."""
    path = tuned_place(task, scenario)
    if not path.is_file():
        return {}
    found = json.loads(path.read_text("utf-8"))
    return {name: each for name, each in found.items() if "heuristic" in each}


def tuned_place(task: Any, scenario: str) -> Path:
    """Where the settings lie that were tuned for a scenario: in the package that the environment is of."""
    package = Path(str(resources.files(package_of(task.module))))
    return package / "heuristics" / name_of(task.module) / "tuned" / f"{scenario}.json"


def names(task_or_id: Any, scenario: str | None = None) -> list[str]:
    """The names of an environment's heuristics; with a scenario, those that were tuned for it too."""
    task = registered(task_or_id)[0] if isinstance(task_or_id, str) else task_or_id
    return [*families(task), *(tuned(task, scenario) if scenario is not None else ())]


def make(name: str, task_or_id: Any, scenario: Any = "default", **parameters: Any) -> Policy:
    """A heuristic for an environment (an id, a Task or a `world`) under a scenario.

    Names are those of `names`: families, whose parameters can be given, and what was tuned for the scenario:
    best_static, best_table and families with `_tuned` behind their names. A family that overrides values of the
    scenario gets the world with these values.

    Raises:
        ValueError: an unknown name or parameter, with the nearest right one; a value out of range.
    """
    from mei_gym.heuristics.policy import World
    from mei_gym.scenarios.resolve import nearest

    place = task_or_id if isinstance(task_or_id, World) else world(task_or_id, scenario)
    known = families(place.task)
    if name in known:
        family = known[name]
        for parameter in parameters:
            if parameter not in family.defaults:
                hint = nearest(parameter, family.defaults) if family.defaults else "it has none."
                raise ValueError(f"The heuristic {name!r} has no parameter {parameter!r}; {hint}")
        return family(place.under(family.overrides), **parameters)
    chosen = tuned(place.task, place.scenario.name)
    if name not in chosen:
        raise ValueError(f"There is no heuristic {name!r}; {nearest(name, [*known, *chosen])}")
    if parameters:
        family = chosen[name]["heuristic"]
        raise ValueError(f"{name!r} has its parameters from tuning; give them to {family!r} instead.")
    policy = make(chosen[name]["heuristic"], place, **chosen[name]["parameters"])
    policy.name = name
    return policy
