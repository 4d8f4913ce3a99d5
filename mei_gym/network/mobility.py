"""Walking and driving users: Gauss-Markov motion, exact for any time between two looks, inside a ring.

    a = exp(-t / tau)
    v' = a v + sigma sqrt(1 - a^2) w1
    x' = x + tau (1 - a) v + sigma (c w1 + d w2)           per axis, mean velocity 0
    c = tau (1 - a)^2 / sqrt(1 - a^2)                      so that cov(x' - x, v') = sigma^2 tau (1 - a)^2
    c^2 + d^2 = 2 tau t - tau^2 (3 - 4 a + a^2)            the variance of the integrated velocity

    t  elapsed_s    tau  velocity_tau_s    sigma  velocity_sigma_mps = mean speed sqrt(2 / pi)

Ten steps of 1 s and one of 10 s have the same law, so users need to be moved only when they are looked at.
The border of the cell and the keep-out disk around the mast reflect in r^2, which keeps uniform places
uniform however far a step overshoots. Source: Liang and Haas 2003 (Gauss-Markov); Gillespie 1996 (the exact
pair).
"""

from __future__ import annotations

from math import expm1, floor, pi, sqrt

from mei_gym.compiled import scalar

SIGMA_OF_MEAN_SPEED = sqrt(2.0 / pi)  # a plane normal velocity has mean speed sigma sqrt(pi / 2)


@scalar
def velocity_sigma_mps(mean_speed_mps):
    """m/s: standard deviation of the velocity along one axis."""
    return mean_speed_mps * SIGMA_OF_MEAN_SPEED


@scalar
def gauss_markov(position_m, velocity_mps, sigma_mps, tau_s, elapsed_s, draw_velocity, draw_position):
    """(m, m/s) along one axis after `elapsed_s`; the draws are standard normal."""
    if elapsed_s <= 0.0:
        return position_m, velocity_mps
    lost = -expm1(-elapsed_s / tau_s)  # 1 - a, without cancellation for short steps
    spread = sqrt(lost * (2.0 - lost))  # sqrt(1 - a^2)
    shared = tau_s * lost * lost / spread
    # 3 - 4 a + a^2 = lost (2 + lost)
    variance = 2.0 * tau_s * elapsed_s - tau_s * tau_s * lost * (2.0 + lost)
    own = sqrt(max(0.0, variance - shared * shared))
    noise_m = sigma_mps * (shared * draw_velocity + own * draw_position)
    new_position_m = position_m + tau_s * lost * velocity_mps + noise_m
    new_velocity_mps = (1.0 - lost) * velocity_mps + sigma_mps * spread * draw_velocity
    return new_position_m, new_velocity_mps


@scalar
def reflected(x_m, y_m, velocity_x_mps, velocity_y_mps, inner_m, outer_m):
    """(m, m, m/s, m/s): the place folded into inner_m <= r <= outer_m, the radial velocity turned with it."""
    square = x_m * x_m + y_m * y_m
    inner, outer = inner_m * inner_m, outer_m * outer_m
    if inner <= square <= outer:
        return x_m, y_m, velocity_x_mps, velocity_y_mps
    if square <= 0.0:
        return inner_m, 0.0, velocity_x_mps, velocity_y_mps
    width = outer - inner
    folds = floor((square - inner) / width)
    rest = (square - inner) - folds * width
    turned = folds % 2.0 != 0.0
    if turned:
        rest = width - rest
    radius_m = sqrt(square)
    unit_x, unit_y = x_m / radius_m, y_m / radius_m
    # Half a millimetre inside: a place stored as float32 must not round across the border.
    new_radius_m = min(max(sqrt(inner + rest), inner_m + 5e-4), outer_m - 5e-4)
    if turned:
        outward_mps = velocity_x_mps * unit_x + velocity_y_mps * unit_y
        velocity_x_mps -= 2.0 * outward_mps * unit_x
        velocity_y_mps -= 2.0 * outward_mps * unit_y
    return new_radius_m * unit_x, new_radius_m * unit_y, velocity_x_mps, velocity_y_mps


@scalar
def ring_radius_m(inner_m, outer_m, uniform_draw):
    """m from the centre, of a place uniform in the ring."""
    return sqrt(inner_m * inner_m + uniform_draw * (outer_m * outer_m - inner_m * inner_m))
