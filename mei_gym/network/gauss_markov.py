"""Walking users without a goal: Gauss-Markov motion, exact for any time between two looks.

    a  = exp(-t / tau)
    v' = a v + sigma sqrt(1 - a^2) w1
    s  = tau (1 - a) v + sigma (c w1 + d w2)               the step; per axis, mean velocity 0
    c  = tau (1 - a)^2 / sqrt(1 - a^2)                     so that cov(s, v') = sigma^2 tau (1 - a)^2
    c^2 + d^2 = 2 tau t - tau^2 (3 - 4 a + a^2)            the variance of the integrated velocity

    t  elapsed_s    tau  velocity_tau_s    sigma  velocity_sigma_mps = mean speed sqrt(2 / pi)

Ten steps of 1 s and one of 10 s have the same law, so users need to be moved only when they are looked at.
The step is walked straight and the region's border mirrors it, so beside a border the law is that of the straight
step; the uniform law of places and the normal law of velocities hold exactly for any step. Source: Liang and
Haas 2003 (Gauss-Markov); Gillespie 1996 (the exact pair).
"""

from __future__ import annotations

from math import expm1, pi, sqrt

import numpy as np

from mei_gym.chance import normal
from mei_gym.compiled import scalar
from mei_gym.network.region import walked_in_region

PLACE_VELOCITY, MOVE_VELOCITY, MOVE_POSITION = 102, 110, 111  # purposes of draws

SIGMA_OF_MEAN_SPEED = sqrt(2.0 / pi)  # a plane normal velocity has mean speed sigma sqrt(pi / 2)


@scalar
def begin_walk(params, state, lane, user):
    """Begin an episode, the user placed: its velocity at the stationary law."""
    key = state.key[lane]
    sigma_mps = velocity_sigma_mps(np.float64(state.user_mean_speed_mps[lane, user]))
    state.user_velocity_x_mps[lane, user] = sigma_mps * normal(key, 0, PLACE_VELOCITY, 2 * user)
    state.user_velocity_y_mps[lane, user] = sigma_mps * normal(key, 0, PLACE_VELOCITY, 2 * user + 1)


@scalar
def walk(params, state, lane, user, elapsed_s, step):
    """Move the user on by `elapsed_s`; the draws belong to `step`."""
    key = state.key[lane]
    sigma_mps = velocity_sigma_mps(np.float64(state.user_mean_speed_mps[lane, user]))
    tau_s = params.velocity_tau_s
    step_x_m, velocity_x_mps = gauss_markov(
        np.float64(state.user_velocity_x_mps[lane, user]), sigma_mps, tau_s, elapsed_s,
        normal(key, step, MOVE_VELOCITY, 2 * user), normal(key, step, MOVE_POSITION, 2 * user),
    )  # fmt: skip
    step_y_m, velocity_y_mps = gauss_markov(
        np.float64(state.user_velocity_y_mps[lane, user]), sigma_mps, tau_s, elapsed_s,
        normal(key, step, MOVE_VELOCITY, 2 * user + 1), normal(key, step, MOVE_POSITION, 2 * user + 1),
    )  # fmt: skip
    x_m, y_m = np.float64(state.user_x_m[lane, user]), np.float64(state.user_y_m[lane, user])
    x_m, y_m, velocity_x_mps, velocity_y_mps = walked_in_region(
        params, x_m, y_m, step_x_m, step_y_m, velocity_x_mps, velocity_y_mps
    )
    state.user_x_m[lane, user] = x_m
    state.user_y_m[lane, user] = y_m
    state.user_velocity_x_mps[lane, user] = velocity_x_mps
    state.user_velocity_y_mps[lane, user] = velocity_y_mps


@scalar
def velocity_sigma_mps(mean_speed_mps):
    """m/s: standard deviation of the velocity along one axis."""
    return mean_speed_mps * SIGMA_OF_MEAN_SPEED


@scalar
def gauss_markov(velocity_mps, sigma_mps, tau_s, elapsed_s, draw_velocity, draw_place):
    """(m, m/s): the step along one axis and the velocity after it; the draws are standard normal."""
    if elapsed_s <= 0.0:
        return 0.0, velocity_mps
    lost = -expm1(-elapsed_s / tau_s)  # 1 - a, without cancellation for short steps
    spread = sqrt(lost * (2.0 - lost))  # sqrt(1 - a^2)
    shared = tau_s * lost * lost / spread
    # 3 - 4 a + a^2 = lost (2 + lost)
    variance = 2.0 * tau_s * elapsed_s - tau_s * tau_s * lost * (2.0 + lost)
    own = sqrt(max(0.0, variance - shared * shared))
    step_m = tau_s * lost * velocity_mps + sigma_mps * (shared * draw_velocity + own * draw_place)
    return step_m, (1.0 - lost) * velocity_mps + sigma_mps * spread * draw_velocity
