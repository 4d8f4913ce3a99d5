"""What accompanies training: evaluation on validation seeds, the best model, checkpoints, TensorBoard, progress.

Everything happens between rollouts, at steps that do not depend on the clock, so that a resumed run does the same as
one that was never stopped. What is drawn here leaves the generators of training alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from agents.dashboards.tensorboard import Dashboard
from agents.episodes import Summary, play
from agents.experiment import Experiment
from agents.learners.checkpoint import checkpoint_files, generators_kept
from agents.learners.model_file import LearnedPolicy, save_model
from agents.measures import description_of, told
from agents.seeds import validation_seeds
from agents.statistics import Bootstrap, iqm
from agents.storage import Snapshots, write_json
from agents.world import World, episode_steps
from mei_gym.envs.sb3 import LanesVecEnv

EPISODES_A_POINT = 8  # ended episodes that make a point of `episode/*`
Report = Callable[[int, dict[str, Any] | None], None]


class Follower(BaseCallback):
    """A callback of SB3; `curve` holds one row for each evaluation.

    Args:
        levels: heuristic -> mean reward a step on the validation seeds.
        report: told of the steps so far and, after an evaluation, its row.
        picture: draws the decision picture of a summary, uint8[height, width, 3]; None: the environment has none.
    """

    def __init__(
        self,
        experiment: Experiment,
        world: World,
        env: LanesVecEnv,
        folder: Path,
        dashboard: Dashboard,
        levels: dict[str, float],
        report: Report,
        picture: Callable[[Summary], np.ndarray | None],
    ) -> None:
        super().__init__()
        self.experiment, self.world, self.lanes_env, self.folder = experiment, world, env, folder
        self.dashboard, self.levels, self.report, self.picture = dashboard, levels, report, picture
        self.snapshots = Snapshots(folder / "checkpoints")
        self.curve: list[dict[str, Any]] = []
        self.next_evaluation = self.next_checkpoint = 0
        self.best_score = -np.inf
        self.names = env.batch.task.info
        self.measures = description_of(experiment.environment).measures
        self.weighty = {each.name: (each.value, each.weight) for each in self.measures if each.weight}
        self.ended: list[list[float]] = []  # sums of info and steps of the episodes that ended since the last point
        self.lengths = np.zeros(env.num_envs, np.int64)  # steps of each lane's episode
        self.weighted = np.zeros((len(self.weighty), 2))  # since the last point: sum of value x weight, sum of weight

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of the follower, fit for JSON."""
        return {
            "curve": self.curve,
            "next_evaluation": self.next_evaluation,
            "next_checkpoint": self.next_checkpoint,
            "best_score": None if np.isinf(self.best_score) else self.best_score,
            "ended": self.ended,
            "weighted": self.weighted.tolist(),
            "lengths": self.lengths.tolist(),
            "logged": self.pending(),
        }

    def pending(self) -> dict[str, float]:
        """What SB3 has recorded of the last update and will write at its next point."""
        logger = self.model.logger
        pending: dict[str, Any] = dict(logger.name_to_value)
        shown = {name: value for name, value in pending.items() if not logger.name_to_excluded.get(name)}
        return {name: float(value) for name, value in shown.items() if isinstance(value, int | float | np.number)}

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Take up the state of a checkpoint; the model has been restored and has its logger."""
        self.curve = state["curve"]
        self.next_evaluation, self.next_checkpoint = state["next_evaluation"], state["next_checkpoint"]
        self.best_score = -np.inf if state["best_score"] is None else state["best_score"]
        self.ended, self.weighted = state["ended"], np.array(state["weighted"])
        self.lengths = np.array(state["lengths"], np.int64)
        for name, value in state["logged"].items():
            self.dashboard.logger.record(name, value)

    def _on_rollout_start(self) -> None:
        steps = self.model.num_timesteps
        self.report(steps, None)
        if len(self.ended) >= EPISODES_A_POINT:
            self.write_episodes(steps)
        if steps >= self.next_evaluation:
            self.next_evaluation = following(steps, self.experiment.evaluation.every_steps)
            self.evaluate(steps)
        if steps >= self.next_checkpoint:
            self.next_checkpoint = following(steps, self.experiment.checkpoint_every_steps)
            if steps > 0:
                self.save(steps)

    def _on_step(self) -> bool:
        numbers = self.lanes_env.numbers
        for row, names in enumerate(self.weighty.values()):
            value, weight = (told(numbers, self.names, each) for each in names)
            self.weighted[row] += (value @ weight, weight.sum())
        length = episode_steps(self.experiment.environment)
        self.lengths += 1
        for lane, info in enumerate(self.locals["infos"]):
            episode = info.get("episode")
            if episode is not None:
                if was_whole(info, int(self.lengths[lane]), length):
                    self.ended.append([*(episode["sums"][name] for name in self.names), float(self.lengths[lane])])
                self.lengths[lane] = 0
        return True

    def finish(self) -> None:
        """The last evaluation and the last checkpoint, when training has reached its steps."""
        steps = self.model.num_timesteps
        if not self.curve or self.curve[-1]["steps"] < steps:
            self.evaluate(steps)
        self.save(steps)
        save_model(self.folder / "last_model.zip", self.model.policy, self.experiment, steps)

    def write_episodes(self, steps: int) -> None:
        """A point of `episode/*`."""
        ended, length = np.array(self.ended), episode_steps(self.experiment.environment)
        sums, own_lengths = ended[:, :-1], ended[:, -1]
        parts = self.lanes_env.batch.task.reward_parts
        values = {part: float(told(sums, self.names, part).mean() / length) for part in parts}
        values["score"] = sum(values.values())
        for measure in self.measures:
            if not measure.weight and not measure.at_end:
                count = told(sums, self.names, measure.count).sum() if measure.count else own_lengths.sum()
                values[measure.name] = float(told(sums, self.names, measure.value).sum() / max(count, 1.0))
        for row, name in enumerate(self.weighty):
            values[name] = float(self.weighted[row, 0] / max(self.weighted[row, 1], 1.0))
        self.dashboard.scalars("episode", values, steps)
        self.ended, self.weighted = [], np.zeros_like(self.weighted)

    def evaluate(self, steps: int) -> None:
        """Play the validation seeds, write the point, keep the model if it is the best so far."""
        settings = self.experiment.evaluation
        policy = LearnedPolicy(self.model.policy, self.experiment, steps)
        self.model.policy.set_training_mode(False)
        with generators_kept():
            seeds = validation_seeds(settings.validation_episodes)
            summary = play(policy, self.world, seeds, settings.deterministic)
        scores = summary.score[None, :]
        estimate = Bootstrap(scores.shape[1]).estimate(scores)
        row: dict[str, Any] = {
            "steps": steps,
            "score": estimate.value,
            "score_low": estimate.low,
            "score_high": estimate.high,
        }
        row["score_iqm"] = float(iqm(scores))
        row |= {name: float(values.mean()) for name, values in {**summary.parts, **summary.measures}.items()}
        self.curve.append(row)
        self.dashboard.scalars("validation", {name: value for name, value in row.items() if name != "steps"}, steps)
        self.dashboard.scalars("heuristic", self.levels, steps)
        picture = self.picture(summary)
        if picture is not None:
            self.dashboard.picture("decisions", picture, steps)
        self.dashboard.writer.flush()
        if row["score"] > self.best_score:
            self.best_score = row["score"]
            save_model(self.folder / "best_model.zip", self.model.policy, self.experiment, steps)
        write_json(self.folder / "curve.json", {"levels": self.levels, "curve": self.curve})
        self.report(steps, row)

    def save(self, steps: int) -> None:
        """A checkpoint of everything."""
        self.dashboard.writer.flush()
        self.snapshots.save(steps, checkpoint_files(self.model, self.lanes_env, self.state()))


def following(steps: int, every: int) -> int:
    """The first multiple of `every` after `steps`."""
    return (steps // every + 1) * every


def was_whole(info: dict[str, Any], steps: int, length: int) -> bool:
    """Whether an episode of so many steps ended of itself or at its full length: none that was cut to stagger lanes."""
    return steps == length or not info["TimeLimit.truncated"]
