"""Walking and driving users: Gauss-Markov motion, exact for any time between two looks, inside a ring.

    a  = exp(-t / tau)
    v' = a v + sigma sqrt(1 - a^2) w1
    s  = tau (1 - a) v + sigma (c w1 + d w2)               the step; per axis, mean velocity 0
    c  = tau (1 - a)^2 / sqrt(1 - a^2)                     so that cov(s, v') = sigma^2 tau (1 - a)^2
    c^2 + d^2 = 2 tau t - tau^2 (3 - 4 a + a^2)            the variance of the integrated velocity

    t  elapsed_s    tau  velocity_tau_s    sigma  velocity_sigma_mps = mean speed sqrt(2 / pi)

Ten steps of 1 s and one of 10 s have the same law, so users need to be moved only when they are looked at.
The step is walked straight, and thrown back by the cell's border like light by a mirror, which keeps uniform
places uniform however long the step (billiards keep volumes). Source: Liang and Haas 2003 (Gauss-Markov);
Gillespie 1996 (the exact pair).
"""

from __future__ import annotations

from math import expm1, pi, sqrt

from mei_gym.compiled import scalar

MOST_BOUNCES = 32  # of one step; only a step along the border meets more, and ends there
STORED_M = 5e-4  # a place stored as float32 must not round across a border
SIGMA_OF_MEAN_SPEED = sqrt(2.0 / pi)  # a plane normal velocity has mean speed sigma sqrt(pi / 2)


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


@scalar
def walked(x_m, y_m, step_x_m, step_y_m, velocity_x_mps, velocity_y_mps, inner_m, outer_m):
    """(m, m, m/s, m/s): place and velocity after a step from inside the ring; the border mirrors both."""
    end_x_m, end_y_m = x_m + step_x_m, y_m + step_y_m
    bounces = 0
    while end_x_m * end_x_m + end_y_m * end_y_m > outer_m * outer_m and bounces < MOST_BOUNCES:
        # The part t of the step at which |place + t step| = outer_m.
        square = step_x_m * step_x_m + step_y_m * step_y_m
        along = x_m * step_x_m + y_m * step_y_m
        inside = min(0.0, x_m * x_m + y_m * y_m - outer_m * outer_m)
        part = (sqrt(along * along - square * inside) - along) / square
        x_m, y_m = x_m + part * step_x_m, y_m + part * step_y_m
        out_x, out_y = x_m / outer_m, y_m / outer_m
        step_x_m, step_y_m = mirrored((1.0 - part) * step_x_m, (1.0 - part) * step_y_m, out_x, out_y)
        velocity_x_mps, velocity_y_mps = mirrored(velocity_x_mps, velocity_y_mps, out_x, out_y)
        end_x_m, end_y_m = x_m + step_x_m, y_m + step_y_m
        bounces += 1
    return (*kept_in_ring(end_x_m, end_y_m, inner_m, outer_m), velocity_x_mps, velocity_y_mps)


@scalar
def mirrored(x, y, out_x, out_y):
    """The vector with its part along the unit vector `out` turned round."""
    outward = x * out_x + y * out_y
    return x - 2.0 * outward * out_x, y - 2.0 * outward * out_y


@scalar
def kept_in_ring(x_m, y_m, inner_m, outer_m):
    """(m, m): a place by the mast, r^2 < inner^2, becomes the one at r^2 = 2 inner^2 - r^2 in its direction."""
    radius_m = sqrt(x_m * x_m + y_m * y_m)
    if radius_m <= 0.0:
        return sqrt(2.0) * inner_m, 0.0
    new_radius_m = radius_m
    if radius_m < inner_m:
        new_radius_m = sqrt(2.0 * inner_m * inner_m - radius_m * radius_m)
    new_radius_m = min(max(new_radius_m, inner_m + STORED_M), outer_m - STORED_M)
    return x_m * new_radius_m / radius_m, y_m * new_radius_m / radius_m


@scalar
def ring_radius_m(inner_m, outer_m, uniform_draw):
    """m from the centre, of a place uniform in the ring."""
    return sqrt(inner_m * inner_m + uniform_draw * (outer_m * outer_m - inner_m * inner_m))
