"""States of a network for the tests of the radio: empty, and with everybody placed."""

import numba
import numpy as np

from mei_gym.chance import episode_key
from mei_gym.compiled import plain
from mei_gym.network import cell
from mei_gym.network.cell import network_state
from mei_gym.network.movement import GAUSS_MARKOV

SITES = 7  # of the default: the middle of a lattice and its neighbours


def empty_state(lanes=1, users=3, mean_speed_mps=1.0, sites=SITES, mobility=GAUSS_MARKOV):
    """Every number is nan until a rule writes it."""
    with np.errstate(over="ignore"):
        keys = np.array([plain(episode_key)(7, lane) for lane in range(lanes)], dtype=np.uint64)
    state = network_state(lanes, users, sites)
    for array in state:
        if array.dtype == np.float64:
            array[:] = np.nan
    state.key[:], state.user_mean_speed_mps[:], state.user_mobility[:] = keys, mean_speed_mps, mobility
    return state


@numba.njit
def place_all(params, state):
    """Begin an episode in every lane."""
    for lane in range(state.key.shape[0]):
        cell.place_cell(params, state, lane)
        for user in range(state.user_x_m.shape[1]):
            cell.place_user(params, state, lane, user)
