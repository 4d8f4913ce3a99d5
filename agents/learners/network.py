"""What the networks see: observations with indices (an application, a device class) spread into one-hot vectors."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor

from agents.experiment import Network

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


class OneHotIndices(BaseFeaturesExtractor):
    """All numbers as they are, indices as one-hot vectors; nothing of it is learned.

    Args:
        observation_space: a flat box of numbers in [0, 1].
        indices: how many values each index field has, by its place.
    """

    def __init__(self, observation_space: gymnasium.spaces.Box, indices: dict[int, int]) -> None:
        count = int(observation_space.shape[0])
        super().__init__(observation_space, count - len(indices) + sum(indices.values()))
        self.indices = dict(indices)
        self.others = [place for place in range(count) if place not in indices]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32[batch, feature] from float32[batch, field]."""
        parts = [observations[:, self.others]]
        for place, values in self.indices.items():
            index = torch.round(observations[:, place] * (values - 1)).long()
            parts.append(torch.nn.functional.one_hot(index, values).to(observations.dtype))
        return torch.cat(parts, dim=1)


def policy_arguments(network: Network, indices: dict[int, int]) -> dict[str, Any]:
    """SB3's `policy_kwargs` for a network."""
    spread = network.one_hot and bool(indices)
    return {
        "net_arch": list(network.hidden),
        "activation_fn": ACTIVATIONS[network.activation],
        "features_extractor_class": OneHotIndices if spread else FlattenExtractor,
        "features_extractor_kwargs": {"indices": indices} if spread else {},
    }
