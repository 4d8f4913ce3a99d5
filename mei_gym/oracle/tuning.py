"""Choosing on validation seeds what is then measured on test seeds: a static, a table, heuristics' parameters.

Every trial runs on the same episodes (common random numbers), so that small differences count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics import make
from mei_gym.heuristics.policy import Policy, World
from mei_gym.oracle.episodes import run, world_digest
from mei_gym.oracle.ledger import Ledger, question

Say = Callable[[str], None]
Choice = tuple[int, int]  # cut, bits
COARSE = (0, 0.03125, 0.0625, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.96875, 1)  # shares of the layers
SWEEPS = 4  # chosen: coordinate ascent over all cells or parameters; ends earlier where nothing changes

#: Values that a heuristic's parameters are tuned over, in the order of the ascent.
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "energy_aware": {"energy_scale": (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0)},
    "queue_aware": {
        "memory_toll": (0.0, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0),
        "air_toll": (0.0, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
        "server_toll": (0.0, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
        "energy_scale": (0.5, 0.7, 1.0, 1.2, 1.5, 2.0, 2.8, 4.0, 6.0),
    },
}


class Trials:
    """Mean rewards on fixed episodes, each choice tried once and noted in the ledger."""

    def __init__(self, world: World, seeds: Sequence[int], requests: int, ledger: Ledger) -> None:
        self.world, self.seeds, self.requests, self.ledger = world, seeds, requests, ledger
        self.lanes = Lanes(world.task, world.scenario, len(seeds))
        self.about = world_digest(world), seeds, requests

    def reward(self, name: str, parameters: dict[str, Any]) -> float:
        """The mean reward a request."""
        policy = make(name, self.world, **parameters)
        key = question(*self.about, policy)
        if key not in self.ledger.answers:
            result = run(policy, self.seeds, self.requests, lanes=self.lanes)
            self.ledger.add(key, [float(result.reward.mean())])
        return self.ledger.answers[key][0]

    def best(self, name: str, proposals: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """The proposal of the highest mean; of equals the first."""
        return max(proposals, key=lambda parameters: self.reward(name, parameters))


def choices(depth: int, cuts: Iterable[int], bits: Iterable[int]) -> list[Choice]:
    """Every cut with every choice of bits that means something there."""
    every = tuple(bits)
    return [(cut, each) for cut in sorted(set(cuts)) for each in (every if 0 < cut < depth else every[:1])]


def best_static(trials: Trials, say: Say = lambda line: None) -> Policy:
    """The best (cut, bits) for everybody, over all of them."""
    depth, bits = trials.world.factors[0] - 1, [int(each) for each in trials.world.params.bits_choices]
    every = [{"cut": cut, "bits": each} for cut, each in choices(depth, range(depth + 1), bits)]
    best = trials.best("static", every)
    say(f"best static: cut {best['cut']} at {best['bits']} bits, {trials.reward('static', best):.4f}")
    return make("static", trials.world, **best)


def best_table(trials: Trials, start: Choice, say: Say = lambda line: None) -> Policy:
    """The best table that coordinate ascent over its cells finds: a coarse grid of cuts, then their neighbours.

    It begins twice, with the best static and with everything at the edge, and keeps the better end.
    """
    ends = [ascended(trials, first, say) for first in dict.fromkeys((start, (0, start[1])))]
    return make("table", trials.world, **trials.best("table", ends))


def ascended(trials: Trials, start: Choice, say: Say) -> dict[str, Any]:
    """One ascent from a table that holds the same choice everywhere."""
    from mei_gym.heuristics.split_inference.table import cells

    depth, bits = trials.world.factors[0] - 1, [int(each) for each in trials.world.params.bits_choices]
    table = {"choices": dict.fromkeys(cells(trials.world), start)}
    coarse = [round(share * depth) for share in COARSE]
    for sweep in range(SWEEPS):
        before = dict(table["choices"])
        for cell in before:
            cut = table["choices"][cell][0]
            near = [min(depth, max(0, cut + step)) for step in (-4, -2, -1, 0, 1, 2, 4)]
            tried = choices(depth, coarse if sweep == 0 else near, bits)
            options = [table["choices"][cell], *tried]
            table = trials.best("table", [{"choices": {**table["choices"], cell: option}} for option in options])
        say(f"best table, sweep {sweep + 1}: {trials.reward('table', table):.4f}")
        if table["choices"] == before:
            break
    return table


def tuned(trials: Trials, name: str, say: Say = lambda line: None) -> Policy:
    """A heuristic with the best parameters that coordinate ascent over their grids finds."""
    parameters = dict(make(name, trials.world).parameters)
    for _ in range(SWEEPS):
        before = dict(parameters)
        for parameter, grid in GRIDS[name].items():
            options = [parameters[parameter], *grid]
            parameters = trials.best(name, [{**parameters, parameter: value} for value in options])
        say(f"{name} tuned: {trials.reward(name, parameters):.4f} with {parameters}")
        if parameters == before:
            break
    return make(name, trials.world, **parameters)
