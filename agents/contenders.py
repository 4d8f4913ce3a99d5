"""Who is compared: heuristics by name, and trained runs, those of one algorithm together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import mei_gym.heuristics
from agents.episodes import Summary, play
from agents.experiment import nearest
from agents.measures import description_of
from agents.world import World

HEURISTIC, LEARNED = "heuristic", "learned"


class Contender(NamedTuple):
    """A policy of a comparison: one object, or one for each training run."""

    name: str
    kind: str
    policies: tuple[Any, ...]
    runs: tuple[str, ...] = ("",)
    deterministic: bool = True
    steps: int = 0  # training steps of each run


class Result(NamedTuple):
    """A contender's episodes, run by run."""

    name: str
    kind: str
    runs: tuple[str, ...]
    summaries: tuple[Summary, ...]
    steps: int = 0


def tuned_names(world: World) -> list[str]:
    """The heuristics that were tuned on validation seeds for a world, the best static choice and table among them."""
    return list(mei_gym.heuristics.tuned(world.task, world.scenario))


def heuristic_names(world: World) -> list[str]:
    """Every heuristic that can be compared in a world: as published, then as tuned on validation seeds."""
    tuned_for = None if world.overrides else world.scenario
    names = mei_gym.heuristics.names(world.environment, tuned_for)
    return [name for name in names if name not in description_of(world.environment).only_tuned]


def heuristics(world: World, names: str | Iterable[str] = "all") -> list[Contender]:
    """The named heuristics of a world; "all": every one that there is."""
    known = heuristic_names(world)
    place = mei_gym.heuristics.world(world.environment, world.scenario, **world.overrides)
    chosen = []
    for name in known if names == "all" else names:
        if name not in known:
            raise ValueError(f"There is no heuristic {name!r}; {nearest(name, known)}")
        chosen.append(Contender(name, HEURISTIC, (mei_gym.heuristics.make(name, place),)))
    return chosen


def played(
    contenders: Iterable[Contender], world: World, seeds: Sequence[int], say: Any = lambda line: None
) -> list[Result]:
    """Every contender on the same seeds, each policy in its own world if it has one."""
    results = []
    for contender in contenders:
        summaries = tuple(play(each, world.of(each), seeds, contender.deterministic) for each in contender.policies)
        results.append(Result(contender.name, contender.kind, contender.runs, summaries, contender.steps))
        score = sum(float(each.score.mean()) for each in summaries) / len(summaries)
        say(f"{contender.name}: {score:.4f} a {world.task.step_word}")
    return results
