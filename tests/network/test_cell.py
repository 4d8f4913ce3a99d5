"""The cell as a whole: its SINR against published medians, its users' motion, and that policies do not touch it."""

import math

import numba
import numpy as np
import pytest
from radio_world import SITES, empty_state, place_all

from mei_gym.compiled import plain
from mei_gym.network import cell, link
from mei_gym.network.cell import NetworkState
from mei_gym.network.movement import GAUSS_MARKOV, MANHATTAN, RANDOM_WAYPOINT, STATIC
from mei_gym.network.setup import network_params
from mei_gym.network.sites import outer_gain


@numba.njit
def move_all(params, state, elapsed_s, step):
    for lane in range(state.key.shape[0]):
        cell.drift_cell(params, state, lane, elapsed_s, step)
        for user in range(state.user_x_m.shape[1]):
            cell.move_user(params, state, lane, user, elapsed_s, step)


@numba.njit
def look_at_all(params, state):
    """[lanes, users, 3 + SITES]: efficiency up, down, power, gains to the sites."""
    seen = np.zeros((state.key.shape[0], state.user_x_m.shape[1], 3 + SITES))
    for lane in range(seen.shape[0]):
        for user in range(seen.shape[1]):
            up, down, power_w = link.user_link(params, state, lane, user)
            seen[lane, user, 0], seen[lane, user, 1], seen[lane, user, 2] = up, down, power_w
            for site in range(SITES):
                seen[lane, user, 3 + site] = link.path_gain(params, state, lane, user, site)
    return seen


def plain_story(params, state, steps):
    with np.errstate(over="ignore"):
        plain(cell.place_cell)(params, state, 0)
        for user in range(state.user_x_m.shape[1]):
            plain(cell.place_user)(params, state, 0, user)
        for step in range(1, steps + 1):
            plain(cell.drift_cell)(params, state, 0, 7.5, step)
            for user in range(state.user_x_m.shape[1]):
                plain(cell.move_user)(params, state, 0, user, 7.5, step)


WORLDS = [
    {},
    {"propagation": "uma", "indoor_share": 0.5, "car_share": 0.3, "fading": "block", "modulation": "mcs_table2"},
    {"propagation": "inh_mixed", "fading": "ar1", "modulation": "tr36942"},
    {"propagation": "inh_open", "fading": "none"},
]


@pytest.mark.parametrize("values", WORLDS)
def test_compiled_users_walk_where_plain_ones_do(values):
    params = network_params(values)
    compiled, interpreted = empty_state(), empty_state()
    place_all(params, compiled)
    for step in range(1, 21):
        move_all(params, compiled, 7.5, step)
    plain_story(params, interpreted, 20)
    for name, ours, theirs in zip(NetworkState._fields, compiled, interpreted):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5, err_msg=name)
    for user in range(3):
        with np.errstate(over="ignore"):
            expected = plain(link.user_link)(params, interpreted, 0, user)
        np.testing.assert_allclose(look_at_all(params, compiled)[0, user, :3], expected, rtol=1e-4)


@pytest.fixture(scope="module")
def crowd():
    """64 episodes of 100 users, placed."""
    params = network_params({})
    state = empty_state(64, 100)
    place_all(params, state)
    return params, state, look_at_all(params, state)


def sinr_db(params, state, gains, load):
    """dB for `load`: one number, or one for each gain to a site."""
    serving = gains.max(axis=-1)
    others = np.where(gains == serving[..., None], 0.0, gains * load).sum(axis=-1)
    noise_w = plain(link.noise_power_w)(98.28e6, params.user_noise_figure_db)
    far = np.mean(load) * state.outer_gain[:, None]
    return 10.0 * np.log10(params.base_power_w * serving / (params.base_power_w * (others + far) + noise_w))


def test_median_sinr_is_that_of_published_hexagonal_networks(crowd):
    """5.8 dB at full load; 16.6 dB when a quarter of the neighbours transmit (on or off each, hence above + 6 dB)."""
    params, state, seen = crowd
    gains = seen[:, :, 3:]
    assert np.median(sinr_db(params, state, gains, 1.0)) == pytest.approx(5.8, abs=2.0)
    transmitting = np.random.default_rng(0).random(gains.shape) < 0.25
    assert np.median(sinr_db(params, state, gains, transmitting)) == pytest.approx(16.6, abs=2.0)
    assert np.percentile(sinr_db(params, state, gains, 1.0), 5) == pytest.approx(-3.0, abs=2.0)
    assert np.percentile(sinr_db(params, state, gains, 1.0), 95) == pytest.approx(24.4, abs=2.0)


def test_the_link_of_a_loaded_network_is_that_of_its_gains(crowd):
    params, state, seen = crowd
    loaded = {"fading": "none", "neighbour_load_mean": 1.0, "neighbour_load_sd": 0.0, "downlink_layers": 1}
    full = network_params(loaded)
    expected = np.log2(1.0 + 10.0 ** (sinr_db(full, state, seen[:, :, 3:], 1.0) / 10.0) / 10.0**0.2)
    above_floor = sinr_db(full, state, seen[:, :, 3:], 1.0) > -6.9
    ours = look_at_all(full, state)[:, :, 1]
    np.testing.assert_allclose(ours[above_floor], np.minimum(expected, 7.4063)[above_floor], rtol=1e-5)
    assert (ours > 0.0).all()


def test_busier_neighbours_never_make_the_downlink_faster(crowd):
    params, state, _ = crowd
    calm, busy = (
        look_at_all(params._replace(neighbour_load_mean=load, uplink_rise_mean_db=20.0 * load), state)
        for load in (0.3, 0.6)
    )
    assert (busy[:, :, 1] <= calm[:, :, 1]).all()
    assert (busy[:, :, 0] <= calm[:, :, 0]).all()


@pytest.mark.parametrize("values", WORLDS)
def test_more_power_of_the_base_station_never_slows_a_user_down(values):
    state = empty_state(1, 60)
    place_all(network_params(values), state)
    weak, strong = (look_at_all(network_params({**values, "base_power_w": watts}), state)[0] for watts in (0.05, 5.0))
    assert (weak[:, 1] <= strong[:, 1]).all()
    assert (weak[:, 1] < strong[:, 1]).any()


def test_a_user_is_in_outage_where_its_mean_sinr_lies_below_the_lowest_code(crowd):
    params, state, _ = crowd
    deaf = 0
    for user in range(100):
        _, down_sinr, _, _ = link.user_sinr(params, state, 0, user)
        outage = cell.user_in_outage(params, state, 0, user)
        assert outage == (10.0 * math.log10(down_sinr) < -7.0)
        deaf += outage
    assert 0 <= deaf < 10
    quiet = network_params({"base_power_w": 1e-12})
    assert all(cell.user_in_outage(quiet, state, 0, user) for user in range(100))
    assert (look_at_all(quiet, state)[:, :, 1] > 0.0).all()


def test_no_phone_sends_with_more_than_23_dbm_and_none_with_nothing(crowd):
    params, _, seen = crowd
    assert (seen[:, :, 2] > 0.0).all()
    assert (seen[:, :, 2] <= params.user_power_maximum_w).all()


def test_walking_keeps_the_law_of_places_shadows_and_loads():
    params = network_params({})
    state = empty_state(32, 60, mean_speed_mps=8.0)
    place_all(params, state)
    for step in range(1, 31):
        move_all(params, state, 9.0, step)
    squares = state.user_x_m**2 + state.user_y_m**2
    radius_m = 200.0 * math.sqrt(math.sqrt(3.0) / (2.0 * math.pi))
    assert squares.min() >= 10.0**2
    assert squares.max() <= radius_m**2
    assert squares.mean() == pytest.approx((10.0**2 + radius_m**2) / 2.0, rel=0.04)
    for normals in (state.user_los_normal, state.user_shadowing_normal):
        assert normals.mean() == pytest.approx(0.0, abs=0.04)
        assert normals.std() == pytest.approx(1.0, abs=0.04)
    speeds = np.hypot(state.user_velocity_x_mps, state.user_velocity_y_mps)
    assert speeds.mean() == pytest.approx(8.0, rel=0.05)


def test_the_neighbours_load_drifts_with_its_correlation_time():
    params = network_params({})
    state = empty_state(4000, 1)
    place_all(params, state)
    before = state.neighbour_load_normal.copy()
    move_all(params, state, 59.0, 1)
    assert np.corrcoef(before, state.neighbour_load_normal)[0, 1] == pytest.approx(math.exp(-0.5), abs=0.03)
    assert np.corrcoef(state.uplink_rise_normal, state.neighbour_load_normal)[0, 1] == pytest.approx(0.0, abs=0.06)


def test_a_user_who_stands_still_keeps_its_link_and_one_user_never_moves_another():
    params = network_params({})
    state = empty_state(1, 3, mean_speed_mps=0.0)
    state.user_mean_speed_mps[0, 1] = 1.4
    place_all(params, state)
    before = look_at_all(params, state)[0]
    for user in range(3):
        cell.move_user(params, state, 0, user, 60.0, 1)
    after = look_at_all(params, state)[0]
    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    assert (before[1] != after[1]).any()


def test_far_sites_are_as_loud_as_computed_by_simulation():
    # 20,000 places in the cell, sites of rings 2 to 4 with shadowing: the sum's median is 7.0e-11
    assert plain(outer_gain)(network_params({})) == pytest.approx(7.0e-11, rel=0.25)


def test_every_mobility_moves_among_the_sites_of_every_topology():
    params = network_params({}, "poisson", {"width_m": 1299.0, "height_m": 750.0, "seed": 3, "count": 12}, served=0)
    for mobility in (STATIC, GAUSS_MARKOV, RANDOM_WAYPOINT, MANHATTAN):
        state = empty_state(1, 200, 10.0, sites=12, mobility=mobility)
        place_all(params, state)
        first = state.user_site.copy()
        for step in range(1, 11):
            for user in range(200):
                cell.move_user(params, state, 0, user, 20.0, step)
                link.look_at_user(params, state, 0, user, 20.0, step)
        changed = (first != state.user_site).mean()
        assert changed == 0.0 if mobility == STATIC else changed > 0.3
        assert np.abs(state.user_x_m).max() <= 1299.0 / 2.0
        assert np.abs(state.user_y_m).max() <= 750.0 / 2.0


def test_the_site_that_serves_is_within_the_hysteresis_of_the_strongest():
    params = network_params({}, served=0, handover={"handover_hysteresis_db": 3.0})
    state = empty_state(1, 100, 10.0)
    place_all(params, state)
    kept = 0
    for step in range(1, 31):
        for user in range(100):
            cell.move_user(params, state, 0, user, 5.0, step)
            link.look_at_user(params, state, 0, user, 5.0, step)
            site, strongest, _, serving, _, _ = link.heard(params, state, 0, user)
            assert strongest <= serving * 10.0**0.3
            kept += site != state.user_site[0, user]
    assert kept > 30  # the hysteresis does something


def test_a_user_of_a_site_that_is_not_served_takes_the_air_of_the_nearest_that_is():
    params = network_params({}, "hexagonal", {"rings": 2}, served=7)
    assert params.site_air[:7].tolist() == list(range(7))
    for site in range(7, 19):
        apart_m = np.hypot(params.site_x_m[:7] - params.site_x_m[site], params.site_y_m[:7] - params.site_y_m[site])
        assert apart_m[params.site_air[site]] == pytest.approx(apart_m.min())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"topology": "hexagon"}, "did you mean 'hexagonal'"),
        ({"served": 8}, "served is 8; 0 for all, or up to the 7 sites"),
        ({"sites": {"rings": -1}}, "rings is -1"),
        ({"sites": {"ring": 1}}, "did you mean 'rings'"),
        ({"region": {"region_outer_m": -5.0}}, "region_outer_m is -5"),
        ({"handover": {"handover_hysteresis_db": 90.0}}, "handover_hysteresis_db"),
        ({"cell": {"carrier_hz": -1.0}}, "carrier_hz"),
        ({"cell": {"site_distance_m": 15.0}}, "region_inner_m is 10; less than region_outer_m, 7.87"),
    ],
)
def test_a_network_that_cannot_be_is_refused_in_one_sentence(wrong, said):
    with pytest.raises(ValueError, match=said) as refusal:
        network_params(**wrong)
    assert "\n" not in str(refusal.value)
