"""TR 38.901 UMi against printed values, two independent implementations, and laws."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import channel

ORACLE = Path(__file__).parents[3] / "shared" / "traces" / "oracle_tr38901.csv"
DISTANCES_M = (10, 50, 100, 200, 500, 1000)
SEEN_DB = (66.7610, 79.0896, 85.3142, 91.6112, 107.1080, 119.1474)  # 3.5 GHz, heights 10 and 1.5 m
BLOCKED_DB = (73.4569, 94.1807, 104.6438, 115.2288, 129.2645, 139.8892)
LOS_PROBABILITY = (1.0, 0.51959, 0.23098, 0.09352, 0.03600, 0.01800)

umi_path_loss_db = plain(channel.umi_path_loss_db)
umi_los_probability = plain(channel.umi_los_probability)


@pytest.mark.parametrize(
    ("distance_m", "seen_db", "blocked_db", "probability"), list(zip(DISTANCES_M, SEEN_DB, BLOCKED_DB, LOS_PROBABILITY))
)
def test_path_loss_and_line_of_sight_have_their_published_values(distance_m, seen_db, blocked_db, probability):
    assert umi_path_loss_db(distance_m, 10.0, 1.5, 3.5e9, 1) == pytest.approx(seen_db, abs=0.01)
    assert umi_path_loss_db(distance_m, 10.0, 1.5, 3.5e9, 0) == pytest.approx(blocked_db, abs=0.01)
    assert umi_los_probability(distance_m) == pytest.approx(probability, abs=1e-5)


@pytest.mark.skipif(not ORACLE.exists(), reason="the table of reference values is not beside this checkout")
def test_path_loss_agrees_with_crrm_and_sionna_at_every_umi_point():
    with ORACLE.open() as file:
        rows = [row for row in csv.DictReader(file) if row["scenario"] == "UMi"]
    assert len(rows) > 100
    for row in rows:
        distance_m = float(row["d2d_m"])
        ours_db = umi_path_loss_db(
            distance_m, float(row["h_bs_m"]), float(row["h_ut_m"]), float(row["fc_GHz"]) * 1e9, int(row["los"])
        )
        assert ours_db == pytest.approx(float(row["pl_dB_crrm202"]), abs=0.01)
        assert ours_db == pytest.approx(float(row["pl_dB_sionna220"]), abs=0.01)
        assert umi_los_probability(distance_m) == pytest.approx(float(row["p_los_sionna220"]), abs=1e-5)


def test_farther_is_never_louder_and_an_obstacle_never_helps():
    for line_of_sight in (0, 1):
        losses = [umi_path_loss_db(float(d), 10.0, 1.5, 3.5e9, line_of_sight) for d in range(10, 1000)]
        assert losses == sorted(losses)
    for distance_m in range(10, 1000, 7):
        seen, blocked = (umi_path_loss_db(float(distance_m), 10.0, 1.5, 3.5e9, each) for each in (1, 0))
        assert seen <= blocked


def test_line_of_sight_of_a_normal_number_has_the_probability_of_the_place():
    normals = np.random.default_rng(0).standard_normal(20_000)
    for distance_m in (15.0, 50.0, 100.0):
        seen = np.mean([channel.umi_line_of_sight(distance_m, each) for each in normals])
        assert seen == pytest.approx(umi_los_probability(distance_m), abs=0.012)


def test_two_short_walks_decorrelate_like_one_long_walk():
    one = channel.correlated(1.0, 7.0, 10.0, 0.0)
    two = channel.correlated(channel.correlated(1.0, 3.0, 10.0, 0.0), 4.0, 10.0, 0.0)
    assert one == pytest.approx(math.exp(-0.7)) == pytest.approx(two)
    assert channel.correlated(0.3, 0.0, 10.0, 5.0) == pytest.approx(0.3)
    kept = math.exp(-0.7)
    assert channel.correlated(0.0, 7.0, 10.0, 1.0) ** 2 == pytest.approx(1.0 - kept * kept)


def test_noise_of_100_mhz_and_9_db_is_minus_85_dbm():
    assert 10.0 * math.log10(1e3 * channel.noise_power_w(100e6, 9.0)) == pytest.approx(-85.0, abs=1e-6)
