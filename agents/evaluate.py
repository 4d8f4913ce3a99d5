"""Compare policies, learned and heuristic, on common test seeds.

    python -m agents.evaluate runs/split_inference                      the run's best model and every heuristic
    python -m agents.evaluate runs/ppo_0 runs/ppo_1 runs/dqn_0 --episodes 64 --out runs/comparison
    python -m agents.evaluate configs/experiments/split_inference.yaml --policies neurosurgeon,edge_only

Runs of one algorithm count as training seeds of one policy. A config instead of a run compares heuristics only.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.command import answer


def main(arguments: Sequence[str]) -> int:
    """Play, compare, print, write."""
    parser = argparse.ArgumentParser(prog="agents.evaluate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "sources", nargs="+", type=Path, metavar="CONFIG-or-RUN", help="an experiment's YAML file, or folders of runs"
    )
    parser.add_argument("--policies", help="names separated by commas: heuristics, and 'learned' (default: all)")
    parser.add_argument("--episodes", type=int, help="test episodes of each policy (default: as the experiment says)")
    parser.add_argument("--out", type=Path, help="folder to write to (default: RUN/test, or runs/comparison)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of the CONFIG")
    chosen = parser.parse_args(arguments)

    from rich.console import Console

    from agents.contenders import heuristics, played
    from agents.experiment import load
    from agents.outcomes import write_outcomes
    from agents.reports.comparison import show
    from agents.runs import common_world, contenders, is_run, read_run
    from agents.seeds import test_seeds
    from agents.world import world_of

    configs = [path for path in chosen.sources if path.suffix in (".yaml", ".yml")]
    runs = [read_run(path) for path in chosen.sources if path not in configs]
    if len(configs) > 1 or (configs and runs):
        raise ValueError(f"{len(configs)} configs and {len(runs)} runs were given; one config, or runs, are accepted.")
    if chosen.set and not configs:
        raise ValueError("--set changes a config; a run's experiment is as it was trained.")
    experiment = load(configs[0], chosen.set) if configs else runs[0].experiment
    world = common_world(runs) if runs else world_of(experiment)

    names = [name.strip() for name in chosen.policies.split(",")] if chosen.policies else None
    wanted = experiment.evaluation.heuristics if names is None else [name for name in names if name != "learned"]
    learned = contenders(runs) if names is None or "learned" in names else []
    episodes = experiment.evaluation.test_episodes if chosen.episodes is None else chosen.episodes
    seeds = test_seeds(episodes)
    console = Console(highlight=False)
    console.print(f"{world.label()}: {episodes} test episodes of every policy, on the same seeds")
    policies = [*learned, *heuristics(world, wanted)]
    if not policies:
        raise ValueError("There is no policy to play: a config has heuristics only, and --policies names none of them.")
    results = played(policies, world, seeds, lambda line: console.print(f"  {line}"))
    single = chosen.sources[0] / "test" if len(chosen.sources) == 1 and is_run(chosen.sources[0]) else None
    folder = chosen.out or single or Path("runs/comparison")
    show(write_outcomes(folder, results, world))
    console.print(f"Written: {folder}/comparison.md, .csv, .json, pairs.csv and results.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(answer(main, "agents.evaluate"))
