"""A training run from its folder to its report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from agents.contenders import heuristics, played
from agents.dashboards.tensorboard import Dashboard
from agents.experiment import Experiment, checked
from agents.learners.build import LABELS, begin, build, training_lanes
from agents.learners.checkpoint import generators_kept, restore
from agents.learners.follower import Follower
from agents.measures import description_of
from agents.outcomes import write_outcomes
from agents.provenance import provenance
from agents.reports.comparison import show
from agents.reports.page import write_report
from agents.reports.pictures import decision_image
from agents.runs import Run, contenders, curves
from agents.seeds import test_seeds, training_seed, validation_seeds
from agents.storage import Snapshots, read_json, write_json
from agents.world import world_of

console = Console(highlight=False)


def prepared_folder(out: Path, name: str, experiment: Experiment, resume: bool, note: bool = True) -> Path:
    """The run's folder with its experiment and provenance; a former run is never overwritten.

    Going on with a run adds where and when to its provenance, unless `note` is false.

    Raises:
        ValueError: the run is there and `resume` was not asked for, or the other way round, or its config is another.
    """
    folder = out / name
    path = folder / "experiment.json"
    if resume:
        if not path.is_file():
            raise ValueError(f"There is no run {folder} to go on with; leave --resume out to begin it.")
        former = checked(read_json(path))
        if former != experiment:
            differing = [key for key in Experiment.model_fields if getattr(former, key) != getattr(experiment, key)]
            raise ValueError(
                f"{folder} was begun with another {differing[0]}; a run goes on with the config that it began with."
            )
        if note:
            write_json(folder / "provenance.json", [*read_json(folder / "provenance.json"), provenance()])
        return folder
    if path.is_file():
        free = next(f"{name}_{number}" for number in range(2, 10_000) if not (out / f"{name}_{number}").exists())
        console.print(f"{folder} is there already (--resume would go on with it); this run is {out / free}.")
        folder = out / free
    seeds = {
        "training": {"first": training_seed(experiment.seed), "number": experiment.lanes},
        "validation": {"first": validation_seeds(1)[0], "number": experiment.evaluation.validation_episodes},
        "test": {"first": test_seeds(1)[0], "number": experiment.evaluation.test_episodes},
    }
    write_json(folder / "provenance.json", [provenance() | {"seeds": seeds}])
    write_json(folder / "experiment.json", experiment.model_dump(mode="json"))
    return folder


def train(experiment: Experiment, folder: Path, resume: bool = False, levels: dict[str, float] | None = None) -> Run:
    """Train to the experiment's steps; `levels` are the heuristics' validation scores, played here if not given."""
    world, about = world_of(experiment), description_of(experiment.environment)
    step = about.task.step_word
    console.print(
        f"{LABELS[experiment.algorithm]} on {world.label()}: {experiment.steps:,} {step}s in {experiment.lanes} lanes"
        f" -> {folder}"
    )
    env = training_lanes(experiment)
    model = build(experiment, env)
    snapshot = Snapshots(folder / "checkpoints").latest() if resume else None
    Snapshots(folder / "checkpoints").tidy()
    if levels is None:
        levels = known_levels(experiment, folder)

    if snapshot is None:
        begin(experiment, model, env)
        state: dict[str, Any] | None = None
    else:
        state = restore(snapshot, model, env)
        console.print(f"Going on from step {model.num_timesteps:,}.")
    keep_until = model.num_timesteps + 1 if state is not None else 0  # 0: killed before its first checkpoint
    dashboard = Dashboard(folder / "tensorboard", purge_step=keep_until if resume else None)
    model.set_logger(dashboard.logger)

    with progress_bar() as progress:
        task = progress.add_task("", total=experiment.steps, completed=model.num_timesteps, rate="", note="")
        speed = Speed(model.num_timesteps)
        best = max(levels, key=levels.__getitem__) if levels else None

        def report(steps: int, row: dict[str, Any] | None) -> None:
            progress.update(task, completed=steps, rate=speed.text(steps))
            if row is not None:
                rival = f"; best heuristic, {best}: {levels[best]:.3f}" if best else ""
                note = f"validation {row['score']:.3f}{rival}"
                against = f", heuristic {levels[best]:.3f}" if best else ""
                progress.update(task, note=f"validation {row['score']:.3f}{against}")
                if not console.is_terminal:
                    console.print(f"step {steps:,}: {note}", soft_wrap=True)

        follower = Follower(
            experiment, world, env, folder, dashboard, levels, report,
            lambda summary: decision_image(summary, about, LABELS[experiment.algorithm]),
        )  # fmt: skip
        follower.init_callback(model)
        if state is not None:
            follower.go_on_from(state)
        else:
            dashboard.begin(experiment, about, list(levels))
        if model.num_timesteps < experiment.steps:
            model.learn(
                experiment.steps - model.num_timesteps, callback=follower, reset_num_timesteps=False,
                log_interval=1 if experiment.algorithm != "dqn" else experiment.lanes,
            )  # fmt: skip
        follower.finish()
        progress.update(task, completed=experiment.steps)
    dashboard.close()
    env.close()
    console.print(f"Trained: best validation score {follower.best_score:.4f} a {step}.")
    return Run(folder, experiment)


def known_levels(experiment: Experiment, folder: Path) -> dict[str, float]:
    """The heuristics' mean scores on the validation seeds, played once a run."""
    path = folder / "levels.json"
    if not path.is_file():
        episodes = experiment.evaluation.validation_episodes
        console.print(f"Heuristics on {episodes} validation episodes:")
        world = world_of(experiment)
        with generators_kept():
            results = played(
                heuristics(world, experiment.evaluation.heuristics), world, validation_seeds(episodes),
                lambda line: console.print(f"  {line}"),
            )  # fmt: skip
        write_json(path, {result.name: float(result.summaries[0].score.mean()) for result in results})
    return read_json(path)


def conclude(run: Run) -> None:
    """Compare the best model with the heuristics on test seeds, print the table, write the report."""
    world, evaluation = world_of(run.experiment)._replace(threads=1), run.experiment.evaluation
    console.print(f"Every policy on {evaluation.test_episodes} test episodes:")
    everyone = [*contenders([run]), *heuristics(world, evaluation.heuristics)]
    results = played(everyone, world, test_seeds(evaluation.test_episodes), lambda line: console.print(f"  {line}"))
    show(write_outcomes(run.folder / "test", results, world))
    page = write_report(run.folder, world, results, *curves([run]), [run.experiment])
    console.print(f"Report: {page}\nDashboard: tensorboard --logdir {run.folder.parent}")


def progress_bar() -> Progress:
    """Steps, speed, time left, and the last evaluation."""
    return Progress(
        BarColumn(16), TaskProgressColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"), console=console, refresh_per_second=4, transient=not console.is_terminal,
    )  # fmt: skip


class Speed:
    """Steps a second since the run began or was taken up."""

    def __init__(self, steps: int) -> None:
        self.first, self.began_s = steps, time.perf_counter()

    def text(self, steps: int) -> str:
        """12,345/s."""
        spent_s = time.perf_counter() - self.began_s
        return f"{(steps - self.first) / spent_s:,.0f}/s" if spent_s > 1.0 else ""
