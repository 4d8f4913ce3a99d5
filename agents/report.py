"""Draw the pictures of runs and write them into one self-contained page.

    python -m agents.report runs/split_inference
    python -m agents.report runs/ppo_* runs/dqn_* --results runs/comparison --out runs/comparison

Needs the results that agents.evaluate (or the end of agents.train) wrote.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.command import answer


def main(arguments: Sequence[str]) -> int:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(prog="agents.report", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folders of runs of one world")
    parser.add_argument(
        "--results", type=Path, help="folder that agents.evaluate wrote (default: RUN/test, or runs/comparison)"
    )
    parser.add_argument("--out", type=Path, help="folder to write to (default: the run's, or that of the results)")
    chosen = parser.parse_args(arguments)

    from agents.outcomes import read_outcomes
    from agents.reports.page import write_report
    from agents.runs import common_world, curves, read_run

    runs = [read_run(path) for path in chosen.runs]
    world = common_world(runs)
    source = chosen.results or (chosen.runs[0] / "test" if len(runs) == 1 else Path("runs/comparison"))
    evaluated, results = read_outcomes(source)
    if evaluated != world:
        raise ValueError(f"The results in {source} are of {evaluated.label()}; the runs are of {world.label()}.")
    folder = chosen.out or (chosen.runs[0] if len(runs) == 1 else source)
    page = write_report(folder, world, results, *curves(runs), [run.experiment for run in runs])
    print(f"Written: {page} and {folder}/pictures/")
    return 0


if __name__ == "__main__":
    raise SystemExit(answer(main, "agents.report"))
