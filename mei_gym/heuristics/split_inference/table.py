"""A table: one cut and one choice of bits for each application on each class of devices.

The best of them is what a company would ship without measuring anything at run time; an environment in which it comes
close to a clairvoyant search has nothing to learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mei_gym.envs.split_inference.fields import APPLICATION, DEVICE_CLASS, FIELDS
from mei_gym.heuristics.policy import Policy, World
from mei_gym.heuristics.split_inference.blind import actions_of, checked_bits, checked_cut, layers
from mei_gym.scenarios.resolve import ScenarioError, nearest


def cells(world: World) -> list[str]:
    """The cells that can occur, "application/class"."""
    scenario = world.scenario
    return [
        f"{name}/{device}"
        for name, application in scenario.applications.items()
        for device in scenario.device_classes
        if application.share > 0.0 and application.classes.get(device, 0.0) > 0.0
    ]


class Table(Policy):
    """Looks at who asks, and at nothing else.

    `choices` maps "application/class" to [cut, bits]; a cell left out is answered at the edge.
    """

    name = "table"
    defaults = {"choices": {}}  # noqa: RUF012

    def __init__(self, world: World, **parameters: Any) -> None:
        super().__init__(world, **parameters)
        applications, classes = list(world.scenario.applications), list(world.scenario.device_classes)
        self.cuts = np.zeros((len(applications), len(classes)), np.int64)
        self.bits = np.zeros_like(self.cuts)
        known = [f"{application}/{device}" for application in applications for device in classes]
        for cell, choice in self.parameters["choices"].items():
            if cell not in known:
                raise ScenarioError(f"There is no cell {cell!r}; {nearest(cell, known)}")
            application, device = cell.split("/")
            place = applications.index(application), classes.index(device)
            cut, bits = choice
            self.cuts[place], self.bits[place] = checked_cut(world, cut), checked_bits(world, bits)

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The cell's choice, or the deepest cut that fits."""
        application, device = (
            np.rint(observations[:, field].astype(np.float64) * FIELDS[field].high).astype(np.int64)
            for field in (APPLICATION, DEVICE_CLASS)
        )
        return actions_of(self.world, observations, self.cuts[application, device], self.bits[application, device])

    def settings(self) -> str:
        """Each cell with its cut, and its bits where activations are sent."""
        depth = layers(self.world)
        return ", ".join(
            f"{cell} {cut}" + (f" at {bits}" if 0 < cut < depth else "")
            for cell, (cut, bits) in self.parameters["choices"].items()
        )
