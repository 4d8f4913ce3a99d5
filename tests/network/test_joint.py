"""Joint transmission: two sites' powers add, and nobody is the worse for a neighbour that joins."""

import numpy as np
import pytest

from mei_gym.compiled import plain
from mei_gym.network import joint
from mei_gym.network.cell import drift_cell, network_state, place_cell, place_user
from mei_gym.network.cooperation import noncoherent_sinr
from mei_gym.network.link import look_at_user, neighbour_load, path_gain
from mei_gym.network.setup import network_params

USERS = 200
CELL = {"fading": "none", "modulation": "shannon", "downlink_layers": 1.0}


def placed(**cell):
    params = network_params({**CELL, **cell})
    state = network_state(1, USERS, params.sites)
    state.key[0] = 7
    with np.errstate(over="ignore"):
        plain(place_cell)(params, state, 0)
        for user in range(USERS):
            plain(place_user)(params, state, 0, user)
    return params, state


@pytest.fixture(scope="module")
def looked():
    """(params, state, [(alone, together, partner)]) of users who were just placed."""
    params, state = placed()
    with np.errstate(over="ignore"):
        return params, state, [plain(joint.look_at_receiver)(params, state, 0, user, 0.0) for user in range(USERS)]


def test_a_neighbour_that_joins_never_makes_it_worse_and_the_far_ones_gain_most(looked):
    _, _, looks = looked
    alone, together = (np.array([look[place] for look in looks]) for place in (0, 1))
    assert (together >= alone).all()
    heard = alone > 0.0
    weak = alone < np.median(alone)
    gain = np.where(heard, together / np.where(heard, alone, 1.0), np.nan)
    assert np.nanmedian(gain[weak]) > 1.3 > 1.05 > np.nanquantile(gain[~weak], 0.1)


def test_its_sinr_is_cooperations_of_the_serving_and_the_strongest_other_site(looked):
    params, state, looks = looked
    load = plain(neighbour_load)(params, state, 0)
    for user in range(0, USERS, 7):
        gains = np.array([plain(path_gain)(params, state, 0, user, site) for site in range(params.sites)])
        serving, partner = int(state.user_site[0, user]), looks[user][2]
        others = gains.copy()
        others[serving] = 0.0
        assert partner == others.argmax()
        # the far rings are one more site, which never joins
        heard = np.append(gains, state.outer_gain[0])
        cooperates = np.isin(np.arange(len(heard)), [serving, partner])
        noise_w = 10.0 ** (-17.4) * 1e-3 * 273 * 12 * 30e3 * 10.0**0.9
        sinr = plain(noncoherent_sinr)(
            heard, np.full(len(heard), params.base_power_w), np.full(len(heard), load), cooperates, noise_w
        )
        floor = 10.0**-0.7
        expected = min(np.log2(1.0 + sinr / 10.0**0.2), 7.4063) if sinr >= floor else 0.0
        assert looks[user][1] == pytest.approx(expected, rel=1e-6)


def test_alone_it_receives_as_link_says_but_for_outage(looked):
    params, state, looks = looked
    outages = 0
    for user in range(USERS):
        with np.errstate(over="ignore"):
            down = plain(look_at_user)(params, state, 0, user, 0.0, 1)[1]
        if looks[user][0] == 0.0:
            outages += 1
            assert down < np.log2(1.0 + 10.0**-0.7 / 10.0**0.2)
        else:
            assert looks[user][0] == pytest.approx(down, rel=1e-12)
    assert outages < USERS / 10


def test_a_cell_alone_has_nobody_who_could_join():
    params = network_params(CELL, sites={"rings": 0})
    state = network_state(1, 1, params.sites)
    with np.errstate(over="ignore"):
        plain(place_cell)(params, state, 0)
        plain(place_user)(params, state, 0, 0)
        plain(drift_cell)(params, state, 0, 1.0, 1)
        alone, together, partner = plain(joint.look_at_receiver)(params, state, 0, 0, 0.0)
    assert partner == joint.NOBODY
    assert alone == together
