"""What buildings and cars take: hand numbers of the report's formulas, and the law of who is behind a wall."""

import math

import numpy as np
import pytest
from radio_world import empty_state, place_all

from mei_gym.compiled import plain
from mei_gym.network import link, penetration
from mei_gym.network.penetration import V16_1, V19_2
from mei_gym.network.setup import network_params

building_loss_db = plain(penetration.building_loss_db)


def placed(values, users=4000):
    params, state = network_params(values), empty_state(1, users)
    place_all(params, state)
    return params, state


def test_walls_have_their_losses_at_3_5_ghz():
    # glass 2.7, concrete 19 dB: 5 - 10 lg(.3 10^-.27 + .7 10^-1.9) = 12.70; coated glass 24.05 or 25.785 dB
    assert building_loss_db(V16_1, 0, 3.5e9, 0.0, 0.0) == pytest.approx(12.6975, abs=1e-3)
    old = 5.0 - 10.0 * math.log10(0.7 * 10**-2.405 + 0.3 * 10**-1.9)
    new = 5.0 - 10.0 * math.log10(0.7 * 10**-2.5785 + 0.3 * 10**-1.9)
    assert building_loss_db(V16_1, 1, 3.5e9, 0.0, 0.0) == pytest.approx(old, abs=1e-9)
    assert building_loss_db(V19_2, 1, 3.5e9, 0.0, 0.0) == pytest.approx(new, abs=1e-9)
    assert new > old > 20.0


def test_a_user_deeper_in_is_half_a_decibel_a_metre_weaker():
    near, far = (building_loss_db(V16_1, 0, 3.5e9, depth_m, 0.3) for depth_m in (2.0, 12.0))
    assert far - near == pytest.approx(5.0)
    assert building_loss_db(V16_1, 1, 3.5e9, 0.0, -50.0) == 0.0


def test_the_default_world_is_outdoors():
    _, state = placed({}, 100)
    assert not state.user_depth_m.any()
    assert not state.user_wall_db.any()


def test_shares_depths_and_losses_follow_their_laws():
    _, state = placed({"indoor_share": 0.6, "car_share": 0.3, "high_loss_share": 0.0})
    depths_m, losses_db = state.user_depth_m[0], state.user_wall_db[0]
    indoors = depths_m > 0.0
    in_cars = ~indoors & (losses_db > 0.0)
    assert indoors.mean() == pytest.approx(0.6, abs=0.025)
    assert in_cars.mean() == pytest.approx(0.3 * 0.964, abs=0.025)  # a car of N(9, 5) dB takes nothing in .036
    assert depths_m.max() < 25.0
    assert depths_m[indoors].mean() == pytest.approx(25.0 / 3.0, rel=0.04)  # the lesser of two uniform numbers
    assert losses_db[indoors].mean() == pytest.approx(12.69 + 0.5 * 25.0 / 3.0, abs=0.3)
    assert (losses_db[indoors] - 0.5 * depths_m[indoors]).std() == pytest.approx(4.4, rel=0.05)
    assert losses_db[in_cars].mean() == pytest.approx(9.4, abs=0.4)


def test_a_wall_weakens_every_site_and_leaves_no_direct_path():
    params, state = placed({"indoor_share": 1.0}, 200)
    bare = state._replace(user_wall_db=np.zeros_like(state.user_wall_db))
    for user in range(200):
        _, _, _, serving, direct, total = plain(link.heard)(params, state, 0, user)
        walled, open_air = (
            plain(link.sinr_of_gains)(params, each, 0, user, serving, total)[1] for each in (state, bare)
        )
        assert walled <= open_air  # interference is dimmed too, noise is not
        assert direct == 0
        assert plain(link.downlink_efficiency)(params, state, 0, user) <= plain(link.downlink_efficiency)(
            params, bare, 0, user
        )
