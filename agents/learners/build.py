"""From an experiment to a learner of SB3 or sb3-contrib, on lanes with the seeds of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.experiment import Experiment, PolicyGradient
from agents.learners.network import policy_arguments
from agents.seeds import training_seed
from agents.world import episode_steps, index_fields
from mei_gym.envs.sb3 import LanesVecEnv, make_sb3_vec

ALGORITHMS: dict[str, Any] = {"ppo": PPO, "dqn": DQN, "maskable_ppo": MaskablePPO}
LABELS = {"ppo": "PPO", "dqn": "DQN", "maskable_ppo": "MaskablePPO"}
OWN_KEYS = ("learner", "network", "learning_rate_falls")  # hyperparameters that SB3 does not know by these names


def training_lanes(experiment: Experiment) -> LanesVecEnv:
    """The lanes of training, reset with the run's own seeds."""
    env = make_sb3_vec(
        experiment.environment, experiment.lanes, scenario=experiment.scenario, threads=experiment.threads,
        **experiment.overrides,
    )  # fmt: skip
    env.seed(training_seed(experiment.seed))
    return env


def build(experiment: Experiment, env: LanesVecEnv) -> BaseAlgorithm:
    """The learner, untrained; the global generators are seeded with the experiment's seed on the way."""
    torch.set_num_threads(1)
    hyper = experiment.hyperparameters
    arguments: dict[str, Any] = hyper.model_dump(exclude=set(OWN_KEYS))
    if isinstance(hyper, PolicyGradient) and hyper.learning_rate_falls:
        arguments["learning_rate"] = Falling(hyper.learning_rate)
    model = ALGORITHMS[experiment.algorithm](
        "MlpPolicy", env, seed=None, device="cpu",
        policy_kwargs=policy_arguments(hyper.network, index_fields(env.batch.task.fields)), _init_setup_model=False,
        **arguments,
    )  # fmt: skip
    model.set_random_seed(experiment.seed)
    env._reset_seeds()  # the line before has also reseeded the lanes; theirs are those of training
    env.seed(training_seed(experiment.seed))
    model._setup_model()
    return model


class Falling:
    """A learning rate that falls linearly from its start to zero."""

    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, remaining: float) -> float:
        return self.start * max(0.0, remaining)  # the last rollout goes a little beyond the last step


def begin(experiment: Experiment, model: BaseAlgorithm, env: LanesVecEnv) -> None:
    """Reset the lanes for training; with `stagger`, lane i's first episode is cut short by i shares of an episode."""
    model._last_obs = env.reset()
    model._last_episode_starts = np.ones(env.num_envs, dtype=bool)
    if experiment.stagger:
        length = episode_steps(experiment.environment)
        env.lanes.out.elapsed[:] = np.arange(env.num_envs) * length // env.num_envs
