"""What a run shows in TensorBoard, and how its charts are laid out.

Tags: `episode/*` are means over the episodes that ended in all lanes since the last point, a step each;
`validation/*` is the agent on validation seeds; `heuristic/*` are the heuristics on the same seeds, drawn at every
point so that they make level lines; the rest is what Stable-Baselines3 logs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from agents.experiment import Experiment
from agents.measures import Description

UNSHOWN = ("stdout", "log", "json", "csv")


def layout(about: Description, heuristics: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """The custom-scalars layout: charts by group, each with its tags."""
    parts = about.task.reward_parts
    charts = {
        "Agent against heuristics": {
            f"reward a {about.task.step_word}, validation": lines(
                "validation/score", *(f"heuristic/{name}" for name in heuristics)
            ),
            "with 95 % interval": ["Margin", ["validation/score", "validation/score_low", "validation/score_high"]],
        },
        "Reward": {
            "parts, training": lines(*(f"episode/{part}" for part in parts)),
            "parts, validation": lines(*(f"validation/{part}" for part in parts)),
        },
    }
    for group, measures in about.charts.items():
        charts[group] = {title: lines(f"episode/{name}", f"validation/{name}") for title, name in measures.items()}
    return charts


def lines(*tags: str) -> list[Any]:
    """A chart of lines; TensorBoard searches for tags as regular expressions, so each is held at both ends."""
    return ["Multiline", [f"^{re.escape(tag)}$" for tag in tags]]


class Dashboard:
    """The TensorBoard log of a run; `purge_step` is the first step that a resumed run writes again."""

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        output = TensorBoardOutputFormat(str(folder))
        if purge_step is not None:
            output.writer.close()
            output.writer = SummaryWriter(str(folder), purge_step=purge_step)
        self.logger = Logger(str(folder), [output])
        self.writer = output.writer

    def begin(self, experiment: Experiment, about: Description, heuristics: Sequence[str]) -> None:
        """Write once what does not change: layout, hyperparameters, and the experiment as text."""
        self.writer.add_custom_scalars(layout(about, heuristics))
        self.writer.add_text("experiment", "```\n" + experiment.model_dump_json(indent=1) + "\n```", 0)
        self.logger.record("hparams", HParam(hyperparameters(experiment), {"validation/score": 0.0}), exclude=UNSHOWN)
        self.logger.dump(0)
        self.writer.flush()

    def scalars(self, group: str, values: dict[str, float], step: int) -> None:
        """One point of each value; what is not finite is left out."""
        for name, value in values.items():
            if np.isfinite(value):
                self.writer.add_scalar(f"{group}/{name}", value, step)

    def picture(self, tag: str, image: np.ndarray, step: int) -> None:
        """An image uint8[height, width, 3]."""
        self.writer.add_image(tag, image, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is pending."""
        self.writer.flush()
        self.logger.close()


def hyperparameters(experiment: Experiment) -> dict[str, bool | str | float | int]:
    """Hyperparameters as TensorBoard takes them: one level, plain values."""
    flat: dict[str, bool | str | float | int] = {
        "algorithm": experiment.algorithm,
        "scenario": experiment.scenario,
        "lanes": experiment.lanes,
        "steps": experiment.steps,
        "seed": experiment.seed,
    }
    for name, value in experiment.hyperparameters.model_dump(mode="json").items():
        if name == "network":
            flat |= {
                f"network_{key}": "x".join(map(str, each)) if isinstance(each, list) else each
                for key, each in value.items()
            }
        elif name != "learner":
            flat[name] = value
    return flat
