"""The best static choice and the best table of EdgeCaching, chosen on validation seeds."""

from __future__ import annotations

from typing import Any

from mei_gym.heuristics import make
from mei_gym.heuristics.edge_caching.table import RANKS
from mei_gym.heuristics.policy import Policy
from mei_gym.oracle import tuning
from mei_gym.oracle.progress import Say
from mei_gym.oracle.tuning import Trials


def best_static(trials: Trials, say: Say) -> Policy:
    """The best precision for the first so many rows."""
    bits = [int(each) for each in trials.world.params.library_bits]
    every = [{"models": models, "bits": each} for models in RANKS for each in bits]
    best = trials.best("static", every)
    say(f"best static: the first {best['models']} at {best['bits']} bits, {trials.reward('static', best):.4f}")
    return make("static", trials.world, **best)


def best_table(trials: Trials, static: Policy, say: Say) -> Policy:
    """The best table that coordinate ascent over its cells finds, from the best static."""
    known = [int(each) for each in trials.world.params.library_bits]
    wished = static.parameters["bits"]
    table: dict[str, Any] = {"bits": tuple(wished if rank <= static.parameters["models"] else 0 for rank in RANKS)}
    for sweep in range(tuning.SWEEPS):
        before = table["bits"]
        for cell in range(len(RANKS)):
            options = [table["bits"][:cell] + (bits,) + table["bits"][cell + 1 :] for bits in (0, *known)]
            table = trials.best("table", [table, *({"bits": option} for option in options)])
        say(f"best table, sweep {sweep + 1}: {trials.reward('table', table):.4f}")
        if table["bits"] == before:
            break
    return make("table", trials.world, **table)
