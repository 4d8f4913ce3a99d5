"""The sites that a user hears: where they stand, which of them are served, and how loudly the far ones are heard.

Sites 0 .. served - 1 have the scenario's users; the others interfere. A user near the border may be served by a site
that has none: by symmetry a user of that site is then served here, so it takes the air of the nearest served site
(`site_air`). A hexagonal lattice goes on beyond the sites that are laid; what is heard of its farther rings is nearly
the same everywhere about the origin, and is added up once an episode.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import numpy as np

from mei_gym.compiled import scalar
from mei_gym.network.channel import los_probability, path_loss_db, ratio
from mei_gym.network.topology import Sites

LATTICE_RINGS = 4  # how many rings of a lattice interfere; a fifth adds 6 % to what the rings beyond the first bring
DISK_OF_HEXAGON = sqrt(sqrt(3.0) / (2.0 * pi))  # radius, in site distances, of the disk of a hexagon's area: .525


class SiteParams(NamedTuple):
    """Where the sites are; what `sites_params` lays."""

    site_x_m: np.ndarray  # f8[sites], the served ones first
    site_y_m: np.ndarray  # f8[sites]
    site_air: np.ndarray  # i8[sites]: the served site whose air carries a user of this one
    sites: int
    served_sites: int
    far_distance_m: np.ndarray  # f8[places] of sites beyond those laid, from the origin
    far_sites: np.ndarray  # f8[places]: how many stand at that distance


def site_params(sites: Sites, served: int, lattice_m: float = 0.0, rings: int = 0) -> SiteParams:
    """The arrays of sites, those nearest to the origin first; `served` 0 means all.

    `lattice_m` is the distance between the sites of a hexagonal lattice of which `rings` rings are laid; 0: no lattice.
    """
    order = np.argsort(np.round(np.hypot(sites.x_m, sites.y_m), 3), kind="stable")
    x_m, y_m = np.ascontiguousarray(sites.x_m[order]), np.ascontiguousarray(sites.y_m[order])
    served = len(order) if served == 0 else served
    distances = np.hypot(x_m[:, None] - x_m[None, :served], y_m[:, None] - y_m[None, :served])
    far = [
        lattice_m * sqrt(ring * ring - ring * place + place * place)  # a sixth of the ring; the others are alike
        for ring in range(rings + 1, LATTICE_RINGS + 1 if lattice_m > 0.0 else 0)
        for place in range(ring)
    ]
    return SiteParams(
        x_m, y_m, distances.argmin(axis=1).astype(np.int64), len(x_m), served, np.array(far), np.full(len(far), 6.0)
    )


def disk_of_sites_m(sites: int, lattice_m: float) -> float:
    """m: radius of the disk that has the area of so many hexagons, 105 m for one of sites 200 m apart."""
    return lattice_m * DISK_OF_HEXAGON * sqrt(sites)


@scalar
def site_distance_of_place_m(params, x_m, y_m, site):
    """m along the ground from a place to a site."""
    across_m, along_m = x_m - params.site_x_m[site], y_m - params.site_y_m[site]
    return sqrt(across_m * across_m + along_m * along_m)


@scalar
def outer_gain(params):
    """A ratio: gains from the origin to the far sites, mean over line of sight, summed."""
    total = 0.0
    for place in range(params.far_distance_m.shape[0]):
        distance_m = params.far_distance_m[place]
        seen_db = path_loss_db(
            params.propagation, distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, 1
        )
        blocked_db = path_loss_db(
            params.propagation, distance_m, params.base_height_m, params.user_height_m, params.carrier_hz, 0
        )
        seen = los_probability(params.propagation, distance_m, params.user_height_m)
        total += params.far_sites[place] * (seen * ratio(-seen_db) + (1.0 - seen) * ratio(-blocked_db))
    return total
