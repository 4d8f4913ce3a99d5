"""What nobody can be, for scale: the clairvoyant search and the bound of the shipped headroom table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.world import World
from mei_gym.oracle.results import place_of, shipped, tuned_place_of

UNREACHABLE = {"clairvoyant": "a search that sees the future", "bound": "the bound"}
SAME = 1e-5  # a shipped reward and one played here that differ by more were not made by the same rules


class Scale(NamedTuple):
    """Rewards out of reach on the first episodes of a comparison, and the best policy's reward there."""

    episodes: int
    best: str
    reward: float
    unreachable: dict[str, float]

    def sentence(self) -> str:
        """In words."""
        values = ", ".join(f"{UNREACHABLE[name]} {value:.3f}" for name, value in self.unreachable.items())
        here = f"on the first {self.episodes} of these episodes: {self.best} {self.reward:.3f}"
        return f"For scale, {here}; out of reach, {values}."


def scale_of(world: World, first: int, scores: Mapping[str, np.ndarray]) -> Scale | None:
    """The scale for scores [run, episode] by policy; None where no table of the present rules is shipped."""
    table, about = (place(world.environment, world.scenario) for place in (csv_place, tuned_place_of))
    if world.overrides or not (table.is_file() and about.is_file()):
        return None
    begins, ends = json.loads(about.read_text("utf-8"))["provenance"]["test_seeds"]
    episodes = ends - begins + 1
    if begins != first or episodes > next(iter(scores.values())).shape[1]:
        return None
    rewards = {row["policy"]: row["reward"] for row in shipped(world.environment, world.scenario)}
    here = {name: float(each[:, :episodes].mean()) for name, each in scores.items()}
    common = [name for name in here if name in rewards]
    if not common or any(abs(here[name] - rewards[name]) > SAME for name in common):
        return None
    best = max(here, key=here.__getitem__)
    return Scale(episodes, best, here[best], {name: rewards[name] for name in UNREACHABLE if name in rewards})


def csv_place(environment: str, scenario: str) -> Path:
    """Where the shipped table of a scenario is."""
    return place_of(environment, scenario, "csv")
