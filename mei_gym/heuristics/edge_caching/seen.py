"""Observations of EdgeCaching read back: what a server sees of itself and of the models, in SI and by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mei_gym.envs.edge_caching import fields as at
from mei_gym.envs.task import LINEAR
from mei_gym.heuristics.policy import World

NEVER_BYTES = 0.99e11  # the end of the range of missing bytes: what is shown there never fits
ROUNDING = 1e-4  # chosen: a wait so near to the limit may be beyond it; float32 on a logarithm errs by a tenth of that


class Seen(NamedTuple):
    """Observations in SI; n of them, R rows, P precisions."""

    server: np.ndarray  # f8[n, server field]
    rows: np.ndarray  # f8[n, R, row field]
    missing_bytes: np.ndarray  # f8[n, R, P]
    feasible: np.ndarray  # bool[n, R, P]: more bits than are here, and may be fetched now


def seen(world: World, observations: np.ndarray) -> Seen:
    """What observations mean; what is shown at the end of its range is taken to be there."""
    params = world.params
    shown = observations.astype(np.float64)
    curved = params.scale_grain * np.expm1(shown * params.scale_width)
    sensed = np.where(params.scale_kind == LINEAR, params.scale_low + shown * params.scale_width, curved)
    server = sensed[:, : at.ROWS]
    rows = sensed[:, at.ROWS :].reshape(len(sensed), at.SHOWN, at.ROW_WIDTH)[:, : int(params.rows)]
    missing = rows[:, :, at.MISSING : at.MISSING + int(params.precisions)]
    more = rows[:, :, at.BITS_HERE, None] < params.library_bits - 0.5
    idle = server[:, at.PIPE_WAIT] <= params.epoch_s * (1.0 - ROUNDING)
    return Seen(server, rows, missing, more & (missing < NEVER_BYTES) & idle[:, None, None])


def actions_of(world: World, row: np.ndarray, precision: np.ndarray | int, fetched: np.ndarray) -> np.ndarray:
    """int64[n]: fetch the model of a row in a precision where `fetched`, else nothing."""
    victims = int(np.prod(world.factors[2:]))
    joint = ((1 + row) * int(world.params.precisions) + precision) * victims
    return np.where(fetched, joint, 0).astype(np.int64)


def best_choice(world: World, score: np.ndarray) -> np.ndarray:
    """int64[n]: the feasible fetch of the highest score [n, R, P] above minus infinity, of equals the first row."""
    flat = score.reshape(len(score), -1)
    best = flat.argmax(axis=1)
    precisions = score.shape[2]
    fetched = np.isfinite(flat[np.arange(len(flat)), best])
    return actions_of(world, best // precisions, best % precisions, fetched)
