"""Who asks: a few users ask for most of the answers.

w_k = exp(s z_k),  P(user k asks) = w_k / sum w        z_k standard normal, one an episode and user

s   activity_sd: 0 makes all users alike; at 1.0 the busiest fifth of many users asks for 56 %
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np

from mei_gym.chance import drawn_index, normal, uniform
from mei_gym.compiled import scalar

ACTIVITY, ASKING = 240, 241  # purposes of draws


class PopulationParams(NamedTuple):
    """What a scenario fixes about the population."""

    users: int
    activity_sd: float = 1.0  # chosen: ServeGen's clients spread more (1.1 to 1.3 in ln), but they are companies


class PopulationState(NamedTuple):
    """What changes; K users a lane."""

    key: np.ndarray  # u64[lanes]; read only
    user_activity_cumulative: np.ndarray  # float[lanes, K]: rising to exactly 1: P(the asking user is <= k)


@scalar
def draw_activity(params, state, lane):
    """Begin an episode: draw how active each user is."""
    key = state.key[lane]
    users = params.users
    total = 0.0
    for user in range(users):
        total += exp(params.activity_sd * normal(key, 0, ACTIVITY, user))
    partial = 0.0
    for user in range(users):
        partial += exp(params.activity_sd * normal(key, 0, ACTIVITY, user))
        state.user_activity_cumulative[lane, user] = partial / total
    state.user_activity_cumulative[lane, users - 1] = 1.0


@scalar
def asking_user(params, state, lane, request):
    """The index of the user who sends request number `request`."""
    draw = uniform(state.key[lane], request, ASKING, 0)
    return drawn_index(state.user_activity_cumulative[lane], params.users - 1, draw)


@scalar
def user_activity(params, state, lane, user):
    """A probability: that the next request is this user's."""
    if user == 0:
        return np.float64(state.user_activity_cumulative[lane, 0])
    return np.float64(state.user_activity_cumulative[lane, user]) - np.float64(
        state.user_activity_cumulative[lane, user - 1]
    )
