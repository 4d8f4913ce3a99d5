"""Stories of ModelDelivery: a hand-made state meets one decision, and one thing happens."""

import numpy as np
import pytest
from delivery_world import ALL, BEST, BPS, FAMILY, ID, JOINT, ONE_PIECE, URGENT, World
from hypothesis import given, settings
from hypothesis import strategies as st

from mei_gym import heuristics
from mei_gym.compiled import plain
from mei_gym.envs.lanes import Lanes
from mei_gym.envs.model_delivery import TASK
from mei_gym.envs.model_delivery.fields import INFO_NAMES, ROWS
from mei_gym.envs.model_delivery.users import copy_user
from mei_gym.network.cell import NetworkState
from mei_gym.oracle.seeds import lane_seeds

I_PLACE = {name: place for place, name in enumerate(INFO_NAMES)}


def two_users(first: float = 4.0, second: float = 2.0, **overrides) -> World:
    """Two users who lack the same 100 MB."""
    world = World(library=ONE_PIECE, **overrides)
    for user, efficiency in enumerate((first, second)):
        world.ask(user)
        world.place(user, efficiency)
    return world


def test_one_signal_for_two_takes_the_time_of_the_worse_placed_and_serves_both():
    world = two_users()
    info = world.send(0, ALL)
    assert info["air_s"] == pytest.approx(8e8 / (2.0 * BPS), rel=1e-12)
    assert info["air_s"] == pytest.approx(7.2437, rel=1e-4)
    assert info["unicast_air_s"] == pytest.approx(7.2437 + 3.6218, rel=1e-4)
    assert info["receivers"] == info["delivered"] == 2.0
    assert info["received_bytes"] == 2.0 * info["sent_bytes"] == 200e6
    store_s = 100e6 / world.params.class_store_bytes_per_s[0]
    assert info["latency_s"] == pytest.approx(info["air_s"] + store_s, rel=1e-12)
    assert info["pending"] == 0.0


def test_the_best_group_leaves_out_whom_the_others_would_wait_for():
    world = two_users(8.0, 1.0)  # 1/8 + 1/2 < 1: the mean wait falls if the good one goes first
    info = world.send(0, BEST)
    assert info["receivers"] == info["delivered"] == 1.0
    assert info["air_s"] == pytest.approx(8e8 / (8.0 * BPS), rel=1e-12)
    assert info["pending"] == 1.0


def test_there_is_no_best_group_of_users_who_receive_alike():
    mask = two_users(4.0, 4.0).lay()
    assert mask[1, ALL].any()
    assert not mask[1, BEST].any()


def test_urgent_serves_the_nearest_deadline_alone_and_is_no_choice_for_one():
    world = two_users(4.0, 2.0)
    world.state.slot_deadline_s[0, 1] -= 50.0
    info = world.send(0, URGENT)
    assert info["receivers"] == 1.0
    assert info["air_s"] == pytest.approx(8e8 / (2.0 * BPS), rel=1e-12)
    assert world.state.slot_missing[0, 0] == 1
    assert not world.lay()[1, URGENT].any()


def test_who_receives_nothing_from_its_own_site_is_reached_jointly_at_the_price_of_the_neighbours():
    world = two_users(4.0, 2.0)
    world.place(0, 4.0, 6.0, partner=3)
    world.place(1, 0.0, 1.0, partner=5)
    alone = world.lay()
    assert alone[1, ALL].any()
    assert alone[1, JOINT].any()
    info = world.send(0, JOINT)
    assert info["receivers"] == info["partners"] == info["delivered"] == 2.0
    assert info["air_s"] == pytest.approx(8e8 / (1.0 * BPS), rel=1e-12)
    assert info["unicast_air_s"] == pytest.approx(8e8 / (4.0 * BPS), rel=1e-12)
    params = world.params
    assert info["station_energy_j"] == pytest.approx(3.0 * params.sending_w * info["air_s"], rel=1e-12)
    assert info["reward_air"] == pytest.approx(-3.0 * params.air_price * info["air_s"], rel=1e-12)


def test_two_users_who_share_their_neighbour_take_one_neighbour_along():
    world = two_users()
    for user in range(2):
        world.place(user, 2.0, 3.0, partner=4)
    assert world.send(0, JOINT)["partners"] == 1.0


def test_nobody_is_served_in_outage_and_the_row_stands_for_those_who_can_be_reached():
    world = two_users(0.0, 0.0)
    world.place(1, 0.0, 1.0, partner=2)
    mask = world.lay()
    assert not mask[1, [ALL, BEST, URGENT]].any()
    assert mask[1, JOINT].any()
    assert world.send(0, JOINT)["receivers"] == 1.0
    assert world.state.pending[0] == 1


def test_a_station_makes_twenty_two_watts_more_while_it_sends():
    params = World(library=ONE_PIECE).params
    assert params.sending_w == pytest.approx(17.0 + 2.6 * 1.9953 * 0.7, rel=1e-9)


def test_fewer_bits_send_fewer_bytes_and_an_adapter_has_one_size():
    world = World(library=FAMILY)
    assert world.params.models == 3
    assert world.params.pieces == 3
    base = int(np.argmax(world.params.piece_choices))
    assert world.params.piece_bytes[base] / world.params.piece_bytes[base, 0] == pytest.approx([1, 8.5 / 16, 4.89 / 16])
    world.ask(0, model=1)
    world.place(0, 4.0)
    mask = world.lay()
    rows = {int(piece): row for row, piece in enumerate(world.state.row_piece[0, :2])}
    adapter = next(piece for piece in rows if piece != base)
    assert mask[1 + rows[base], ALL].tolist() == [True, True, True]
    assert mask[1 + rows[adapter], ALL].tolist() == [True, False, False]


def test_a_model_loses_by_the_share_of_its_weights_that_came_in_few_bits():
    world = World(library=FAMILY)
    world.ask(0, model=1)
    world.place(0, 8.0)
    base = int(np.argmax(world.params.piece_choices))
    world.lay()
    row = list(world.state.row_piece[0]).index(base)
    world.send(row, ALL, place=2)
    info = world.send(0, ALL)
    share = world.params.piece_bytes[base, 0] / world.params.model_bytes[1, 0]
    assert info["quality_loss"] == pytest.approx(0.0282 * share, rel=1e-9)  # cited: Llama-3-8B, q4_K_M
    assert info["reward_quality"] == pytest.approx(-5.0 * 0.0282 * share, rel=1e-9)
    assert info["reward_delivered"] == 1.0


def test_a_device_stores_what_it_gets_and_expands_what_it_cannot_compute_with():
    world = World(library=FAMILY)
    params, base = world.params, int(np.argmax(world.params.piece_choices))
    robot = list(world.env.scenario.device_classes).index("robot")
    ready = {}
    for place in (1, 2):
        world = World(library=FAMILY)
        slot = world.ask(0, model=1, device_class=robot)
        world.place(0, 8.0)
        world.lay()
        info = world.send(list(world.state.row_piece[0]).index(base), ALL, place)
        ready[place] = world.state.slot_ready_s[0, slot] - world.now_s - info["air_s"]
        assert info["device_energy_j"] == pytest.approx(25.0 * ready[place], rel=1e-9)  # its card: 25 W
    sizes = params.piece_bytes[base]
    assert ready[1] == pytest.approx(sizes[1] / 3e9, rel=1e-6)
    assert ready[2] == pytest.approx(sizes[2] / 3e9 + (sizes[2] + sizes[0]) / 85.68e9, rel=1e-6)


def test_what_comes_in_time_and_is_not_stored_in_time_is_missed():
    air_s = 8e8 / (2.0 * BPS)
    for spare_s, served in ((0.01, 0.0), (0.05, 1.0)):  # storing 100 MB takes a phone .024 s
        world = World(library=ONE_PIECE)
        world.ask(0, within_s=air_s + spare_s)
        world.place(0, 2.0)
        info = world.send(0, ALL)
        assert info["delivered"] == served
        assert info["missed"] == 1.0 - served
        assert info["reward_late"] == -world.params.late_weight[0] * info["missed"]


def test_the_station_breaks_off_when_its_last_receivers_deadline_has_passed():
    world = World(library=ONE_PIECE)
    world.ask(0, within_s=3.0)
    world.place(0, 2.0)
    info = world.send(0, ALL)
    assert info["air_s"] == pytest.approx(3.0, rel=1e-9)
    assert info["sent_bytes"] == pytest.approx(3.0 * 2.0 * BPS / 8.0, rel=1e-9)
    assert info["received_bytes"] == info["delivered"] == info["pending"] == 0.0
    assert info["missed"] == 1.0


def test_whose_deadline_passes_meanwhile_is_missed_and_the_others_are_served():
    world = two_users()
    world.state.slot_deadline_s[0, 0] = world.now_s + 1.0
    info = world.send(0, ALL)
    assert info["receivers"] == 2.0
    assert info["delivered"] == info["missed"] == 1.0
    assert info["received_bytes"] == info["sent_bytes"]


def test_waiting_ends_with_the_next_request_or_after_its_longest():
    world = two_users()
    world.let_ask(2.5)
    _, _, _, _, info = world.env.step(0)
    assert info["elapsed_s"] == pytest.approx(2.5)
    assert info["requests_total"] == 2.0
    world = two_users()
    _, _, _, _, info = world.env.step(0)
    assert info["elapsed_s"] == pytest.approx(world.params.wait_s)
    assert info["air_s"] == info["station_energy_j"] == 0.0


def test_a_request_that_finds_the_table_full_is_refused():
    world = World(library=ONE_PIECE, requests_at_once=2)
    for user in range(2):
        world.ask(user)
        world.place(user, 2.0)
    world.let_ask(1.0)
    world.lay()
    _, _, _, _, info = world.env.step(0)
    assert info["refused"] == info["refused_total"] == 1.0
    assert info["reward_late"] < 0.0
    assert info["pending"] == 2.0


def test_an_infeasible_choice_becomes_one_of_its_row_and_an_empty_row_waits():
    world = two_users(4.0, 4.0)
    info = world.send(0, BEST)  # there is no best group
    assert info["corrected"] == 1.0
    assert info["mode"] == URGENT  # the next mode that is open
    world = two_users()
    info = world.send(ROWS - 1, ALL)
    assert info["corrected"] == 1.0
    assert info["piece"] == -1.0


def test_rows_stand_in_the_order_of_their_requesters_and_then_of_deadlines():
    world = World(library=FAMILY)
    for user, (model, within_s) in enumerate(((1, 90.0), (2, 30.0), (2, 60.0), (1, 80.0))):
        world.ask(user, model, within_s)
        world.place(user, 3.0)
    world.lay()
    base = int(np.argmax(world.params.piece_choices))
    pieces = world.state.row_piece[0]
    assert pieces[0] == base
    assert world.state.row_reached[0, :4].tolist() == [4, 2, 2, 0]
    of_second = set(world.params.model_piece[world.params.model_first_piece[2] :].tolist()) - {base}
    assert {int(pieces[1])} == of_second  # its nearest deadline is 30 s away, the other's 80
    assert (pieces[3:] == -1).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.15, 14.8), min_size=2, max_size=8))
def test_merging_never_takes_more_air_than_one_by_one(efficiencies):
    world = LAID.setdefault("world", World(library=ONE_PIECE, users=8))
    world.state.slot_missing[:] = 0
    world.state.pending[:] = 0
    for user, efficiency in enumerate(efficiencies):
        world.ask(user)
        world.place(user, efficiency)
    world.lay()
    merged = 1.0 / world.state.row_efficiency[0, 0, ALL]
    assert merged <= sum(1.0 / each for each in efficiencies) * (1.0 + 1e-12)
    first = int(world.state.row_first[0, 0])
    two_signals = merged + (1.0 / world.state.row_efficiency[0, 0, BEST] if first else 0.0)
    assert merged <= two_signals


LAID: dict[str, World] = {}


@pytest.fixture(scope="module")
def played():
    """Episodes of two policies on the same seeds, with what their requests met: info's sums and requests by number."""
    place = heuristics.world(ID)
    results = []
    for name in ("random", "air_aware"):
        lanes = Lanes(place.task, place.scenario, 3)
        lanes.reset(lane_seeds(range(3)))
        policy, sums, met = heuristics.make(name, place), np.zeros((3, len(INFO_NAMES))), {}
        rewards, most = np.zeros(3), 0.0
        for _ in range(1024):
            state = lanes.state
            for lane in range(3):
                for slot in np.flatnonzero(state.slot_missing[lane]):
                    user, tick = state.slot_user[lane, slot], state.user_tick[lane, state.slot_user[lane, slot]]
                    number = int(state.slot_number[lane, slot])
                    met[lane, number] = (
                        int(user), int(state.slot_model[lane, slot]),
                        float(state.slot_asked_s[lane, slot]), float(state.slot_deadline_s[lane, slot]),
                    )  # fmt: skip
                    met[lane, "at", int(user), float(state.user_seen_s[lane, user]), int(tick)] = (
                        float(state.user_alone[lane, user]), float(state.user_together[lane, user]),
                        float(state.user_x_m[lane, user]),
                    )  # fmt: skip
            lanes.step(policy.choose(lanes.out.observation))
            sums += lanes.out.info
            rewards += lanes.out.reward
            assert np.allclose(lanes.out.info[:, :5].sum(axis=1), lanes.out.reward, atol=1e-12)
            most = max(most, lanes.out.info[:, I_PLACE["pending"]].max())
        results.append((lanes, sums, rewards, met))
    return results


def test_every_policy_meets_the_same_requests_and_the_same_air(played):
    one, two = played[0][3], played[1][3]
    both = one.keys() & two.keys()
    requests = [key for key in both if len(key) == 2]
    looks = [key for key in both if len(key) > 2]
    assert len(requests) > 300
    assert len(looks) > 300
    assert all(one[key] == two[key] for key in both)


def test_a_user_is_kept_whole_between_its_requests():
    """`copy_user` leaves out nothing of what the network holds of a user."""
    world = World()
    users, names = world.params.users, [name for name in NetworkState._fields if name.startswith("user_")]
    for place, name in enumerate(names):
        getattr(world.state, name)[0, 3] = place + 1
    plain(copy_user)(world.state, 0, 3, users + 5)
    for place, name in enumerate(names):
        assert (getattr(world.state, name)[0, users + 5] == place + 1).all(), name


def test_every_request_is_served_missed_or_refused_and_then_the_episode_is_over(played):
    for lanes, sums, _, _ in played:
        info = lanes.out.info
        assert (sums[:, I_PLACE["settled"]] == 256.0).all()
        fates = info[:, [I_PLACE[name] for name in ("delivered_total", "missed_total", "refused_total")]].sum(axis=1)
        assert (fates == 256.0).all()
        assert lanes.out.terminated.all()
        assert (lanes.out.reward == 0.0).all()
        assert (info[:, I_PLACE["elapsed_s"]] == 0.0).all()


def test_an_episodes_reward_is_what_its_sums_say(played):
    for lanes, sums, rewards, _ in played:
        params = lanes.params
        energy_j = sums[:, I_PLACE["station_energy_j"]] + sums[:, I_PLACE["device_energy_j"]]
        assert np.allclose(sums[:, I_PLACE["reward_energy"]], -params.joule_price * energy_j)
        assert np.allclose(sums[:, I_PLACE["reward_delivered"]], sums[:, I_PLACE["delivered"]])  # a worth of 1 each
        parts = sums[:, :5].sum(axis=1)
        assert np.allclose(rewards, parts)
        assert np.all(sums[:, I_PLACE["air_s"]] <= lanes.out.info[:, I_PLACE["time_s"]])


def test_the_docstring_counts_the_numbers_of_the_observation_right():
    from mei_gym.envs import model_delivery

    assert f"Observation: {len(TASK.fields)} numbers" in model_delivery.__doc__


def test_five_hundred_users_and_a_thousand_models_need_no_other_code():
    world = heuristics.world(ID, users=500, library={"families": {"writer": {"adapters": 968}}})
    assert world.params.models == 988
    lanes = Lanes(world.task, world.scenario, 2)
    lanes.reset(lane_seeds(range(2)))
    policy = heuristics.make("air_aware", world)
    delivered = 0.0
    for _ in range(200):
        lanes.step(policy.choose(lanes.out.observation))
        delivered += lanes.out.info[:, I_PLACE["delivered"]].sum()
    assert delivered > 100.0
