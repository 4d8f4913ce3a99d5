"""Runs: the folders of training, and what is read from them.

experiment.json    the resolved experiment      provenance.json   code, versions, machine, date
curve.json         validation scores            checkpoints/      to go on from
best_model.zip     best on validation seeds     last_model.zip    at the end of training
tensorboard/       logs                         test/             comparison on test seeds
report.html, pictures/*.png
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.contenders import LEARNED, Contender
from agents.experiment import Experiment, checked
from agents.learners.build import LABELS
from agents.learners.model_file import load_model
from agents.reports.pictures import Curve
from agents.storage import read_json
from agents.world import World, world_of

SAME_KEYS = ("environment", "scenario", "overrides", "hyperparameters", "lanes", "steps", "stagger", "evaluation")


class Run(NamedTuple):
    """A folder of training, and its experiment."""

    folder: Path
    experiment: Experiment

    @property
    def label(self) -> str:
        """The algorithm's name: runs of one label are compared as one policy with several seeds."""
        return LABELS[self.experiment.algorithm]


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a training run."""
    return (path / "experiment.json").is_file()


def read_run(path: Path) -> Run:
    """The run of a folder."""
    if not is_run(path):
        raise ValueError(f"{path} is no run: it has no experiment.json; folders that agents.train wrote are accepted.")
    return Run(path, checked(read_json(path / "experiment.json")))


def common_world(runs: Sequence[Run]) -> World:
    """The world of all runs, if it is one."""
    worlds = [world_of(run.experiment)._replace(threads=1) for run in runs]
    for run, world in zip(runs, worlds):
        if world != worlds[0]:
            raise ValueError(
                f"{run.folder.name} was trained in {world.label()}, {runs[0].folder.name} in {worlds[0].label()};"
                " compare runs of one world."
            )
    return worlds[0]


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by label, in the order in which labels come.

    Raises:
        ValueError: runs of one label that differ in more than their training seed, or not in it.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        group = groups.setdefault(run.label, [])
        for other in group:
            differing = [key for key in SAME_KEYS if getattr(run.experiment, key) != getattr(other.experiment, key)]
            if differing:
                raise ValueError(
                    f"{run.folder.name} and {other.folder.name} differ in {differing[0]};"
                    f" runs of {run.label} that are compared as one policy may differ in their training seed alone."
                )
            if run.experiment.seed == other.experiment.seed:
                raise ValueError(
                    f"{run.folder.name} and {other.folder.name} have the same training seed, {run.experiment.seed}."
                )
        group.append(run)
    return groups


def contenders(runs: Sequence[Run]) -> list[Contender]:
    """The best models of runs, those of one algorithm as one contender."""
    return [
        Contender(
            label, LEARNED, tuple(load_model(run.folder / "best_model.zip") for run in group),
            tuple(run.folder.name for run in group),
            group[0].experiment.evaluation.deterministic, group[0].experiment.steps,
        )
        for label, group in grouped(runs).items()
    ]  # fmt: skip


def curves(runs: Sequence[Run]) -> tuple[list[Curve], dict[str, float]]:
    """Learning curves by label, and the heuristics' levels on the validation seeds."""
    lines, levels = [], {}
    for label, group in grouped(runs).items():
        read = [read_json(run.folder / "curve.json") for run in group]
        levels = read[0]["levels"] or levels
        rows = [each["curve"] for each in read]
        steps = [np.array([row["steps"] for row in each]) for each in rows]
        lines.append(Curve(label, steps, [np.array([row["score"] for row in each]) for each in rows]))
    return lines, levels
