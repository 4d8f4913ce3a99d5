"""Policies that do not look: one choice for everybody, or none at all.

They see of the observation only what is feasible; a choice too deep becomes the deepest one that fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.split_inference.feasible import BITS_CHOICES
from mei_gym.heuristics.policy import Policy, World
from mei_gym.heuristics.split_inference.rows import corrected, drawn


class Random(Policy):
    """Any feasible action, each as likely; a function of the observation and the seed."""

    name = "random"
    defaults = {"seed": 0}  # noqa: RUF012

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The action that the observation's bits and the seed draw."""
        return drawn(self.world, observations, int(self.parameters["seed"]))


class Static(Policy):
    """The same cut and bits whatever is seen."""

    name = "static"
    defaults = {"cut": 0, "bits": 16}  # noqa: RUF012

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        self.cut = checked_cut(world, self.parameters["cut"])
        self.bits_choice = checked_bits(world, self.parameters["bits"])

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The cut, or the deepest that fits."""
        return actions_of(self.world, observations, self.cut, self.bits_choice)


class EdgeOnly(Static):
    """Everything on the server."""

    name = "edge_only"
    defaults = {}  # noqa: RUF012

    def __init__(self, world: World) -> None:
        Policy.__init__(self, world)
        self.cut, self.bits_choice = 0, 0


class DeviceOnly(Static):
    """As much on the device as fits; what is sent, in 8 bits."""

    name = "device_only"
    defaults = {}  # noqa: RUF012

    def __init__(self, world: World) -> None:
        Policy.__init__(self, world)
        self.cut, self.bits_choice = layers(world), 1


def layers(world: World) -> int:
    """The layers of the world's model: the deepest cut there is."""
    return world.factors[0] - 1


def checked_cut(world: World, cut: Any) -> int:
    """The cut itself, if the model has it."""
    if isinstance(cut, bool) or cut != int(cut) or not 0 <= cut <= layers(world):
        raise ValueError(f"cut is {cut!r}; a whole number in [0, {layers(world)}] is accepted.")
    return int(cut)


def checked_bits(world: World, bits: Any) -> int:
    """The index of a choice of bits."""
    choices = [int(each) for each in world.params.bits_choices]
    if bits not in choices:
        raise ValueError(f"bits is {bits!r}; {', '.join(map(str, choices))} are accepted.")
    return choices.index(bits)


def actions_of(
    world: World, observations: np.ndarray, cuts: np.ndarray | int, bits_choices: np.ndarray | int
) -> np.ndarray:
    """int64[n]: joint actions, or the feasible ones nearest to them."""
    wished = np.broadcast_to(np.asarray(cuts) * BITS_CHOICES + bits_choices, len(observations))
    return corrected(world, observations, wished)
