"""The headroom tables that ship with the package: CSV and Markdown, and the tuned settings that heuristics read."""

from __future__ import annotations

import csv
import io
import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

from mei_gym.floors import name_of, package_of
from mei_gym.heuristics import registered, tuned_place
from mei_gym.oracle.family import family_of
from mei_gym.oracle.headroom import Headroom

COLUMNS = ("policy", "reward", "low", "high", "normalised")  # then the reward's parts, then settings


def place_of(id: str, scenario: str, ending: str) -> Path:
    """Where a table lies: in the package that the environment is of."""
    module = registered(id)[0].module
    package = Path(str(resources.files(package_of(module))))
    return package / "oracle" / "results" / name_of(module) / f"{scenario}.{ending}"


def tuned_place_of(id: str, scenario: str) -> Path:
    """Where the settings lie that were tuned for a scenario."""
    return tuned_place(registered(id)[0], scenario)


def write(result: Headroom) -> list[Path]:
    """Write a table and its tuned settings into the package's folders; each file is whole or not there."""
    id, scenario = result.provenance["id"], result.provenance["scenario"]
    settings = {
        name: {"heuristic": policy.name, "parameters": policy.parameters} for name, policy in result.chosen.items()
    }
    texts = {
        place_of(id, scenario, "csv"): csv_text(result.rows),
        place_of(id, scenario, "md"): markdown(result),
        tuned_place_of(id, scenario): json.dumps({**settings, "provenance": result.provenance}, indent=1) + "\n",
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(path.suffix + ".part")
        draft.write_text(text, "utf-8")
        os.replace(draft, path)
    return list(texts)


def csv_text(rows: list[dict[str, Any]]) -> str:
    """The rows as CSV, numbers to six places."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"{value:.6f}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()


def markdown(result: Headroom) -> str:
    """The rows as a Markdown table under a sentence of how they came about."""
    about = result.provenance
    task = registered(about["id"])[0]
    step, ideal = task.step_word, family_of(task).bound_in_words
    tests = about["test_seeds"][1] - about["test_seeds"][0] + 1
    validations = about["validation_seeds"][1] - about["validation_seeds"][0] + 1
    columns = list(result.rows[0])
    lines = [
        f"Headroom of {about['id']}, {about['scenario']}: mean reward a {step} over {tests} test episodes of"
        f" {about[f'{step}s']} {step}s, 95 % bootstrap intervals; chosen on {validations} validation episodes."
        f" Each is an episode's return over {about[f'{step}s']}, also where the episode ends of itself before.",
        f"Nobody can be the last two rows: clairvoyant sees the future, bound is {ideal}.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("---" if name in ("policy", "settings") else "---:" for name in columns) + "|",
    ]
    for row in result.rows:
        lines.append("| " + " | ".join(map(cell, row.values())) + " |")
    return "\n".join(lines) + "\n"


def cell(value: Any) -> str:
    """A number to three places, nothing for None, text as it is."""
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)


def shipped(id: str, scenario: str) -> list[dict[str, Any]]:
    """The rows of a shipped table, numbers as numbers.

    Raises:
        FileNotFoundError: none was shipped for the scenario.
    """
    with place_of(id, scenario, "csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def read(name: str, value: str) -> Any:
        return value if name in ("policy", "settings") else float(value) if value else None

    return [{name: read(name, value) for name, value in row.items()} for row in rows]
