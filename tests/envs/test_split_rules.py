"""Stories of SplitInference: a hand-made state meets one action, and one thing happens."""

import copy

import numpy as np
import pytest
from split_world import CALM, PLACE, World, follow, worth

from mei_gym.scenarios.split_inference import names

QUIET = {**CALM, "users": 1, "requests_per_s": 0.05}  # one user, who asks every twenty seconds


def roomy(seed: int = 0, **overrides) -> World:
    """A quiet world whose device could hold every layer, and holds none."""
    world = World(seed, **{**QUIET, **overrides})
    world.show(deepest_cut=1.0)
    world.load_layers(0)
    return world


def test_an_answer_at_the_edge_costs_the_device_only_the_sending_of_its_text():
    world = roomy()
    power_w, rate_bps = world.sensed("transmit_power_w"), world.sensed("uplink_bps")
    power_w *= world.params.uplink_share  # it radiates in uplink slots only
    info = world.decide(0)
    assert info["device_compute_s"] == 0.0
    assert info["fetched_layers"] == 0.0
    assert info["uplink_bytes"] == info["prompt_tokens"] * world.params.text_bytes_per_token
    assert info["device_energy_j"] == pytest.approx(power_w * 8.0 * info["uplink_bytes"] / rate_bps, rel=1e-12)
    assert info["bits"] == 16.0
    assert info["quality_loss"] == 0.0


def test_an_answer_on_the_device_sends_nothing_leaks_nothing_and_is_known_at_once():
    world = roomy()
    target_s = world.sensed("ttft_target_s")
    info = world.decide(world.params.layers)
    assert info["uplink_bytes"] == info["leakage"] == info["leakage_excess"] == info["quality_loss"] == 0.0
    assert info["device_energy_j"] > 0.0
    assert info["first_tokens"] == info["answered"] == 1.0
    assert info["ttft_s"] == info["forecast_ttft_s"]
    assert info["tpot_s"] == info["forecast_tpot_s"]
    assert info["ttft_met"] == (info["ttft_s"] <= target_s)
    assert info["unfinished"] == 0.0


@pytest.mark.parametrize("scenario", names())
def test_leakage_falls_from_all_to_nothing_but_for_a_plateau_and_few_bits_hide_little(scenario):
    leakage = World(scenario=scenario).params.leakage_of_cut
    assert (leakage[0] == 1.0).all()
    assert (leakage[-1] == 0.0).all()
    assert (np.diff(leakage[:, 0]) <= 0.02).all()  # measured, not forced monotone
    assert (np.abs(leakage[:, 2] - leakage[:, 0]) < 0.05).all()


def test_few_bits_cost_quality_only_where_activations_travel():
    loss = World().params.quality_loss_of_cut
    assert (loss[0] == 0.0).all()
    assert (loss[-1] == 0.0).all()
    assert (loss[1:-1, 0] == 0.0).all()
    assert (loss[1:-1, 2] > loss[1:-1, 1]).all()


def test_leakage_costs_only_what_lies_over_the_budget():
    world = roomy()
    world.show(leakage_budget=0.5)
    weight = world.params.leakage_weight[int(world.sensed("application"))]
    twin = copy.deepcopy(world)
    info = world.decide(0)
    assert info["leakage_excess"] == 1.0
    assert info["reward_leakage"] == -weight
    twin.show(leakage_budget=1.0)
    assert twin.decide(0)["reward_leakage"] == 0.0


def test_missing_layers_are_fetched_once_at_the_flashs_speed():
    world = roomy()
    twin = copy.deepcopy(world)
    world.load_layers(4)
    twin.load_layers(10)
    fetched, held = world.decide(10), twin.decide(10)
    assert fetched["fetched_layers"] == 6.0
    assert held["fetched_layers"] == 0.0
    params, device_class = world.params, world.device_class
    layer_s = params.class_block_bytes[device_class] / params.class_fetch_bytes_per_s[device_class]
    assert fetched["device_compute_s"] - held["device_compute_s"] == pytest.approx(6 * layer_s, rel=1e-9)
    extra_j = params.class_fetch_w[device_class] * 6 * layer_s
    assert fetched["device_energy_j"] - held["device_energy_j"] == pytest.approx(extra_j, rel=1e-9)
    assert fetched["forecast_ttft_s"] - held["forecast_ttft_s"] == pytest.approx(6 * layer_s, rel=1e-9)
    world.load_layers(10)  # however much of them the device's other apps left
    world.show(deepest_cut=1.0)
    assert world.decide(10)["fetched_layers"] == 0.0


def test_a_deeper_cut_leaves_its_layers_in_memory_for_the_next_request():
    world = next(w for w in (World(seed, **QUIET) for seed in range(50)) if w.sensed("deepest_cut") > 0.2)
    world.load_layers(0)
    cut = 4
    assert world.decide(cut)["fetched_layers"] == cut
    assert world.sensed("loaded_layers") == cut / world.params.layers
    assert world.decide(cut)["fetched_layers"] == 0.0
    assert world.decide(1)["fetched_layers"] == 0.0
    assert world.sensed("loaded_layers") == cut / world.params.layers


def test_layers_over_the_air_come_down_and_take_the_downlinks_time():
    world = roomy(device_classes={name: {"layers_from": "air"} for name in ("phone", "laptop", "robot", "vehicle")})
    layer_s, block_bytes = world.sensed("layer_fetch_s"), world.params.class_block_bytes[world.device_class]
    twin = copy.deepcopy(world)
    twin.load_layers(5)
    fetched, held = world.decide(5), twin.decide(5)
    assert fetched["downlink_bytes"] - held["downlink_bytes"] == 5 * block_bytes
    assert fetched["device_compute_s"] - held["device_compute_s"] == pytest.approx(5 * layer_s, rel=1e-9)


def test_memory_pressure_drops_layers_from_the_top():
    world = World(**QUIET)
    world.load_layers(int(world.params.layers))
    world.state.user_pressure_normal[0, 0] = -50.0  # other apps are closed
    world.decide(0)
    held = world.sensed("loaded_layers")
    world.state.user_pressure_normal[0, 0] = 50.0  # and take all that they may
    world.decide(0)
    params, device_class = world.params, world.device_class
    free_bytes = 0.05 * params.class_memory_bytes[device_class] - params.class_fixed_bytes[device_class]
    room = max(0, free_bytes // params.class_block_bytes[device_class])
    assert world.sensed("loaded_layers") * params.layers == room < held * params.layers
    assert world.sensed("deepest_cut") * params.layers <= room


def test_a_device_warms_while_it_works_and_never_beyond_what_its_power_can_hold():
    world = roomy()
    world.state.user_heat_k[0, 0] = 0.0
    twin = copy.deepcopy(world)
    world.load_layers(int(world.params.layers))
    world.decide(int(world.params.layers))
    twin.decide(0)
    assert world.sensed("heat_k") > 0.0 == twin.sensed("heat_k")
    params, device_class = world.params, world.device_class
    ceiling_k = params.class_active_w[device_class] * params.class_heat_resistance_k_per_w[device_class]
    world.state.user_free_s[0, 0] = 1e7
    for _ in range(400):
        world.decide(0)
    assert world.sensed("heat_k") == pytest.approx(ceiling_k, rel=1e-3)
    assert world.sensed("heat_k") <= ceiling_k * (1 + 1e-9)


def test_a_hot_device_is_slow_down_to_its_floor():
    world = World(**QUIET, battery_low=1.0)
    cool = copy.deepcopy(world)
    params, device_class = world.params, world.device_class
    hot_k = 10.0 * params.class_throttle_full_k[device_class]
    world.state.user_heat_k[0, 0], cool.state.user_heat_k[0, 0] = 1e6 * hot_k, 0.0
    world.decide(0)
    cool.decide(0)
    assert world.sensed("device_speed") == params.class_throttle_floor[device_class]
    assert cool.sensed("device_speed") == 1.0
    slower = world.sensed("block_prefill_s") / cool.sensed("block_prefill_s")
    assert slower == pytest.approx(1.0 / params.class_throttle_floor[device_class], rel=1e-9)


def test_heat_dies_away_with_the_devices_time_constant():
    world = World(**QUIET)
    heat_k, began_s = float(world.state.user_heat_k[0, 0]), world.info["time_s"]
    world.state.user_free_s[0, 0] = 0.0
    info = world.decide(0)
    time_constant_s = world.params.class_heat_time_s[world.device_class]
    expected_k = heat_k * np.exp(-(info["time_s"] - began_s) / time_constant_s)
    assert world.sensed("heat_k") == pytest.approx(expected_k, rel=1e-9)


def test_the_battery_falls_by_exactly_the_energy_in_info():
    world = World(3, **QUIET)
    rng = np.random.default_rng(0)
    for _ in range(60):
        before_j = world.state.user_battery_j[0, 0]
        info = world.decide(int(rng.integers(0, 33)), int(rng.integers(0, 3)))
        assert world.state.user_battery_j[0, 0] == before_j - info["device_energy_j"]
        assert world.state.user_battery_j[0, 0] >= 0.0


def test_a_joule_costs_twice_as_much_when_the_battery_is_empty():
    world = World(**QUIET)
    prices = []
    for charge in (1.0, 1e-9):
        world.state.user_battery_j[0, 0] = charge * world.params.class_battery_j[world.device_class]
        world.decide(0)
        prices.append(world.sensed("joule_price"))
    assert prices[1] == pytest.approx(2.0 * prices[0], rel=1e-4)


def test_a_device_below_its_reserve_computes_nothing():
    world = World(**QUIET)
    world.state.user_battery_j[0, 0] = 0.04 * world.params.class_battery_j[world.device_class]
    world.decide(0)
    assert world.sensed("deepest_cut") == 0.0
    info = world.decide(20, 1)
    assert (info["cut"], info["bits"], info["corrected"]) == (0.0, 16.0, 1.0)


def test_an_infeasible_action_becomes_the_nearest_feasible_one_and_is_counted():
    world = roomy()
    world.show(deepest_cut=10 / 32)
    mask = world.env.action_masks  # of the request that is decided next; shown values do not enter it
    assert mask().dtype == bool
    info = world.decide(20, 1)
    assert (info["cut"], info["bits"], info["corrected"], info["corrected_total"]) == (10.0, 8.0, 1.0, 1.0)
    world.show(deepest_cut=1.0)
    info = world.decide(32, 2)
    assert (info["cut"], info["bits"], info["corrected"], info["corrected_total"]) == (32.0, 16.0, 1.0, 2.0)
    world.show(deepest_cut=1.0)
    info = world.decide(7, 2)
    assert (info["cut"], info["bits"], info["corrected"], info["corrected_total"]) == (7.0, 4.0, 0.0, 2.0)


def test_a_corrected_action_brings_what_the_feasible_one_brings():
    world = roomy()
    world.show(deepest_cut=10 / 32)
    twin = copy.deepcopy(world)
    world.decide(25, 2)
    twin.decide(10, 2)
    assert world.reward == twin.reward
    assert np.array_equal(world.observation, twin.observation)


def private(deepest: int, **overrides) -> World:
    """A patient asks, whose budget of .5 is hard, on a device with room for this many of 32 layers."""
    world = World(scenario="mobile_health", **{**QUIET, **overrides})
    world.show(deepest_cut=deepest / 32)
    return world


def test_a_hard_budget_leaves_only_choices_that_keep_it_and_takes_the_nearest():
    world = private(32)
    kept = world.params.leakage_of_cut <= 0.5
    first = int(np.flatnonzero(kept[:, 0])[0])
    assert 10 < first < 31
    info = world.decide(0)
    assert (info["cut"], info["corrected"]) == (first, 1.0)
    assert info["leakage"] <= 0.5
    assert info["leakage_excess"] == 0.0
    table = world.env.action_masks().reshape(33, 3)
    deepest = round(world.sensed("deepest_cut") * 32)
    sent = kept & (np.arange(33)[:, None] <= deepest)
    assert np.array_equal(table[1:32], sent[1:32])


def test_a_request_that_cannot_keep_a_hard_budget_is_declined_and_costs_and_brings_nothing():
    world = private(5)
    charge_j = world.state.user_battery_j[0, world.user]
    info = world.decide(2, 1)
    assert (info["declined"], info["corrected"], info["unfinished"]) == (1.0, 1.0, 0.0)
    assert [info[f"reward_{part}"] for part in ("ttft", "tpot", "energy", "leakage", "quality")] == [0.0] * 5
    assert (info["uplink_bytes"], info["device_energy_j"]) == (0.0, 0.0)
    assert world.state.user_battery_j[0, world.user] == charge_j


def test_the_mask_allows_cuts_that_fit_and_bits_only_where_activations_are_sent():
    world = World(11)
    for step in range(200):
        deepest = round(world.sensed("deepest_cut") * 32)
        table = world.env.action_masks().reshape(33, 3)
        assert table[:, 0].tolist() == [cut <= deepest for cut in range(33)]
        assert not table[[0, 32], 1:].any()
        assert table[1:32, 1].tolist() == table[1:32, 2].tolist() == [cut <= deepest for cut in range(1, 32)]
        world.decide(step % 5)


def test_actions_that_the_mask_allows_are_never_corrected():
    world = World(12)
    rng = np.random.default_rng(0)
    for _ in range(300):
        action = int(rng.choice(np.flatnonzero(world.env.action_masks())))
        info = world.decide(*divmod(action, 3))
        assert info["corrected"] == 0.0
        assert info["cut"] == action // 3


def test_fewer_bits_send_fewer_bytes_and_lose_more_quality():
    infos = []
    for bits_choice in range(3):
        world = roomy(2)
        infos.append(world.decide(8, bits_choice))
    assert [info["bits"] for info in infos] == [16.0, 8.0, 4.0]
    sent = [info["uplink_bytes"] for info in infos]
    assert sent[0] > 1.8 * sent[1] > 3.0 * sent[2]
    tokens = infos[0]["prompt_tokens"] + infos[0]["answer_tokens"] - 1
    assert sent[0] == tokens * 4096 * 2
    losses = [info["quality_loss"] for info in infos]
    assert losses[0] == 0.0 < losses[1] < losses[2]


def test_a_busy_device_lets_the_next_request_wait():
    world = roomy(requests_per_s=5.0)
    world.state.user_free_s[0, 0] = world.info["time_s"] + 100.0
    world.show(device_wait_s=100.0)
    twin = copy.deepcopy(world)
    assert world.decide(32)["forecast_ttft_s"] > 100.0
    assert twin.decide(0)["forecast_ttft_s"] < 10.0


def test_the_reward_is_the_sum_of_its_five_parts():
    world = World(5, requests_per_s=25.0)
    rng = np.random.default_rng(0)
    for _ in range(300):
        info = world.decide(int(rng.integers(0, 33)), int(rng.integers(0, 3)))
        parts = [info[name] for name in world.env.task.reward_parts]
        assert len(parts) == 5
        assert world.reward == pytest.approx(sum(parts), abs=1e-12)


def mostly_edge(seed: int):
    """Nine in ten requests to the edge, the others anywhere."""
    rng = np.random.default_rng(seed)
    actions = np.where(rng.random(4096) < 0.7, 0, rng.integers(0, 99, 4096))
    return lambda step: int(actions[step])


@pytest.mark.parametrize(
    ("overrides", "happens"),
    [
        ({}, "unfinished"),
        ({"requests_per_s": 45.0, "patience_s": 3.0}, "abandoned"),
        ({"requests_per_s": 45.0, "server": {"requests_at_once": 32}}, "refused"),
    ],
)
def test_an_episodes_latency_reward_is_made_of_what_happened_and_of_forecasts_for_the_unfinished(overrides, happens):
    world = World(8, **{"background_per_s": 0.0, **overrides})
    book = follow(world, mostly_edge(0), 600)
    params = world.params
    first, further = 0.0, 0.0
    unfinished = 0
    for each in book.records:
        began, ended = each.first_s < np.inf, each.last_s < np.inf
        unfinished += not (ended or each.dropped)
        if each.dropped:
            continue
        forecast = worth(params, each.application, each.forecast_ttft_s, each.forecast_tpot_s, each.answer)
        tpot_s = each.tpot_s if ended else each.forecast_tpot_s
        brought = worth(params, each.application, each.ttft_s, tpot_s, each.answer) if began else forecast
        first += brought[0]
        further += brought[1] if ended else min(forecast[1], brought[1])  # what was not forecast is paid when it comes
    for info in book.alone:
        brought = worth(
            params, int(info["application"]), info["forecast_ttft_s"], info["forecast_tpot_s"], info["answer_tokens"]
        )
        first, further = first + brought[0], further + brought[1]
    assert book.rewards["reward_ttft"] == pytest.approx(first, abs=1e-9)
    assert book.rewards["reward_tpot"] == pytest.approx(further, abs=1e-9)

    last = book.infos[-1]
    assert last["unfinished"] == unfinished
    assert last["refused_total"] == book.refused
    assert last["abandoned_total"] == sum(each.dropped for each in book.records)
    began = [each.ttft_s for each in book.records if each.first_s < np.inf]
    began += [info["forecast_ttft_s"] for info in book.alone]
    assert sum(info["first_tokens"] for info in book.infos) == len(began)
    assert sum(info["ttft_s"] * info["first_tokens"] for info in book.infos) == pytest.approx(sum(began), rel=1e-9)
    assert {"unfinished": unfinished, "abandoned": last["abandoned_total"], "refused": book.refused}[happens] > 0


def test_nobody_who_still_waits_for_a_first_token_has_waited_longer_than_the_patience_and_one_request():
    world = World(8, background_per_s=0.0, requests_per_s=90.0, patience_s=4.0)
    book = follow(world, lambda step: 0, 800)
    waited_s = [each.ttft_s for each in book.records if each.first_s < np.inf]
    assert any(each.dropped for each in book.records)
    assert max(waited_s) < world.params.patience_s + 3.0  # the prompt had begun to run


def test_what_is_sent_to_the_edge_slows_what_comes_later():
    means_s = []
    for flood in (True, False):
        world = World(6, requests_per_s=25.0, background_per_s=0.0)
        book = follow(world, lambda step, flood=flood: 0 if flood or step % 10 == 0 else 96, 900)
        probes = [each.ttft_s for each in book.records if each.number % 10 == 0 and each.first_s < np.inf]
        means_s.append(np.mean(probes[20:]))
    assert means_s[0] > 3.0 * means_s[1]


def test_a_split_slows_the_server_less_than_a_whole_answer():
    busy_s = []
    for cut in (0, 16, 28):
        world = World(6, requests_per_s=5.0, **CALM)
        for _ in range(150):
            world.show(deepest_cut=1.0)
            world.decide(cut, 2)
        busy_s.append(world.info["server_busy_s"])
    assert busy_s[2] < busy_s[0]


def test_the_observation_names_the_request_that_the_next_action_decides():
    world = World(2)
    for _ in range(50):
        tokens, application = world.sensed("prompt_tokens"), world.sensed("application")
        info = world.decide(0)
        assert (info["prompt_tokens"], info["application"]) == (tokens, application)
    assert np.allclose(world.observation[PLACE["battery"]], world.info["battery"], atol=1e-6)
