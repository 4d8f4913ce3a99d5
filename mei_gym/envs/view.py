"""The page of an environment: what it is, what it shows, what it takes, and the world of a scenario, in plain text."""

from __future__ import annotations

import re
from importlib import import_module
from textwrap import wrap
from typing import Any

import gymnasium
from pydantic import BaseModel

from mei_gym.envs.lanes import Lanes
from mei_gym.envs.single import action_space
from mei_gym.envs.task import LINEAR, Field, Task
from mei_gym.scenarios.laws import in_words
from mei_gym.scenarios.resolve import files
from mei_gym.scenarios.schema import WorldScenario

WIDTH = 100


def task_of(id: str) -> Task:
    """The task behind a registered id."""
    return import_module(gymnasium.spec(id).kwargs["task"]).TASK


def page(id: str, scenario: str = "default", **overrides: Any) -> str:
    """The page of an id under a scenario, for a terminal of 100 columns."""
    task, fixed = task_of(id), dict(gymnasium.spec(id).kwargs)
    del fixed["task"]
    form = fixed.pop("action_form", "joint")
    lanes = Lanes(task, task.resolve(scenario, {**fixed, **overrides}), 1)
    docstring = (import_module(task.module).__doc__ or "").strip()
    space = action_space(lanes.factors, form)
    parts = [
        f"{id}\n{'=' * len(id)}\n\n{narrowed(docstring)}",
        f"Action space: {space}\nObservation space: Box(0, 1, ({len(task.fields)},), float32)",
        observation_table(task.fields),
        info_table(task),
        world(lanes.scenario),
        reasons(task, scenario),
    ]
    return "\n\n".join(parts) + "\n"


def narrowed(text: str) -> str:
    """Text for the terminal's width: paragraphs and lists flow anew, a table keeps its lines unless one is too long."""
    blocks = []
    for block in text.split("\n\n"):
        if block.startswith("*") and not any("  " in line.strip() for line in block.split("\n")):
            items = [" ".join(item.split()) for item in f"\n{block}".split("\n* ")[1:]]
            lines = [line for item in items for line in wrap(f"* {item}", WIDTH, subsequent_indent="  ")]
        elif any(line.startswith(" ") for line in block.split("\n")):
            lines = [part for line in block.split("\n") for part in hung(line)]
        else:
            lines = wrap(" ".join(block.split("\n")), WIDTH)
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def hung(line: str) -> list[str]:
    """A line of a table; where it is too long, the rest stands under its last column."""
    if len(line) <= WIDTH:
        return [line]
    return wrap(line, WIDTH, subsequent_indent=" " * min(line.rfind("  ") + 2, WIDTH // 2))


def heading(text: str) -> str:
    """A line under a title."""
    return f"{text}\n{'-' * len(text)}"


def observation_table(fields: tuple[Field, ...]) -> str:
    """Index, name, unit, range and scale of each number of an observation, with its meaning underneath."""
    lines = [
        heading("Observation"),
        *wrap(
            "Each number lies in [0, 1]. linear: (x - low) / (high - low); log: log(1 + x / grain) / log(1 + high /"
            " grain). Values beyond the range are shown at its end.",
            WIDTH,
        ),
        "",
        f"{'':>3} {'name':<24}{'unit':<9}{'range':<15}{'scale':<14}meaning",
    ]
    met: set[str] = set()  # meanings but for their numbers: those of like rows are said once
    for index, field in enumerate(fields):
        scale = "linear" if field.scale == LINEAR else f"log {field.grain:g}"
        first = f"{index:>3} {field.name:<24}{field.unit:<9}{f'{field.low:g} .. {field.high:g}':<15}{scale:<14}"
        shape = re.sub(r"\d+", "#", field.meaning)
        lines += [f"{first}likewise"] if shape in met else hanging(first, field.meaning)
        met.add(shape)
    return "\n".join(lines)


def hanging(first: str, text: str) -> list[str]:
    """A row whose last column wraps under itself; where there is no room beside it, underneath."""
    if text and len(first) > WIDTH // 2:
        under = " " * 47
        rows = wrap(first.rstrip(), WIDTH, subsequent_indent=under)
        return [*rows, *wrap(text, WIDTH, initial_indent=under, subsequent_indent=under)]
    pieces = wrap(text, WIDTH - len(first)) or [""]
    return [first + pieces[0], *(" " * len(first) + piece for piece in pieces[1:])]


def info_table(task: Task) -> str:
    """Names, units and meanings of the numbers in info."""
    rows = import_module(task.module).INFO
    lines = [heading("Info, at reset and step alike"), f"{'name':<20}{'unit':<8}meaning"]
    for name, unit, meaning in rows:
        lines += hanging(f"{name:<20}{unit:<8}", meaning)
    lines += hanging(f"{'action_mask':<20}{'bool':<8}", "which actions are feasible")
    return "\n".join(lines)


def world(scenario: WorldScenario) -> str:
    """Every value of a scenario with what it means; a nested part is indented."""
    drawn = {name: in_words(law) for name, law in scenario.drawn.items()}
    return "\n".join([heading(f"Scenario {scenario.name}"), *values(scenario, drawn)])


def reasons(task: Task, scenario: str) -> str:
    """The lines of a scenario's files that say where a value is from or why it was chosen."""
    folder = import_module(task.resolve.__module__).FOLDER
    lines = [heading("Sources and reasons of its values, as its files state them")]
    for path in files(folder, scenario):
        lines.append(f"{path.name}")
        above: list[tuple[int, str]] = []  # the keys that a line stands under, with their indents
        for line in path.read_text(encoding="utf-8").splitlines():
            value, _, reason = line.partition("#")
            if value.strip():
                indent = len(value) - len(value.lstrip())
                above = [(depth, key) for depth, key in above if depth < indent]
                whose = "".join(f"{key}." for _, key in above[-1:])
                above.append((indent, value.partition(":")[0].strip()))
                value = whose + value.strip()
            if reason:
                lines += hanging(f"  {value:<44} " if value else "  ", reason.strip())
    return "\n".join(lines)


def values(part: BaseModel, drawn: dict[str, str], above: str = "", depth: int = 0) -> list[str]:
    """The values of a part of a scenario, one a line; `drawn` has the laws of those that episodes draw, in words."""
    lines: list[str] = []
    for name, field in type(part).model_fields.items():
        if above or name != "drawn":
            lines += value_lines(above + name, getattr(part, name), field.description or "", drawn, depth)
    return lines


def value_lines(name: str, value: Any, description: str, drawn: dict[str, str], depth: int) -> list[str]:
    """One value, or the values inside it; `name` is dotted, its last part is shown."""
    indent, last = "  " * depth, name.rpartition(".")[2]
    if isinstance(value, BaseModel):
        return [f"{indent}{last}", *values(value, drawn, f"{name}.", depth + 1)]
    if isinstance(value, dict):
        inner = [
            line for key, each in value.items() for line in value_lines(f"{name}.{key}", each, "", drawn, depth + 1)
        ]
        return [*hanging(f"{indent}{last:<{max(1, 43 - len(indent))}} ", description), *inner]
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if name in drawn:
        shown += f"; each episode draws {drawn[name]}"
    first = f"{indent}{last:<{max(1, 26 - len(indent))}} "
    if not description:
        return hanging(first, shown)
    return hanging(f"{first}{shown:<16} ", description)
