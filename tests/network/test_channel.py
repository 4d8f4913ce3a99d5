"""TR 38.901 against printed values, two independent implementations, and laws."""

import csv
import math

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import channel
from mei_gym.network.channel import INH_MIXED, INH_OPEN, PROPAGATIONS, UMA, UMI

path_loss_db = plain(channel.path_loss_db)
los_probability = plain(channel.los_probability)

KINDS = {"UMi": UMI, "UMa": UMA, "InH": INH_MIXED}
HEIGHTS_M = {"UMi": 10.0, "UMa": 25.0, "InH": 3.0}
OUTDOORS_M, OFFICE_M = (10, 50, 100, 200, 500, 1000), (2, 5, 10, 25, 50, 100)
PRINTED = {  # 3.5 GHz, users at 1.5 m: line of sight, blocked
    "UMi": (
        (66.7610, 79.0896, 85.3142, 91.6112, 107.1080, 119.1474),
        (73.4569, 94.1807, 104.6438, 115.2288, 129.2645, 139.8892),
    ),
    "UMa": (
        (69.8399, 77.2122, 83.1382, 89.5695, 98.2692, 109.4065),
        (79.4150, 92.5108, 103.0375, 114.4620, 129.9158, 141.6660),
    ),
    "InH": (
        (50.1657, 55.6973, 60.6649, 67.4792, 72.6769, 77.8822),
        (50.1657, 58.3346, 69.3323, 84.4183, 95.9253, 107.4492),
    ),
}
SIONNA_LIGHT_MPS = 299_792_458.0


@pytest.mark.parametrize("name", PRINTED)
def test_path_loss_has_its_printed_values(name):
    for distance_m, seen_db, blocked_db in zip(OFFICE_M if name == "InH" else OUTDOORS_M, *PRINTED[name]):
        for line_of_sight, expected_db in ((1, seen_db), (0, blocked_db)):
            ours_db = path_loss_db(KINDS[name], float(distance_m), HEIGHTS_M[name], 1.5, 3.5e9, line_of_sight)
            # beyond the break point the printed values are of the true speed of light, the report's of 3.0e8 m/s
            assert ours_db == pytest.approx(expected_db, abs=0.006)


def test_line_of_sight_has_its_printed_probabilities():
    for distance_m, expected in zip(OUTDOORS_M, (1.0, 0.51959, 0.23098, 0.09352, 0.03600, 0.01800)):
        assert los_probability(UMI, distance_m, 1.5) == pytest.approx(expected, abs=1e-5)
    # by hand: .36 + .64 exp(-50/63); exp(-3.8/4.7), .32 exp(-13.5/32.6); exp(-5/70.8), .54 exp(-51/211.7)
    assert los_probability(UMA, 50.0, 1.5) == pytest.approx(0.36 + 0.64 * math.exp(-50.0 / 63.0))
    assert los_probability(INH_MIXED, 5.0, 1.0) == pytest.approx(0.4455, abs=1e-4)
    assert los_probability(INH_MIXED, 20.0, 1.0) == pytest.approx(0.32 * math.exp(-13.5 / 32.6))
    assert los_probability(INH_OPEN, 10.0, 1.0) == pytest.approx(0.9318, abs=1e-4)
    assert los_probability(INH_OPEN, 100.0, 1.0) == pytest.approx(0.54 * math.exp(-51.0 / 211.7))


def test_a_user_above_13_m_sees_a_mast_above_the_roofs_more_often():
    # C = ((20 - 13) / 10)^1.5 = .586 times 1.25 (1.5)^3 / e = 1.55: nearly twice as often
    low, high = los_probability(UMA, 150.0, 13.0), los_probability(UMA, 150.0, 20.0)
    assert high / low == pytest.approx(1.0 + 0.7**1.5 * 1.25 * 1.5**3 * math.exp(-1.0))


def test_path_loss_agrees_with_crrm_and_sionna_at_every_point_of_the_table(traces):
    table = traces / "oracle_tr38901.csv"
    if not table.is_file():
        pytest.skip("the table of reference values is not beside this checkout")
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 540
    for row in rows:
        kind, distance_m = KINDS[row["scenario"]], float(row["d2d_m"])
        place = (
            kind, distance_m, float(row["h_bs_m"]), float(row["h_ut_m"]), float(row["fc_GHz"]) * 1e9, int(row["los"]),
        )  # fmt: skip
        ours_db = path_loss_db(*place)
        assert ours_db == pytest.approx(float(row["pl_dB_crrm202"]), abs=1e-4)
        assert ours_db == pytest.approx(float(row["pl_dB_sionna220"]), abs=0.01)
        break_m = plain(channel.break_point_m)(kind, *place[2:5]) * channel.LIGHT_MPS / SIONNA_LIGHT_MPS
        of_true_light_db = plain(channel.path_loss_of_break_db)(*place, break_m)
        assert of_true_light_db == pytest.approx(float(row["pl_dB_formula_c299792458"]), abs=1e-4)
        assert los_probability(kind, distance_m, float(row["h_ut_m"])) == pytest.approx(
            float(row["p_los_sionna220"]), abs=2e-6
        )


@pytest.mark.parametrize("line_of_sight", [0, 1])
@pytest.mark.parametrize("name", PRINTED)
def test_path_loss_agrees_with_crrm_over_the_grid(name, line_of_sight):
    crrm = pytest.importorskip("CRRM", reason="pip install CRRM==2.0.2")
    module = {"UMi": "UMi_pathloss_model_00", "UMa": "UMa_pathloss_model_06", "InH": "InH_pathloss_model_01"}[name]
    distances_m = np.geomspace(2.0, 140.0, 25) if name == "InH" else np.geomspace(10.0, 4900.0, 40)
    heights_m = (1.0, 1.5, 2.5) if name == "InH" else (1.5, 5.0, 12.5)
    oracle = getattr(__import__(f"{crrm.__name__}.{module}", fromlist=["_"]), f"{name}_pathloss")
    for carrier_ghz in (0.7, 3.5, 6.0, 28.0, 60.0):
        theirs = oracle(carrier_ghz, LOS=bool(line_of_sight))
        for height_m in heights_m:
            flat = distances_m[:, None]
            users = np.column_stack((distances_m, np.zeros_like(distances_m), np.full_like(distances_m, height_m)))
            mast = np.array([[0.0, 0.0, HEIGHTS_M[name]]])
            expected_db = theirs.get_pathloss_dB(flat, np.hypot(flat, HEIGHTS_M[name] - height_m), users, mast)[:, 0]
            ours_db = [
                path_loss_db(KINDS[name], each, HEIGHTS_M[name], height_m, carrier_ghz * 1e9, line_of_sight)
                for each in distances_m
            ]
            np.testing.assert_allclose(ours_db, expected_db, atol=0.01, rtol=0.0)


@pytest.mark.parametrize("line_of_sight", [True, False])
@pytest.mark.parametrize("name", ["UMi", "UMa"])
def test_path_loss_agrees_with_sionna(name, line_of_sight):
    """Heavy and optional: install torch's build for the CPU first, then `pip install sionna-no-rt==2.2.0`."""
    pytest.importorskip("sionna", reason="an optional oracle; the command is in the docstring")
    torch = pytest.importorskip("torch")
    from sionna.phy.channel import tr38901

    array = tr38901.PanelArray(1, 1, "single", "V", "omni", 3.5e9, precision="double")
    distances_m = np.geomspace(12.0, 2000.0, 30)
    scenario = getattr(tr38901, f"{name}Scenario")(
        3.5e9, "low", array, array, "downlink", enable_shadow_fading=False, precision="double"
    )
    users = torch.tensor([[[each, 0.0, 1.5] for each in distances_m]], dtype=torch.float64)
    mast = torch.tensor([[[0.0, 0.0, HEIGHTS_M[name]]]], dtype=torch.float64)
    nothing = torch.zeros_like(users)
    indoors = torch.zeros(users.shape[:2], dtype=torch.bool)
    scenario.set_topology(users, mast, nothing, torch.zeros_like(mast), nothing, indoors, los=line_of_sight)
    theirs_db = np.asarray(scenario.basic_pathloss).reshape(-1)
    ours_db = [path_loss_db(KINDS[name], each, HEIGHTS_M[name], 1.5, 3.5e9, int(line_of_sight)) for each in distances_m]
    np.testing.assert_allclose(ours_db, theirs_db, atol=0.01, rtol=0.0)


@pytest.mark.parametrize("kind", PROPAGATIONS.values())
def test_farther_is_never_louder_and_an_obstacle_never_helps(kind):
    base_m, first_m, last_m = (3.0, 1, 150) if kind >= INH_MIXED else (25.0 if kind == UMA else 10.0, 10, 1000)
    seen, blocked = (
        [path_loss_db(kind, float(d), base_m, 1.5, 3.5e9, each) for d in range(first_m, last_m)] for each in (1, 0)
    )
    assert seen == sorted(seen)
    assert blocked == sorted(blocked)
    assert all(one <= other for one, other in zip(seen, blocked))


@pytest.mark.parametrize("kind", PROPAGATIONS.values())
def test_line_of_sight_of_a_normal_number_has_the_probability_of_the_place(kind):
    normals = np.random.default_rng(0).standard_normal(20_000)
    for distance_m in (15.0, 50.0, 100.0):
        seen = np.mean([plain(channel.in_line_of_sight)(kind, distance_m, 1.5, each) for each in normals])
        assert seen == pytest.approx(los_probability(kind, distance_m, 1.5), abs=0.012)


def test_shadows_are_those_of_the_place_and_of_the_wall():
    sigma_db, correlation_m = plain(channel.shadowing_sigma_db), plain(channel.shadowing_correlation_m)
    assert [sigma_db(UMI, 1, 0), sigma_db(UMI, 0, 0), sigma_db(UMI, 1, 1)] == [4.0, 7.82, 7.0]
    assert [sigma_db(UMA, 1, 0), sigma_db(UMA, 0, 0), sigma_db(INH_OPEN, 1, 0)] == [4.0, 6.0, 3.0]
    assert [correlation_m(UMA, 1, 0), correlation_m(UMA, 0, 0), correlation_m(UMA, 0, 1)] == [37.0, 50.0, 7.0]
    assert [correlation_m(UMI, 1, 0), correlation_m(INH_MIXED, 1, 0), correlation_m(INH_MIXED, 0, 0)] == [10, 10, 6]


def test_two_short_walks_decorrelate_like_one_long_walk():
    one = channel.correlated(1.0, 7.0, 10.0, 0.0)
    two = channel.correlated(channel.correlated(1.0, 3.0, 10.0, 0.0), 4.0, 10.0, 0.0)
    assert one == pytest.approx(math.exp(-0.7)) == pytest.approx(two)
    assert channel.correlated(0.3, 0.0, 10.0, 5.0) == pytest.approx(0.3)
    kept = math.exp(-0.7)
    assert channel.correlated(0.0, 7.0, 10.0, 1.0) ** 2 == pytest.approx(1.0 - kept * kept)


def test_noise_of_100_mhz_and_9_db_is_minus_85_dbm():
    assert 10.0 * math.log10(1e3 * channel.noise_power_w(100e6, 9.0)) == pytest.approx(-85.0, abs=1e-6)


def test_compiled_losses_equal_plain_ones():
    for kind in PROPAGATIONS.values():
        for distance_m in (12.0, 90.0, 1400.0):
            for line_of_sight in (0, 1):
                place = (kind, distance_m, 10.0, 1.5, 3.5e9, line_of_sight)
                assert channel.path_loss_db(*place) == pytest.approx(path_loss_db(*place), rel=1e-13)
            assert channel.los_probability(kind, distance_m, 1.5) == pytest.approx(
                los_probability(kind, distance_m, 1.5), rel=1e-13
            )
