"""An observation of ModelDelivery turned back into SI, and what each choice would take of the air.

Arrays have the observation first, then row, mode and place of the bits, as actions do. Bytes at fewer bits follow from
those at the most: the library stores every weight of a piece in the same format.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.compiled import plain
from mei_gym.envs.model_delivery.fields import (
    CELL_NUMBERS,
    R_ALL,
    R_BYTES,
    R_CHOICES,
    R_FIRST,
    R_JOINT,
    R_LEFT_BYTES,
    R_MEAN_SLACK,
    R_NEAREST_SLACK,
    R_PARTNERS,
    R_REACHED,
    R_REQUESTERS,
    ROW_NUMBERS,
    ROWS,
)
from mei_gym.envs.model_delivery.modes import ALL, JOINT, MODES, WAIT
from mei_gym.envs.task import LINEAR
from mei_gym.heuristics.policy import World
from mei_gym.network.link import downlink_rate_bps

LEAST_EFFICIENCY = 1e-3  # bit/s/Hz: below every code, above rounding


class Seen(NamedTuple):
    """What observations say; n of them."""

    cell: np.ndarray  # f8[n, number] of the cell
    rows: np.ndarray  # f8[n, row, number]
    opened: np.ndarray  # bool[n, row, mode, place] what is feasible besides waiting
    air_s: np.ndarray  # f8[n, row, mode, place]; inf where nothing is open
    group: np.ndarray  # f8[n, row, mode] users it is sent to

    def of(self, number: int) -> np.ndarray:
        """f8[n, row]: one number of the rows."""
        return self.rows[:, :, number]


class Reader:
    """Reads observations of a world."""

    def __init__(self, world: World) -> None:
        params = world.params
        self.params, self.precisions = params, int(params.precisions)
        coarse = np.flatnonzero(params.piece_choices > 1)
        first = coarse[0] if len(coarse) else 0
        self.byte_ratio = params.piece_bytes[first] / params.piece_bytes[first, 0]
        losses = params.piece_loss[coarse] if len(coarse) else params.piece_loss
        self.loss = losses.mean(axis=0)  # over the bases: a row does not say whose piece it is
        self.bps_of_efficiency = float(plain(downlink_rate_bps)(params, 1.0))

    def seen(self, observations: np.ndarray) -> Seen:
        """The observations in SI."""
        params, shown = self.params, observations.astype(np.float64)
        linear = params.scale_low + shown * params.scale_width
        logarithmic = params.scale_grain * np.expm1(shown * params.scale_width)
        numbers = np.where(params.scale_kind == LINEAR, linear, logarithmic)
        rows = numbers[:, CELL_NUMBERS:].reshape(len(numbers), ROWS, ROW_NUMBERS)
        for number in (R_CHOICES, R_REQUESTERS, R_REACHED, R_FIRST, R_PARTNERS):
            rows[:, :, number] = np.rint(rows[:, :, number])
        efficiency = rows[:, :, R_ALL : R_JOINT + 1]
        places = np.arange(self.precisions)
        opened = (efficiency[..., None] > LEAST_EFFICIENCY) & (places < rows[:, :, R_CHOICES, None, None])
        bits = 8.0 * self.bytes_at(rows)[:, :, None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            air_s = np.where(opened, bits / (self.bps_of_efficiency * efficiency[..., None]), np.inf)
        alone = np.ones_like(rows[:, :, R_FIRST])
        group = np.stack([rows[:, :, R_REQUESTERS], rows[:, :, R_FIRST], alone, rows[:, :, R_REACHED]], axis=2)
        return Seen(numbers[:, :CELL_NUMBERS], rows, opened, air_s, group)

    def bytes_at(self, rows: np.ndarray) -> np.ndarray:
        """f8[n, row, place]: bytes of the rows' pieces at each precision."""
        ratio = np.where(rows[:, :, R_CHOICES, None] > 1.0, self.byte_ratio, 1.0)
        return rows[:, :, R_BYTES, None] * ratio

    def fewest_bytes(self, rows: np.ndarray) -> np.ndarray:
        """f8[n, row]: bytes of the rows' pieces at the fewest bits."""
        return self.bytes_at(rows)[:, :, -1]

    def seconds_left(self, seen: Seen) -> np.ndarray:
        """f8[n, row, mode]: air for what the requesters lack besides, at the fewest bits and the mode's pace."""
        efficiency = np.maximum(LEAST_EFFICIENCY, seen.rows[:, :, R_ALL : R_JOINT + 1])
        return 8.0 * seen.of(R_LEFT_BYTES)[:, :, None] / (self.bps_of_efficiency * efficiency)

    def place_of(self, bits: float) -> int:
        """The place of a number of bits in the library.

        Raises:
            ValueError: the library has no such precision.
        """
        known = self.params.library_bits.tolist()
        if bits not in known:
            raise ValueError(f"bits is {bits!r}; {', '.join(f'{each:g}' for each in known)} are accepted.")
        return known.index(bits)

    def actions_at(self, seen: Seen, row: np.ndarray, mode: np.ndarray | int, place: np.ndarray | int) -> np.ndarray:
        """int64[n]: actions in chosen rows, -1 for waiting; a mode that is not open is replaced by all, or jointly.

        A piece with fewer choices of bits is sent in the last that it has.
        """
        n = np.arange(len(row))
        wished = np.broadcast_to(np.asarray(mode), row.shape)
        opened: np.ndarray = np.any(seen.opened, axis=3)
        opened = opened[n, row]
        taken = np.where(opened[n, wished], wished, np.where(opened[:, ALL], ALL, JOINT))
        least = np.maximum(0, seen.of(R_CHOICES)[n, row].astype(np.int64) - 1)
        places = np.minimum(np.broadcast_to(np.asarray(place), row.shape), least)
        actions = ((row + 1) * MODES + taken) * self.precisions + places
        return np.where((row >= 0) & opened[n, taken], actions, WAIT).astype(np.int64)


def slack_share(seen: Seen, needed_s: np.ndarray) -> np.ndarray:
    """In [0, 1]: of a row's requesters, those who still have `needed_s` [n, row, ...], their slacks taken as uniform.

    The uniform law has the nearest slack at its low end and their mean in its middle.
    """
    further = (1,) * (needed_s.ndim - 2)
    nearest = seen.of(R_NEAREST_SLACK).reshape(*needed_s.shape[:2], *further)
    mean = seen.of(R_MEAN_SLACK).reshape(*needed_s.shape[:2], *further)
    width = np.maximum(1e-6, 2.0 * (mean - nearest))
    with np.errstate(invalid="ignore"):
        return np.clip((nearest + width - needed_s) / width, 0.0, 1.0)
