from pathlib import Path

import pytest

TINY = """\
extends: {main}
name: tiny
algorithm: maskable_ppo
hyperparameters: {{ n_steps: 32, batch_size: 128, n_epochs: 2, network: {{ hidden: [16] }} }}
lanes: 16
steps: 32_768
evaluation: {{ every_steps: 8_192, validation_episodes: 2, test_episodes: 3, heuristics: [edge_only, neurosurgeon] }}
checkpoint_every_steps: 4_096
"""
DQN = {
    "buffer_size": 4000, "learning_starts": 500, "batch_size": 64, "train_freq": 2, "target_update_interval": 1000,
    "network": {"hidden": [16]},
}  # fmt: skip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """The config of a run of seconds; it stands beside a copy of the main experiment that it extends."""
    from agents.experiment import CONFIGS

    folder = tmp_path_factory.mktemp("configs")
    (folder / "split_inference.yaml").write_text(
        (CONFIGS / "experiments" / "split_inference.yaml").read_text("utf-8"), "utf-8"
    )
    path = folder / "tiny.yaml"
    path.write_text(TINY.format(main="split_inference"), "utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_dqn() -> dict:
    """Hyperparameters of a DQN of seconds."""
    return DQN
