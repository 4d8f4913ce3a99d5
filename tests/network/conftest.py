"""A crowd of movers, and the two loops that place and move it, compiled."""

import numba
import numpy as np
import pytest

from mei_gym.chance import episode_key
from mei_gym.compiled import plain
from mei_gym.network import movement
from mei_gym.network.movement import MovementState


@pytest.fixture(scope="session")
def crowd():
    """(params, state) of a placed crowd: `crowd(params, mobility, mean_speed_mps, lanes, users)`."""

    def build(params, mobility, mean_speed_mps=1.0, lanes=1, users=4, place=True):
        with np.errstate(over="ignore"):
            keys = np.array([plain(episode_key)(11, lane) for lane in range(lanes)], np.uint64)
        fields = {name: np.full((lanes, users), np.nan) for name in MovementState._fields}
        fields |= {
            "key": keys,
            "user_mobility": np.full((lanes, users), mobility),
            "user_mean_speed_mps": np.full((lanes, users), mean_speed_mps),
            "user_leg": np.full((lanes, users), -1),
        }
        state = MovementState(**fields)
        if place:
            place_all(params, state)
        return params, state

    return build


@pytest.fixture(scope="session")
def moved():
    """Moves everybody: `moved(params, state, elapsed_s, step)`."""
    return move_all


@numba.njit
def place_all(params, state):
    for lane in range(state.user_x_m.shape[0]):
        for user in range(state.user_x_m.shape[1]):
            movement.place_mover(params, state, lane, user)


@numba.njit
def move_all(params, state, elapsed_s, step):
    for lane in range(state.user_x_m.shape[0]):
        for user in range(state.user_x_m.shape[1]):
            movement.move_mover(params, state, lane, user, elapsed_s, step)
