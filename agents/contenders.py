"""Who is compared: heuristics by name, and trained runs, those of one algorithm together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import mei_gym.heuristics
from agents.episodes import Summary, play
from agents.experiment import CONFIGS, nearest
from agents.storage import read_json
from agents.world import World

HEURISTIC, LEARNED = "heuristic", "learned"
TUNED = CONFIGS / "heuristics"  # parameters that `python -m agents.tune` found on validation seeds
EMPTY = ("static", "table")  # families that say nothing without parameters


class Contender(NamedTuple):
    """A policy of a comparison: one object, or one for each training run."""

    name: str
    kind: str
    policies: tuple[Any, ...]
    runs: tuple[str, ...] = ("",)
    deterministic: bool = True


class Result(NamedTuple):
    """A contender's episodes, run by run."""

    name: str
    kind: str
    runs: tuple[str, ...]
    summaries: tuple[Summary, ...]


def tuned_file(world: World) -> Path:
    """Where the tuned parameters of a world's heuristics are."""
    task = mei_gym.heuristics.world(world.environment, world.scenario).task
    return TUNED / task.module.rpartition(".")[2] / f"{Path(world.scenario).stem}.json"


def tuned(world: World) -> dict[str, dict[str, Any]]:
    """name -> {family, parameters} of the heuristics that were tuned for a world; none where nobody has."""
    path = tuned_file(world)
    return read_json(path)["heuristics"] if path.is_file() and not world.overrides else {}


def heuristic_names(world: World) -> list[str]:
    """Every heuristic that can be compared in a world: as published, then tuned."""
    published = [name for name in mei_gym.heuristics.names(world.environment) if name not in EMPTY]
    return published + [name for name in tuned(world) if name not in published]


def heuristics(world: World, names: str | Iterable[str] = "all") -> list[Contender]:
    """The named heuristics of a world; "all": every one that there is."""
    known = heuristic_names(world)
    better = tuned(world)
    place = mei_gym.heuristics.world(world.environment, world.scenario, **world.overrides)
    chosen = []
    for name in known if names == "all" else names:
        if name not in known:
            raise ValueError(f"There is no heuristic {name!r}; {nearest(name, known)}")
        family, parameters = better[name].values() if name in better else (name, {})
        chosen.append(Contender(name, HEURISTIC, (mei_gym.heuristics.make(family, place, **parameters),)))
    return chosen


def played(contenders: Iterable[Contender], world: World, seeds: Sequence[int], say: Any = lambda line: None) -> list[Result]:
    """Every contender on the same seeds."""
    results = []
    for contender in contenders:
        summaries = tuple(play(each, world, seeds, contender.deterministic) for each in contender.policies)
        results.append(Result(contender.name, contender.kind, contender.runs, summaries))
        score = sum(float(each.score.mean()) for each in summaries) / len(summaries)
        say(f"{contender.name}: {score:.4f} a request")
    return results
