"""Tune the heuristics of a scenario on validation seeds, and write their parameters for every later comparison.

    python -m agents.tune mei/SplitInference-v0 default [--episodes 16]

Writes `configs/heuristics/<environment>/<scenario>.json`: the best static choice, the best table, and the heuristics
that have parameters. They are shown beside the heuristics as published.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from agents.command import answer


def main(arguments: Sequence[str]) -> int:
    """Tune, write, say where."""
    parser = argparse.ArgumentParser(prog="agents.tune", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", help="an id, for example mei/SplitInference-v0")
    parser.add_argument("scenario", nargs="?", default="default")
    parser.add_argument("--episodes", type=int, default=16, help="validation episodes of each trial (default: 16)")
    chosen = parser.parse_args(arguments)

    import mei_gym.heuristics
    from agents.contenders import tuned_file
    from agents.provenance import provenance
    from agents.seeds import validation_seeds
    from agents.storage import write_json
    from agents.world import World, episode_requests
    from mei_gym.catalogue import known_id, known_scenario
    from mei_gym.oracle.tuning import GRIDS, Trials, best_static, best_table, tuned

    known_scenario(known_id(chosen.environment), chosen.scenario)
    world = World(chosen.environment, chosen.scenario, {})
    seeds = validation_seeds(chosen.episodes)
    trials = Trials(mei_gym.heuristics.world(world.environment, world.scenario), seeds, episode_requests(world.environment))
    static = best_static(trials, print)
    found = {"best_static": static, "best_table": best_table(trials, (static.parameters["cut"], static.parameters["bits"]), print)}
    found |= {f"{name}_tuned": tuned(trials, name, print) for name in GRIDS}
    heuristics = {name: {"family": each.name, "parameters": each.parameters} for name, each in found.items()}
    path = tuned_file(world)
    about = {"validation_seeds": [seeds[0], len(seeds)], **provenance()}
    write_json(path, {"environment": world.environment, "scenario": world.scenario, "heuristics": heuristics, "provenance": about})
    print(f"Written: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(answer(main, "agents.tune"))
