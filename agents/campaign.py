"""Run a campaign: several experiments and scenarios, each with several training seeds, compared on common test seeds.

    python -m agents.campaign configs/campaigns/split_inference.yaml --scenario default --out runs/campaign

Runs that are finished are kept, killed ones go on, so the same command resumes a campaign. For each scenario it writes
the comparison of all policies and a report; `--results` copies what is worth keeping (tables, pictures, curves).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agents.command import answer

if TYPE_CHECKING:
    from agents.experiment import Experiment
    from agents.runs import Run


def main(arguments: Sequence[str]) -> int:
    """Train what is missing, compare, report."""
    parser = argparse.ArgumentParser(prog="agents.campaign", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "config", type=Path, metavar="CAMPAIGN", help="for example configs/campaigns/split_inference.yaml"
    )
    parser.add_argument("--scenario", action="append", help="only this scenario (may be given several times)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value of every experiment"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/campaign"), help="folder of the runs (default: runs/campaign)"
    )
    parser.add_argument("--results", type=Path, help="folder to copy tables, pictures and curves to")
    chosen = parser.parse_args(arguments)

    from agents.campaigns import load_campaign, matrix

    campaign = load_campaign(chosen.config)
    for scenario in chosen.scenario or campaign.scenarios:
        runs = [
            trained(experiment, chosen.out / scenario, name)
            for name, experiment in matrix(campaign, chosen.config, scenario, chosen.set)
        ]
        conclude(runs, chosen.out / scenario, chosen.results and chosen.results / scenario)
    return 0


def trained(experiment: Experiment, out: Path, name: str) -> Run:
    """The run, trained to its end."""
    from agents.learners.training import prepared_folder, train
    from agents.runs import Run, is_run

    folder = out / name
    resume = is_run(folder)
    if resume and (folder / "last_model.zip").is_file():
        prepared_folder(out, name, experiment, resume, note=False)
        print(f"{folder} is finished.")
        return Run(folder, experiment)
    return train(experiment, prepared_folder(out, name, experiment, resume), resume, levels={})


def conclude(runs: list[Run], out: Path, results_folder: Path | None) -> None:
    """Compare all runs of a scenario with the heuristics, and write the report."""
    import shutil

    from agents.contenders import heuristics, played, tuned_names
    from agents.learners.training import console
    from agents.outcomes import write_outcomes
    from agents.reports.comparison import show
    from agents.reports.page import write_report
    from agents.runs import common_world, contenders, curves
    from agents.seeds import test_seeds, validation_seeds
    from agents.storage import write, write_json

    world, evaluation = common_world(runs), runs[0].experiment.evaluation
    if not tuned_names(world) and not world.overrides:
        raise ValueError(f"No heuristic was tuned for {world.label()}; run mei-gym headroom first, the runs are kept.")
    rivals = heuristics(world, evaluation.heuristics)
    console.print(f"{world.label()}: every policy on {evaluation.test_episodes} test episodes")
    seeds = test_seeds(evaluation.test_episodes)
    results = played([*contenders(runs), *rivals], world, seeds, lambda line: console.print(f"  {line}"))
    show(write_outcomes(out, results, world))
    validated = played(rivals, world, validation_seeds(evaluation.validation_episodes))
    levels = {each.name: float(each.summaries[0].score.mean()) for each in validated}
    lines, _ = curves(runs)
    write_report(out, world, results, lines, levels, [run.experiment for run in runs])
    learning = [
        {"policy": line.name, "steps": steps.tolist(), "scores": scores.tolist()}
        for line in lines for steps, scores in zip(line.steps, line.scores)
    ]  # fmt: skip
    write_json(out / "curves.json", {"levels": levels, "curves": learning})
    if results_folder:
        for name in ("comparison.md", "comparison.csv", "comparison.json", "pairs.csv", "results.json", "curves.json"):
            write(results_folder / name, (out / name).read_bytes())
        for picture in sorted((out / "pictures").glob("*.png")):
            write(results_folder / picture.name, picture.read_bytes())
        shutil.copyfile(runs[0].folder / "provenance.json", results_folder / "provenance.json")
        write_json(results_folder / "experiments.json", [run.experiment.model_dump(mode="json") for run in runs])
        console.print(f"Kept: {results_folder}")


if __name__ == "__main__":
    raise SystemExit(answer(main, "agents.campaign", "stopped; the same command goes on"))
