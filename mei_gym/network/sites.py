"""Where the sites of a hexagonal network stand, and how loudly the far ones are heard together."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.network.channel import los_probability, path_loss_db, ratio

SITES = 7  # site 0 at the origin, 1..6 its neighbours
OUTER_RINGS = 4  # how many rings of sites interfere; a fifth adds 6 %
DISK_OF_HEXAGON = sqrt(sqrt(3.0) / (2.0 * pi))  # radius, in site distances, of the disk of a hexagon's area: .525
NEIGHBOUR_COS = np.array([cos(pi * (site - 1) / 3.0) for site in range(SITES)])
NEIGHBOUR_SIN = np.array([sin(pi * (site - 1) / 3.0) for site in range(SITES)])


@scalar
def cell_radius_m(params):
    """m: of the disk with the hexagon's area, 105 m for sites 200 m apart."""
    return params.site_distance_m * DISK_OF_HEXAGON


@scalar
def site_distance_of_place_m(params, x_m, y_m, site):
    """m along the ground from a place to a site."""
    if site > 0:
        x_m = x_m - params.site_distance_m * NEIGHBOUR_COS[site]
        y_m = y_m - params.site_distance_m * NEIGHBOUR_SIN[site]
    return sqrt(x_m * x_m + y_m * y_m)


@scalar
def outer_gain(params):
    """A ratio: mean over line of sight of the median gains from the mast to rings 2..4 of sites, summed."""
    total = 0.0
    for ring in range(2, OUTER_RINGS + 1):
        for place in range(ring):  # a sixth of the ring; the other sixths are alike
            distance_m = params.site_distance_m * sqrt(ring * ring - ring * place + place * place)
            seen_db = path_loss_db(
                params.propagation, distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, 1
            )
            blocked_db = path_loss_db(
                params.propagation, distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, 0
            )
            seen = los_probability(params.propagation, distance_m, params.user_height_m)
            total += 6.0 * (seen * ratio(-seen_db) + (1.0 - seen) * ratio(-blocked_db))
    return total
