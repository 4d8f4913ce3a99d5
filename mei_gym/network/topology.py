"""Where the sites of a network stand: on a hexagonal lattice, at random, or as a file of a real network has them.

All are metres on a plane whose origin is the middle of the map. Longitude and latitude (WGS84) are projected
equirectangularly about the sites' centroid (lon0, lat0):

    x = N cos(lat0) (lon - lon0)    N = a / sqrt(1 - e^2 sin^2 lat0)                    radius across the meridian
    y = M (lat - lat0)              M = a (1 - e^2) / (1 - e^2 sin^2 lat0)^(3/2)        radius along the meridian

which is right to a thousandth over a city. These are functions of setting up; the rules read the arrays.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from inspect import signature
from math import cos, inf, isfinite, pi, radians, sin, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mei_gym.network.accepted import known, not_negative, positive, whole

MOST_SITES = 4096  # chosen: beyond it a look at all sites takes longer than a request
LARGEST_FILE_BYTES = 16 * 1024**2  # chosen
MOST_ROWS = 200_000  # chosen: the sites of a country; the box and the thinning come after reading
WIDEST_M = 500e3  # chosen: farther apart, a plane is no map
MOST_TRIES = 1000  # for one site of a hard core; the densest random packing is reached long before

SEMI_MAJOR_M = 6_378_137.0  # WGS84
ECCENTRICITY_SQUARED = 6.694_379_990_14e-3  # WGS84

PLANE, GLOBE = ("x_m", "y_m"), ("longitude", "latitude")  # names of a file's columns


class Sites(NamedTuple):
    """Places of base stations."""

    x_m: np.ndarray  # f8[sites]
    y_m: np.ndarray  # f8[sites]


def hexagonal_sites(rings: int, site_distance_m: float) -> Sites:
    """Site 0 at the origin and `rings` rings of sites about it, each ring counterclockwise from the positive x axis.

    Raises:
        ValueError: a number that makes no lattice.
    """
    rings = whole("rings", rings, 0, 36)  # 36 rings are 3997 sites
    site_distance_m = positive("site_distance_m", site_distance_m, WIDEST_M)
    places = [(0.0, 0.0)]
    for ring in range(1, rings + 1):
        for side in range(6):
            corner, along = pi * side / 3.0, pi * (side + 2) / 3.0
            for step in range(ring):
                x = ring * cos(corner) + step * cos(along)
                y = ring * sin(corner) + step * sin(along)
                places.append((x * site_distance_m, y * site_distance_m))
    return sites_at(np.array(places))


def poisson_sites(
    width_m: float,
    height_m: float,
    seed: int,
    *,
    density_per_km2: float | None = None,
    count: int | None = None,
    least_distance_m: float = 0.0,
) -> Sites:
    """Sites independent and uniform in a rectangle about the origin, a Poisson number of them or exactly `count`.

    With a least distance (a hard core) a site too near to an earlier one is drawn again, so the density stays what was
    asked for (simple sequential inhibition). A network has one site at least.

    Raises:
        ValueError: a number that makes no network, both or neither of density and count, or more sites than find room.
    """
    width_m, height_m = positive("width_m", width_m, WIDEST_M), positive("height_m", height_m, WIDEST_M)
    least_distance_m = not_negative("least_distance_m", least_distance_m, WIDEST_M)
    rng = np.random.default_rng(whole("seed", seed, 0, 2**53))
    if (density_per_km2 is None) == (count is None):
        raise ValueError("Random sites need either density_per_km2 or count, and not both.")
    if density_per_km2 is not None:
        area_km2 = width_m * height_m / 1e6
        most_per_km2 = 0.5 * MOST_SITES / area_km2  # half: the Poisson number must not exceed the limit
        drawn = rng.poisson(positive("density_per_km2", density_per_km2, most_per_km2) * area_km2)
        count = max(1, int(drawn))
    count = whole("count", count, 1, MOST_SITES)
    size_m = np.array([width_m, height_m])
    if least_distance_m == 0.0:
        return sites_at((rng.random((count, 2)) - 0.5) * size_m)
    places = np.empty((count, 2))
    for site in range(count):
        for _ in range(MOST_TRIES):
            places[site] = (rng.random(2) - 0.5) * size_m
            if nearest_m(places[site], places[:site]) >= least_distance_m:
                break
        else:
            raise ValueError(
                f"Only {site} of {count} sites found room {least_distance_m:g} m apart in {width_m:g} x {height_m:g} m;"
                " fewer sites or a smaller least_distance_m are accepted."
            )
    return sites_at(places)


def sites_of_file(
    path: str | Path, *, width_m: float = inf, height_m: float = inf, least_distance_m: float = 0.0
) -> Sites:
    """Sites of a CSV file with columns x_m, y_m or longitude, latitude, about their centroid; others are passed over.

    Only sites within the box of `width_m` x `height_m` about the centroid are kept. `least_distance_m` thins them, in
    the file's order, to sites at least so far apart: an operator's antennas stand far closer than edge servers would.

    Raises:
        ValueError: a file that is no such table, with the line at fault, or no or too many sites in the box.
    """
    for name, value in (("width_m", width_m), ("height_m", height_m)):
        if value != inf:
            positive(name, value)
    not_negative("least_distance_m", least_distance_m)
    if not isinstance(path, (str, Path)):
        raise ValueError(f"path is {path!r}; the name of a site file is accepted.")
    path = Path(path)
    places = planar(path)
    inside = (np.abs(places) <= 0.5 * np.array([width_m, height_m])).all(axis=1)
    kept = thinned(places[inside], least_distance_m)
    if not 1 <= len(kept) <= MOST_SITES:
        raise ValueError(
            f"The site file {path.name} leaves {len(kept)} sites; 1 to {MOST_SITES} are accepted,"
            " and width_m, height_m and least_distance_m choose among them."
        )
    return sites_at(kept)


def planar(path: Path) -> np.ndarray:
    """m [sites, 2] about the centroid of the file's sites."""
    names, values = table(path)
    middle = values.mean(axis=0)
    places = values - middle
    if names == GLOBE:
        latitude = radians(middle[1])
        squeezed = 1.0 - ECCENTRICITY_SQUARED * sin(latitude) ** 2
        across_m = SEMI_MAJOR_M / sqrt(squeezed) * cos(latitude)
        along_m = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / squeezed**1.5
        places = np.radians(places) * np.array([across_m, along_m])
    widest_m = float(np.ptp(places, axis=0).max())
    if widest_m > WIDEST_M:
        raise ValueError(
            f"The sites of {path.name} lie {widest_m / 1e3:.0f} km apart; up to {WIDEST_M / 1e3:.0f} km are accepted."
        )
    return places


def table(path: Path) -> tuple[tuple[str, str], np.ndarray]:
    """The names of the two columns that a file has, and their numbers [rows, 2]."""
    if not path.is_file():
        raise ValueError(f"There is no site file {str(path)!r}.")
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise ValueError(f"The site file {path.name} is larger than {LARGEST_FILE_BYTES} bytes.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"The site file {path.name} is not text in UTF-8.") from None
    rows = csv.reader(io.StringIO(text, newline=""))
    values = []
    try:
        columns = [each.strip().lower() for each in next(rows, [])]
        names = PLANE if set(PLANE) <= set(columns) else GLOBE
        if not set(names) <= set(columns):
            raise ValueError(
                f"The site file {path.name} has the columns {', '.join(columns)[:200] or 'of an empty file'};"
                " x_m, y_m or longitude, latitude are needed."
            )
        places = columns.index(names[0]), columns.index(names[1])
        for row in rows:
            if len(values) == MOST_ROWS:
                raise ValueError(f"The site file {path.name} has more than {MOST_ROWS} rows.")
            if row:
                values.append(numbers(row, places, names, f"Line {rows.line_num} of the site file {path.name}"))
    except csv.Error as error:
        raise ValueError(f"Line {rows.line_num} of the site file {path.name} is no CSV: {error}.") from None
    if not values:
        raise ValueError(f"The site file {path.name} has no rows.")
    return names, np.array(values)


def numbers(row: list[str], places: tuple[int, int], names: tuple[str, str], where: str) -> tuple[float, float]:
    """The two numbers of a row."""
    limits = (180.0, 90.0) if names == GLOBE else (1e9, 1e9)
    found = []
    for place, name, limit in zip(places, names, limits):
        if place >= len(row):
            raise ValueError(f"{where} has no {name}.")
        try:
            value = float(row[place])
        except ValueError:
            value = inf
        if not (isfinite(value) and abs(value) <= limit):
            raise ValueError(f"{where}: {name} is {row[place]!r:.40}; a number within {limit:g} of 0 is accepted.")
        found.append(value)
    return found[0], found[1]


def thinned(places: np.ndarray, least_distance_m: float) -> np.ndarray:
    """The places at least so far from all that were kept before them."""
    if least_distance_m == 0.0:
        return places
    kept = np.empty_like(places)
    count = 0
    for place in places:
        if count <= MOST_SITES and nearest_m(place, kept[:count]) >= least_distance_m:
            kept[count] = place
            count += 1
    return kept[:count]


def nearest_m(place: np.ndarray, others: np.ndarray) -> float:
    """m to the nearest of the other places; inf without any."""
    return float(np.sqrt(((others - place) ** 2).sum(axis=1)).min(initial=inf))


def sites_at(places: np.ndarray) -> Sites:
    """Places [sites, 2] as columns."""
    return Sites(np.ascontiguousarray(places[:, 0], np.float64), np.ascontiguousarray(places[:, 1], np.float64))


#: As a scenario file calls them, and what sets each up.
TOPOLOGIES: dict[str, Callable[..., Sites]] = {
    "hexagonal": hexagonal_sites,
    "poisson": poisson_sites,
    "file": sites_of_file,
}


def sites_of(topology: str, values: Mapping[str, Any]) -> Sites:
    """The sites of a topology by its name, from a scenario's values for it.

    Raises:
        ValueError: an unknown topology or value, one that is missing, or a number that makes no network.
    """
    build = TOPOLOGIES[known("topology", topology, TOPOLOGIES)]
    accepted = signature(build).parameters
    for name in values:
        known(f"value of the topology {topology!r} called", name, accepted)
    missing = [name for name, each in accepted.items() if each.default is each.empty and name not in values]
    if missing:
        raise ValueError(f"The topology {topology!r} needs {', '.join(missing)} too.")
    return build(**values)
