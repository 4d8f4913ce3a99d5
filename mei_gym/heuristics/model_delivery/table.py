"""A table: one mode and one choice of bits for the piece that most lack, by how many lack it and how soon it is due.

What an operator would set once; an environment in which the best of them comes close to a clairvoyant search has
nothing to learn.
"""

from __future__ import annotations

import numpy as np

from mei_gym.envs.model_delivery.fields import R_MEAN_SLACK, R_REQUESTERS
from mei_gym.heuristics.model_delivery.blind import mode_of
from mei_gym.heuristics.model_delivery.seen import Reader
from mei_gym.heuristics.policy import Policy, World
from mei_gym.scenarios.resolve import ScenarioError, nearest

GROUPS = {"one": 2.0, "few": 4.0, "many": np.inf}  # requesters below
SLACKS = {"soon": 20.0, "later": 60.0, "far": np.inf}  # mean slack below, s
CELLS = tuple(f"{group}/{slack}" for group in GROUPS for slack in SLACKS)
WAITING = "wait"


class Table(Policy):
    """Looks at the first row alone.

    `choices` maps "group/slack" to [mode, bits], the mode "wait" among them; a cell left out is sent to all in 16 bits.
    """

    name = "table"
    defaults = {"choices": {}}  # noqa: RUF012

    def __init__(self, world: World, **parameters: object) -> None:
        super().__init__(world, **parameters)
        self.reader = Reader(world)
        shape = len(GROUPS), len(SLACKS)
        self.modes, self.places = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self.waits = np.zeros(shape, bool)
        for cell, (mode, bits) in self.parameters["choices"].items():
            if cell not in CELLS:
                raise ScenarioError(f"There is no cell {cell!r}; {nearest(cell, CELLS)}")
            group, slack = (list(each).index(name) for each, name in zip((GROUPS, SLACKS), cell.split("/")))
            self.waits[group, slack] = mode == WAITING
            self.modes[group, slack] = 0 if mode == WAITING else mode_of(mode)
            self.places[group, slack] = self.reader.place_of(bits)

    def choose(self, observations: np.ndarray) -> np.ndarray:
        """The first row as the cell says."""
        seen = self.reader.seen(observations)
        group = np.searchsorted(list(GROUPS.values())[:-1], seen.of(R_REQUESTERS)[:, 0], side="right")
        slack = np.searchsorted(list(SLACKS.values())[:-1], seen.of(R_MEAN_SLACK)[:, 0], side="right")
        row = np.where(self.waits[group, slack], -1, 0)
        return self.reader.actions_at(seen, row, self.modes[group, slack], self.places[group, slack])

    def settings(self) -> str:
        """Each cell with its mode and bits."""
        return ", ".join(f"{cell} {mode} {bits}" for cell, (mode, bits) in self.parameters["choices"].items())
