"""Train an agent, compare it with the heuristics of the field, and write a report.

    python -m agents.train configs/experiments/split_inference.yaml
    python -m agents.train configs/experiments/split_inference.yaml --set algorithm=ppo --set steps=3e6 --seed 1
    python -m agents.train configs/experiments/split_inference.yaml --resume

Writes runs/<name>/; a killed run goes on with --resume and ends with the same weights as one that was never stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.command import answer


def main(arguments: Sequence[str]) -> int:
    """Train, compare, report."""
    parser = argparse.ArgumentParser(prog="agents.train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "config",
        type=Path,
        metavar="CONFIG",
        help="an experiment, for example configs/experiments/split_inference.yaml",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a value: a.b=value")
    parser.add_argument("--seed", type=int, help="the training seed (default: the experiment's)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run of this name from its last checkpoint"
    )
    parser.add_argument("--name", help="of the run's folder (default: the experiment's, and its seed if it is not 0)")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where run folders are (default: runs)")
    parser.add_argument(
        "--only-train", action="store_true", help="leave comparison and report to agents.evaluate and agents.report"
    )
    chosen = parser.parse_args(arguments)

    from agents.experiment import load

    settings = [*chosen.set, *([] if chosen.seed is None else [f"seed={chosen.seed}"])]
    experiment = load(chosen.config, settings)
    name = chosen.name or experiment.name + (f"_seed{experiment.seed}" if experiment.seed else "")
    if Path(name).name != name or name.startswith("."):
        raise ValueError(f"The name of the run is {name!r}; a plain folder name is accepted.")

    from agents.learners.training import prepared_folder, train

    folder = prepared_folder(chosen.out, name, experiment, chosen.resume)
    finished = train(experiment, folder, chosen.resume)
    if not chosen.only_train:
        from agents.learners.training import conclude

        conclude(finished)
    return 0


if __name__ == "__main__":
    raise SystemExit(answer(main, "agents.train", "stopped; --resume goes on from the last checkpoint"))
