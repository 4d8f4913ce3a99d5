"""The area in which users move: a disk around a mast, or a rectangle, both about the origin.

    disk        inner_m <= r <= outer_m: nobody stands by the mast, where the path loss formulas end
    rectangle   |x| <= width_m / 2, |y| <= height_m / 2

A border throws a step back like a mirror throws light, which keeps uniform places uniform however long the step:
billiards keep volumes. Mean length of a leg between two uniform places: disk 128 outer_m / (45 pi); rectangle
a x b of diagonal d

    (a^3 / b^2 + b^3 / a^2 + d (3 - a^2 / b^2 - b^2 / a^2)) / 15
    + (b^2 / a ln((a + d) / b) + a^2 / b ln((b + d) / a)) / 6

Source: Santalo, Integral Geometry, 1976; Ghosh 1951 (the rectangle).
"""

from __future__ import annotations

from math import cos, floor, log, pi, sin, sqrt

from mei_gym.compiled import scalar

DISK, RECTANGLE = 0, 1
REGIONS = {"disk": DISK, "rectangle": RECTANGLE}  # as a scenario file calls them

MOST_BOUNCES = 32  # of one step in a disk; only a step along the border meets more, and ends there
STORED_M = 5e-4  # a place stored as float32 must not round across a border


@scalar
def uniform_place(params, first, second):
    """(m, m): a place uniform in the region, from two uniform draws."""
    if params.region_shape == RECTANGLE:
        return (first - 0.5) * params.region_width_m, (second - 0.5) * params.region_height_m
    radius_m = ring_radius_m(params.region_inner_m, params.region_outer_m, first)
    angle = 2.0 * pi * second
    return radius_m * cos(angle), radius_m * sin(angle)


@scalar
def uniform_waypoint(params, first, second):
    """(m, m): a place uniform in the region and in the gap by the mast, so that legs join any two of them straight."""
    if params.region_shape == RECTANGLE:
        return uniform_place(params, first, second)
    radius_m = params.region_outer_m * sqrt(first)
    angle = 2.0 * pi * second
    return radius_m * cos(angle), radius_m * sin(angle)


@scalar
def around_mast(params, x_m, y_m):
    """(m, m): where a user is who is on its way through the gap by the mast: it walks round, on the gap's border."""
    radius_m = sqrt(x_m * x_m + y_m * y_m)
    if params.region_shape == RECTANGLE or radius_m >= params.region_inner_m:
        return x_m, y_m
    if radius_m <= 0.0:
        return params.region_inner_m, 0.0
    return x_m * params.region_inner_m / radius_m, y_m * params.region_inner_m / radius_m


@scalar
def diameter_m(params):
    """m: the longest leg that fits into the region."""
    if params.region_shape == RECTANGLE:
        return sqrt(params.region_width_m**2 + params.region_height_m**2)
    return 2.0 * params.region_outer_m


@scalar
def mean_leg_m(params):
    """m: mean distance between two places uniform in the region, the gap by the mast filled."""
    if params.region_shape != RECTANGLE:
        return 128.0 * params.region_outer_m / (45.0 * pi)
    a, b = params.region_width_m, params.region_height_m
    d = sqrt(a * a + b * b)
    bulk = a**3 / b**2 + b**3 / a**2 + d * (3.0 - a * a / (b * b) - b * b / (a * a))
    return bulk / 15.0 + (b * b / a * log((a + d) / b) + a * a / b * log((b + d) / a)) / 6.0


@scalar
def walked_in_region(params, x_m, y_m, step_x_m, step_y_m, velocity_x_mps, velocity_y_mps):
    """(m, m, m/s, m/s): place and velocity after a step from inside the region; the border mirrors both."""
    if params.region_shape == RECTANGLE:
        x_m, velocity_x_mps = folded(x_m + step_x_m, velocity_x_mps, 0.5 * params.region_width_m)
        y_m, velocity_y_mps = folded(y_m + step_y_m, velocity_y_mps, 0.5 * params.region_height_m)
        return x_m, y_m, velocity_x_mps, velocity_y_mps
    return walked(
        x_m, y_m, step_x_m, step_y_m, velocity_x_mps, velocity_y_mps, params.region_inner_m, params.region_outer_m
    )


@scalar
def folded(place_m, velocity_mps, half_m):
    """(m, m/s): along one axis between mirrors at -half_m and half_m, any number of reflections."""
    period_m = 4.0 * half_m
    along_m = place_m + half_m
    along_m -= period_m * floor(along_m / period_m)
    if along_m > 2.0 * half_m:
        return 3.0 * half_m - along_m, -velocity_mps
    return along_m - half_m, velocity_mps


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
