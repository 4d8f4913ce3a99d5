"""The best static and the best table of ModelDelivery, chosen on validation seeds."""

from __future__ import annotations

from mei_gym.envs.model_delivery.modes import MODE_NAMES
from mei_gym.heuristics import make
from mei_gym.heuristics.model_delivery.table import CELLS, WAITING
from mei_gym.heuristics.policy import Policy
from mei_gym.oracle.progress import Say
from mei_gym.oracle.tuning import SWEEPS, Trials


def choices(trials: Trials) -> list[tuple[str, float]]:
    """Every mode with every choice of bits."""
    return [(mode, float(bits)) for mode in MODE_NAMES for bits in trials.world.params.library_bits]


def best_static(trials: Trials, say: Say) -> Policy:
    """The best mode and bits for everything, over all of them."""
    best = trials.best("static", [{"mode": mode, "bits": bits} for mode, bits in choices(trials)])
    say(f"best static: {best['mode']} at {best['bits']:g} bits, {trials.reward('static', best):.4f}")
    return make("static", trials.world, **best)


def best_table(trials: Trials, static: Policy, say: Say) -> Policy:
    """The best table that coordinate ascent over its cells finds from the best static."""
    start = static.parameters["mode"], static.parameters["bits"]
    table = {"choices": dict.fromkeys(CELLS, start)}
    every = [*choices(trials), (WAITING, start[1])]
    for sweep in range(SWEEPS):
        before = dict(table["choices"])
        for cell in CELLS:
            options = [table["choices"][cell], *every]
            table = trials.best("table", [{"choices": {**table["choices"], cell: option}} for option in options])
        say(f"best table, sweep {sweep + 1}: {trials.reward('table', table):.4f}")
        if table["choices"] == before:
            break
    return make("table", trials.world, **table)
