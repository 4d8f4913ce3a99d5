"""Whole networks dropped with these rules have the published SINR of hexagonal cities.

Users are uniform in the middle hexagon of 61 sites: its own and four rings round it, without wrapping. Every site is
omnidirectional and has a line of sight and a shadow of its own to each user; the strongest serves. All share a band of
100 MHz; at a quarter of the load each neighbour sends in a quarter of the instants. Two rings fewer and the medians
are .6 to .9 dB higher.
"""

import math

import numba
import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import channel
from mei_gym.network.channel import UMA, UMI, in_line_of_sight, path_loss_db, shadowing_sigma_db

USERS = 12_000


@numba.njit
def gains_db(propagation, x_m, y_m, sites_x_m, sites_y_m, base_height_m, los_normals, shadowing_normals):
    """[users, sites]"""
    gains = np.empty(los_normals.shape)
    for user in range(len(x_m)):
        for site in range(len(sites_x_m)):
            distance_m = max(10.0, math.hypot(x_m[user] - sites_x_m[site], y_m[user] - sites_y_m[site]))
            seen = in_line_of_sight(propagation, distance_m, 1.5, los_normals[user, site])
            median_db = path_loss_db(propagation, distance_m, base_height_m, 1.5, 3.5e9, seen)
            shadow_db = shadowing_sigma_db(propagation, seen, 0) * shadowing_normals[user, site]
            gains[user, site] = -median_db - shadow_db
    return gains


def hexagonal_sites(distance_m, rings=4):
    """Places of the site in the middle, then of the others."""
    places = [
        (distance_m * (u + v / 2.0), distance_m * v * math.sqrt(0.75))
        for u in range(-rings, rings + 1)
        for v in range(-rings, rings + 1)
        if abs(u + v) <= rings
    ]
    return np.array(sorted(places, key=lambda each: math.hypot(*each)))


def dropped_sinr_db(propagation, distance_m, base_height_m, power_dbm, load, keep_out_m=10.0, seed=0):
    """dB, of users dropped uniformly over the middle hexagon."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.6 * distance_m, 0.6 * distance_m, (4 * USERS, 2))
    angles = np.arange(6) * math.pi / 3.0
    inside = (places @ np.stack([np.cos(angles), np.sin(angles)]) <= distance_m / 2.0).all(axis=1)
    places = places[inside & (np.hypot(*places.T) >= keep_out_m)][:USERS]
    sites = hexagonal_sites(distance_m)
    assert len(sites) == 61
    shape = (len(places), len(sites))
    gain_db = gains_db(
        propagation, *places.T.copy(), *sites.T.copy(), base_height_m, rng.standard_normal(shape),
        rng.standard_normal(shape),
    )  # fmt: skip
    received_w = 10.0 ** ((power_dbm - 30.0 + gain_db) / 10.0)
    serving_w = received_w.max(axis=1)
    sends = (rng.random(shape) < load) & (received_w < serving_w[:, None])
    noise_w = plain(channel.noise_power_w)(100e6, 9.0)
    return 10.0 * np.log10(serving_w / (noise_w + (received_w * sends).sum(axis=1)))


def test_a_city_of_micro_cells_has_its_published_sinr_and_more_power_changes_nothing():
    sinr_db, louder_db = (dropped_sinr_db(UMI, 200.0, 10.0, power_dbm, 1.0) for power_dbm in (33.0, 44.0))
    assert np.median(sinr_db) == pytest.approx(5.8, abs=0.7)
    assert np.percentile(sinr_db, 5) == pytest.approx(-3.0, abs=0.5)
    assert np.percentile(sinr_db, 95) == pytest.approx(24.4, abs=0.7)
    assert 0.0 < np.median(louder_db) - np.median(sinr_db) < 0.1


def test_a_city_of_macro_cells_has_its_published_sinr():
    assert np.median(dropped_sinr_db(UMA, 500.0, 25.0, 46.0, 1.0)) == pytest.approx(6.7, abs=0.7)


@pytest.mark.parametrize(
    ("propagation", "distance_m", "height_m", "power_dbm", "expected_db"),
    [(UMI, 200.0, 10.0, 33.0, 16.6), (UMA, 500.0, 25.0, 46.0, 16.8)],
)
def test_a_quiet_network_is_as_clean_as_published(propagation, distance_m, height_m, power_dbm, expected_db):
    sinr_db = dropped_sinr_db(propagation, distance_m, height_m, power_dbm, 0.25)
    assert np.median(sinr_db) == pytest.approx(expected_db, abs=0.7)
