"""Empty states of a cell for the tests of the radio."""

import numpy as np

from mei_gym.chance import episode_key
from mei_gym.compiled import plain
from mei_gym.network.cell import CellState
from mei_gym.network.sites import SITES


def empty_state(lanes=1, users=3, mean_speed_mps=1.0, dtype=np.float32):
    """Every number is nan until a rule writes it."""
    with np.errstate(over="ignore"):
        keys = np.array([plain(episode_key)(7, lane) for lane in range(lanes)], dtype=np.uint64)
    fields = {"key": keys, "user_mean_speed_mps": np.full((lanes, users), mean_speed_mps, dtype)}
    for name in CellState._fields[2:]:
        if name in ("user_los_normal", "user_shadowing_normal"):
            shape = (lanes, users, SITES)
        else:
            shape = (lanes, users) if name.startswith("user_") else (lanes,)
        fields[name] = np.zeros(shape, np.int64) if name == "user_faded_step" else np.full(shape, np.nan, dtype)
    return CellState(**fields)
