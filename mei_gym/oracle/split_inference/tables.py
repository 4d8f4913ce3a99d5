"""The best static choice and the best table of SplitInference, chosen on validation seeds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mei_gym.heuristics import make
from mei_gym.heuristics.policy import Policy
from mei_gym.heuristics.split_inference.table import cells
from mei_gym.oracle import tuning
from mei_gym.oracle.progress import Say
from mei_gym.oracle.tuning import Trials

Choice = tuple[int, int]  # cut, bits
COARSE = (0, 0.03125, 0.0625, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.96875, 1)  # shares of the layers


def choices(depth: int, cuts: Iterable[int], bits: Iterable[int]) -> list[Choice]:
    """Every cut with every choice of bits that means something there."""
    every = tuple(bits)
    return [(cut, each) for cut in sorted(set(cuts)) for each in (every if 0 < cut < depth else every[:1])]


def best_static(trials: Trials, say: Say) -> Policy:
    """The best (cut, bits) for everybody, over all of them."""
    depth, bits = trials.world.factors[0] - 1, [int(each) for each in trials.world.params.bits_choices]
    every = [{"cut": cut, "bits": each} for cut, each in choices(depth, range(depth + 1), bits)]
    best = trials.best("static", every)
    say(f"best static: cut {best['cut']} at {best['bits']} bits, {trials.reward('static', best):.4f}")
    return make("static", trials.world, **best)


def best_table(trials: Trials, static: Policy, say: Say) -> Policy:
    """The best table that coordinate ascent over its cells finds: a coarse grid of cuts, then their neighbours.

    It begins twice, with the best static and with everything at the edge, and keeps the better end.
    """
    start = static.parameters["cut"], static.parameters["bits"]
    ends = [ascended(trials, first, say) for first in dict.fromkeys((start, (0, start[1])))]
    return make("table", trials.world, **trials.best("table", ends))


def ascended(trials: Trials, start: Choice, say: Say) -> dict[str, Any]:
    """One ascent from a table that holds the same choice everywhere."""
    depth, bits = trials.world.factors[0] - 1, [int(each) for each in trials.world.params.bits_choices]
    table = {"choices": dict.fromkeys(cells(trials.world), start)}
    coarse = [round(share * depth) for share in COARSE]
    for sweep in range(tuning.SWEEPS):
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
