"""Choosing on validation seeds what is then measured on test seeds: a static, a table, heuristics' parameters.

Every trial runs on the same episodes (common random numbers), so that small differences count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import families, make
from mei_gym.heuristics.policy import Policy, World
from mei_gym.oracle.episodes import run, world_digest
from mei_gym.oracle.family import Grid
from mei_gym.oracle.ledger import Ledger, question
from mei_gym.oracle.progress import Say

SWEEPS = 4  # chosen: coordinate ascent over all cells or parameters; ends earlier where nothing changes


class Ground(NamedTuple):
    """Where trials of a family run: its world, the world's digest, and lanes in it."""

    world: World
    digest: str
    lanes: Lanes


class Trials:
    """Mean rewards on fixed episodes, each choice tried once and noted in the ledger."""

    def __init__(self, world: World, seeds: Sequence[int], steps: int, ledger: Ledger) -> None:
        self.world, self.seeds, self.steps, self.ledger = world, seeds, steps, ledger
        self.grounds: dict[str, Ground] = {}

    def ground(self, name: str) -> Ground:
        """Where a family is tried; families that override the same values share the ground."""
        overrides = families(self.world.task)[name].overrides
        if repr(overrides) not in self.grounds:
            world = self.world.under(overrides)
            lanes = Lanes(world.task, world.scenario, len(self.seeds))
            self.grounds[repr(overrides)] = Ground(world, world_digest(world), lanes)
        return self.grounds[repr(overrides)]

    def reward(self, name: str, parameters: dict[str, Any]) -> float:
        """The mean reward a step."""
        ground = self.ground(name)
        policy = make(name, ground.world, **parameters)
        key = question(ground.digest, self.seeds, self.steps, policy)
        if key not in self.ledger.answers:
            result = run(policy, self.seeds, self.steps, lanes=ground.lanes)
            self.ledger.add(key, [float(result.reward.mean())])
        return self.ledger.answers[key][0]

    def best(self, name: str, proposals: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """The proposal of the highest mean; of equals the first."""
        return max(proposals, key=lambda parameters: self.reward(name, parameters))


def tuned(trials: Trials, name: str, grid: Grid, say: Say) -> Policy:
    """A heuristic with the best parameters that coordinate ascent over their grid finds."""
    parameters = dict(make(name, trials.world).parameters)
    for _ in range(SWEEPS):
        before = dict(parameters)
        for parameter, values in grid.items():
            options = [parameters[parameter], *values]
            parameters = trials.best(name, [{**parameters, parameter: value} for value in options])
        say(f"{name} tuned: {trials.reward(name, parameters):.4f} with {parameters}")
        if parameters == before:
            break
    return make(name, trials.world, **parameters)
