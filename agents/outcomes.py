"""What an evaluation leaves in a folder: every policy's episodes, and the comparison made of them.

results.json       episodes of every policy: scores, parts, measures, spreads, decisions
comparison.json    means, IQMs, intervals, pairs      comparison.csv, pairs.csv, comparison.md: the same
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.contenders import Result
from agents.episodes import from_plain
from agents.provenance import provenance
from agents.reports.comparison import Comparison, compare, pairs_to_csv, to_csv, to_json, to_markdown
from agents.storage import read_json, write, write_json
from agents.world import World


def write_outcomes(folder: Path, results: Sequence[Result], world: World) -> Comparison:
    """Compare, and write all files."""
    comparison = compare(results, world)
    plain = [result._asdict() | {"summaries": [each.plain() for each in result.summaries]} for result in results]
    about = {"environment": world.environment, "scenario": world.scenario, "overrides": world.overrides}
    write_json(folder / "results.json", {"schema": 2, "world": about, "provenance": provenance(), "results": plain})
    write_json(folder / "comparison.json", to_json(comparison))
    write(folder / "comparison.csv", to_csv(comparison))
    write(folder / "pairs.csv", pairs_to_csv(comparison))
    write(folder / "comparison.md", to_markdown(comparison))
    return comparison


def read_outcomes(folder: Path) -> tuple[World, list[Result]]:
    """World and results of a folder that `write_outcomes` filled."""
    path = folder / "results.json"
    if not path.is_file():
        raise ValueError(f"There is no {path}; run python -m agents.evaluate first.")
    values: dict[str, Any] = read_json(path)
    results = [
        Result(
            each["name"], each["kind"], tuple(each["runs"]), tuple(map(from_plain, each["summaries"])), each["steps"]
        )
        for each in values["results"]
    ]
    return World(**values["world"]), results
