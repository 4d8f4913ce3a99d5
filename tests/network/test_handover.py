"""Handover: event A3 by hand, ping-pong against hysteresis, and what an interruption costs."""

import re
from itertools import pairwise

import numba
import numpy as np
import pytest

from mei_gym.chance import episode_key
from mei_gym.compiled import plain
from mei_gym.network import handover
from mei_gym.network.handover import HandoverParams, HandoverState, handover_params

serving_after = plain(handover.serving_after)


def empty_state(lanes=1, users=1):
    with np.errstate(over="ignore"):
        keys = np.array([plain(episode_key)(5, lane) for lane in range(lanes)], np.uint64)
    return HandoverState(keys, np.zeros((lanes, users), np.int64), np.zeros((lanes, users)))


def test_a_neighbour_takes_over_when_it_is_better_by_more_than_the_hysteresis_for_long_enough():
    assert serving_after(0, 1.0, 1, 1.9, 2.0, 0.16, 60.0) == (0, 0.0)
    assert serving_after(0, 1.0, 1, 2.1, 2.0, 0.16, 60.0) == (1, 0.0)
    assert serving_after(0, 1.0, 1, 2.1, 2.0, 0.16, 0.10) == (0, 0.10)
    assert serving_after(0, 1.0, 0, 1.0, 1.0, 0.16, 60.0) == (0, 0.0)


def test_close_looks_have_to_add_up_to_the_time_to_trigger():
    params, state = HandoverParams(), empty_state()
    look = plain(handover.hand_over)
    plain(handover.attach)(state, 0, 0, 3)
    assert look(params, state, 0, 0, 4, 4.0, 1.0, 0.1) == 0
    assert look(params, state, 0, 0, 4, 1.5, 1.0, 0.1) == 0  # the neighbour falls back: the count begins anew
    assert look(params, state, 0, 0, 4, 4.0, 1.0, 0.1) == 0
    assert state.user_site[0, 0] == 3
    assert look(params, state, 0, 0, 5, 4.0, 1.0, 0.1) == 1
    assert (state.user_site[0, 0], state.user_triggered_s[0, 0]) == (5, 0.0)
    assert look(params, state, 0, 0, 4, 9.0, 1.0, 30.0) == 1  # seconds later: at once


@numba.njit
def walk_between(params, state, gains_db, elapsed_s, sites):
    """Looks at user 0 of each lane in turn; `sites` [looks, lanes] becomes who served."""
    for lane in range(state.user_site.shape[0]):
        for look in range(gains_db.shape[0]):
            strongest = 0 if gains_db[look, lane, 0] >= gains_db[look, lane, 1] else 1
            if look == 0:
                handover.attach(state, lane, 0, strongest)
            serving = gains_db[look, lane, state.user_site[lane, 0]]
            best = gains_db[look, lane, strongest]
            handover.hand_over(
                params, state, lane, 0, strongest, 10.0 ** (best / 10.0), 10.0 ** (serving / 10.0), elapsed_s
            )
            sites[look, lane] = state.user_site[lane, 0]


def walks(looks=400, lanes=40, elapsed_s=1.0):
    """dB [looks, lanes, 2]: gains of two sites on the border between them, shadows of 4 dB and 10 m, at 1.4 m/s."""
    rng = np.random.default_rng(8)
    kept = np.exp(-1.4 * elapsed_s / 10.0)
    gains_db = np.empty((looks, lanes, 2))
    gains_db[0] = 4.0 * rng.standard_normal((lanes, 2))
    for look in range(1, looks):
        gains_db[look] = kept * gains_db[look - 1] + 4.0 * np.sqrt(1.0 - kept**2) * rng.standard_normal((lanes, 2))
    return gains_db


def served(hysteresis_db, gains_db, elapsed_s=1.0):
    sites = np.zeros(gains_db.shape[:2], np.int64)
    params = handover_params(handover_hysteresis_db=hysteresis_db)
    walk_between(params, empty_state(gains_db.shape[1]), gains_db, elapsed_s, sites)
    return sites


def ping_pongs(sites, within=5):
    """Handovers that are taken back within so many looks."""
    changes = np.diff(sites, axis=0) != 0
    return sum(
        changes[look + 1 : look + 1 + within][:, changes[look]].any(axis=0).sum() for look in range(len(changes))
    )


def test_ping_pong_and_handovers_fall_with_hysteresis_and_the_serving_site_gets_weaker():
    gains_db = walks()
    all_sites = [served(hysteresis_db, gains_db) for hysteresis_db in (0.0, 1.0, 3.0, 6.0, 15.0)]
    handovers = [(np.diff(sites, axis=0) != 0).sum() for sites in all_sites]
    back = [ping_pongs(sites) for sites in all_sites]
    serving_db = [np.take_along_axis(gains_db, sites[..., None], axis=2).mean() for sites in all_sites]
    assert all(low > high for low, high in pairwise(handovers))
    assert all(low > high for low, high in pairwise(back[:4]))
    assert back[2] < 0.5 * back[0]
    assert all(low > high for low, high in pairwise(serving_db))


def test_without_hysteresis_the_strongest_site_serves_and_with_it_none_stronger_by_more():
    gains_db = walks()
    np.testing.assert_array_equal(served(0.0, gains_db), gains_db.argmax(axis=2))
    serving_db = np.take_along_axis(gains_db, served(3.0, gains_db)[..., None], axis=2)[..., 0]
    assert (gains_db.max(axis=2) - serving_db).max() <= 3.0


def test_compiled_users_are_handed_over_when_plain_ones_are():
    gains_db = walks(looks=60, lanes=4, elapsed_s=0.1)
    state, params = empty_state(4), HandoverParams()
    compiled = served(3.0, gains_db, elapsed_s=0.1)
    seen = np.zeros_like(compiled)
    for lane in range(4):
        for look in range(60):
            strongest = int(gains_db[look, lane].argmax())
            if look == 0:
                plain(handover.attach)(state, lane, 0, strongest)
            best, serving = 10.0 ** (gains_db[look, lane, [strongest, state.user_site[lane, 0]]] / 10.0)
            plain(handover.hand_over)(params, state, lane, 0, strongest, best, serving, 0.1)
            seen[look, lane] = state.user_site[lane, 0]
    assert (np.diff(seen, axis=0) != 0).any()
    np.testing.assert_array_equal(seen, compiled)


def test_a_request_waits_for_what_is_left_of_the_interruption():
    """40 ms that began at any moment of the last 50: 40^2 / (2 x 50) = 16 ms are left; of the last minute: none."""
    params, state = HandoverParams(), empty_state()
    with np.errstate(over="ignore"):
        soon = [plain(handover.interruption_left)(params, state, 0, 0, 0.05, step) for step in range(20_000)]
        late = [plain(handover.interruption_left)(params, state, 0, 0, 60.0, step) for step in range(2_000)]
    assert np.mean(soon) == pytest.approx(0.016, rel=0.03)
    assert 0.039 < max(soon) <= 0.04
    assert np.mean(late) < 0.04 * 0.01


def test_a_slot_loses_its_interruptions_and_never_more_than_itself():
    share = plain(handover.outage_share)
    assert share(1, 0.04, 1.0) == pytest.approx(0.04)
    assert share(2, 0.04, 0.1) == pytest.approx(0.8)
    assert share(3, 0.04, 0.1) == 1.0
    assert share(0, 0.04, 0.1) == 0.0


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"handover_hysteresis_db": -1.0},
            "handover_hysteresis_db is -1.0; a number from 0 to 15 is accepted.",
        ),
        ({"handover_trigger_s": 160}, "handover_trigger_s is 160; a number from 0 to 5.12 is accepted."),
        (
            {"handover_hysteresis": 3.0},
            "There is no handover value 'handover_hysteresis'; did you mean 'handover_hysteresis_db'?",
        ),
    ],
)
def test_what_no_network_is_set_to_is_refused_in_one_sentence(values, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        handover_params(**values)
