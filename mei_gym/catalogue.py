"""What there is to make: the registered ids, a line about each, and their scenarios.

Nothing here imports an environment, so that a list of them costs no compiler: the line is the first of the
environment's page, read from its source, and a scenario is a file `scenarios/<environment>/<name>.yaml`.
"""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from typing import NamedTuple

NAMESPACE = "mei"
DEFAULT = "default"  # the scenario of `gymnasium.make(id)`


class Entry(NamedTuple):
    """An id, what it is about in one line, and the names of its scenarios."""

    id: str
    summary: str
    scenarios: tuple[str, ...]


def ids() -> list[str]:
    """Every registered id of the suite."""
    import gymnasium

    import mei_gym  # noqa: F401 (registers the ids)

    return sorted(id for id, spec in gymnasium.registry.items() if spec.namespace == NAMESPACE)


def entries() -> list[Entry]:
    """Every id with its line and its scenarios."""
    return [Entry(id, summary(id), scenarios(id)) for id in ids()]


def environment(id: str) -> str:
    """The folder name of an id's environment: "split_inference" for "mei/SplitInference-v0"."""
    name = id.split("/")[-1].rsplit("-v", 1)[0]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def scenarios(id: str) -> tuple[str, ...]:
    """Names of the scenarios that ship with an id, the default one first."""
    folder = files("mei_gym") / "scenarios" / environment(id)
    if not folder.is_dir():
        return ()
    names = {path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml")}
    return tuple(sorted(names, key=lambda name: (name != DEFAULT, name)))


def summary(id: str) -> str:
    """The first sentence of an environment's page."""
    place = files("mei_gym") / "envs"
    candidates = (place / f"{environment(id)}.py", place / environment(id) / "__init__.py")
    source = next((path for path in candidates if path.is_file()), None)
    page = ast.get_docstring(ast.parse(source.read_text("utf-8"))) if source is not None else None
    return (page or "").partition("\n")[0]


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
