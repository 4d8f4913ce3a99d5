"""What there is to make: the registered ids, a line about each, and their scenarios.

Nothing here imports an environment, so that a list of them costs no compiler: the line is the first of the
environment's page, read from its source, and a scenario is a file `scenarios/<environment>/<name>.yaml`.
"""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from mei_gym.floors import on_floor

DEFAULT = "default"  # the scenario of `gymnasium.make(id)`


class Entry(NamedTuple):
    """An id, what it is about in one line, and the names of its scenarios."""

    id: str
    summary: str
    scenarios: tuple[str, ...]


def ids() -> list[str]:
    """Every registered id of the suite, and of whoever registered theirs as the suite does."""
    import gymnasium

    import mei_gym  # noqa: F401 (registers the ids)

    return sorted(id for id, spec in gymnasium.registry.items() if "task" in spec.kwargs)


def entries() -> list[Entry]:
    """Every id with its line and its scenarios."""
    return [Entry(id, summary(id), scenarios(id)) for id in ids()]


def task_of(id: str) -> str:
    """The module that holds an id's rules: "mei_gym.envs.split_inference" for "mei/SplitInference-v0"."""
    import gymnasium

    return gymnasium.spec(id).kwargs["task"]


def scenarios(id: str) -> tuple[str, ...]:
    """Names of the scenarios that ship with an id, the default one first."""
    folder = source_of(on_floor(task_of(id), "scenarios")).parent
    names = {path.stem for path in folder.glob("*.yaml")}
    return tuple(sorted(names, key=lambda name: (name != DEFAULT, name)))


def summary(id: str) -> str:
    """The first line of an environment's page."""
    text = source_of(task_of(id)).read_text("utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def source_of(module: str) -> Path:
    """The file of a module, which is not imported."""
    found = find_spec(module)
    if found is None or found.origin is None:
        raise ValueError(f"There is no module {module}; an environment's parts have one name on each floor.")
    return Path(found.origin)


def known_id(id: str) -> str:
    """The id itself, if it is registered."""
    return known("environment", id, ids())


def known_scenario(id: str, scenario: str) -> str:
    """The scenario's name itself, if the id has it."""
    return known(f"scenario of {id}", scenario, list(scenarios(id)))


def known(kind: str, name: str, names: list[str]) -> str:
    """The name itself if it is one of `names`.

    Raises:
        ValueError: with the nearest right name.
    """
    if name in names:
        return name
    from mei_gym.profiles.load import nearest

    raise ValueError(f"no {kind} is named {name!r}{nearest(name, names)}")
