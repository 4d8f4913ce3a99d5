"""A trained policy as one file: `policy.pth` (weights only) and `model.json` (how to rebuild it) in a zip.

Nothing of it is pickle: weights are read with `weights_only=True`, the rest is JSON, checked like any experiment.
SB3's own `load` runs code from the file and is never used.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy

from agents.experiment import Experiment, checked
from agents.learners.network import policy_arguments
from agents.storage import write
from agents.world import index_fields, world_of

LARGEST_BYTES = 512 * 1024 * 1024
POLICIES: dict[str, type[BasePolicy]] = {
    "ppo": ActorCriticPolicy, "dqn": DQNPolicy, "maskable_ppo": MaskableActorCriticPolicy,
}  # fmt: skip


class ModelFileError(ValueError):
    """A model file that cannot be used; the message says why."""


class LearnedPolicy:
    """A trained policy with SB3's `predict`; a masked one wants `action_masks` beside the observations."""

    def __init__(self, policy: BasePolicy, experiment: Experiment, steps: int) -> None:
        self.policy, self.experiment, self.steps = policy, experiment, steps
        self.masked = experiment.algorithm == "maskable_ppo"

    def predict(
        self,
        observation: np.ndarray,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Actions [lane] for observations [lane, field]."""
        more = {"action_masks": action_masks} if self.masked else {}
        actions, _ = self.policy.predict(observation, None, episode_start, deterministic, **more)
        return np.asarray(actions), state


def save_model(path: Path, policy: BasePolicy, experiment: Experiment, steps: int) -> None:
    """Write a policy, whole or not at all."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("policy.pth", state_bytes(policy.state_dict()))
        about = {"schema": 1, "steps": steps, "experiment": experiment.model_dump(mode="json")}
        archive.writestr("model.json", json.dumps(about, indent=1))
    write(path, packed.getvalue())


def load_model(path: Path) -> LearnedPolicy:
    """The policy of a file that `save_model` wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST_BYTES:
                raise ModelFileError(f"{path.name} unpacks to more than {LARGEST_BYTES} bytes.")
            about, weights = json.loads(archive.read("model.json")), archive.read("policy.pth")
    except FileNotFoundError:
        raise ModelFileError(f"There is no model {path}; has the run been trained?") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path.name} is no model of this project, or it is damaged ({error}).") from None
    if not isinstance(about, dict) or about.get("schema") != 1:
        raise ModelFileError(f"{path.name} is of another version of the model file; schema 1 is accepted.")
    experiment = checked(about.get("experiment"))
    env = world_of(experiment).batch(1)
    policy = new_policy(
        experiment, env.single_observation_space, env.single_action_space, index_fields(env.task.fields)
    )
    try:
        policy.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFileError(f"The weights in {path.name} do not fit its config, or are damaged ({reason}).") from None
    policy.set_training_mode(False)
    return LearnedPolicy(policy, experiment, int(about.get("steps", 0)))


def new_policy(
    experiment: Experiment, observations: gymnasium.Space, actions: gymnasium.Space, indices: dict[int, int]
) -> BasePolicy:
    """The untrained policy of an experiment."""
    torch.set_num_threads(1)
    arguments = policy_arguments(experiment.hyperparameters.network, indices)
    return POLICIES[experiment.algorithm](observations, actions, lambda _: 0.0, **arguments)  # type: ignore[arg-type]


def state_bytes(state: dict[str, Any]) -> bytes:
    """Tensors as bytes that `torch.load(weights_only=True)` reads."""
    data = io.BytesIO()
    torch.save(state, data)
    return data.getvalue()
