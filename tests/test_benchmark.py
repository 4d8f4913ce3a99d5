"""The benchmark: what it times is what it says, on a few steps."""

import gymnasium
import numpy as np
import pytest

from mei_gym.benchmark import (
    Effort,
    batch,
    benchmark,
    feasible,
    machine,
    peer_speed,
    ppo_share,
    sb3,
    single,
    speed,
    startup,
    tables,
)
from mei_gym.benchmark_serving import drawn, serving_speeds
from mei_gym.workload.lengths import named_lengths

ID = "mei/SplitInference-v0"
BRIEF = Effort(windows=2, steps=32, least=4, peer_s=0.01, rollouts=1, requests=100)


def test_a_drawn_action_is_always_feasible_and_every_feasible_one_is_drawn():
    masks = np.array([[True, False, True, False], [False, False, False, True]])
    chance = np.random.default_rng(0)
    draws = np.array([feasible(gymnasium.spaces.Discrete(4), masks, chance) for _ in range(200)])
    assert set(draws[:, 0]) == {0, 2}
    assert set(draws[:, 1]) == {3}


def test_a_drawn_action_of_parts_has_one_choice_in_each():
    masks = np.array([[True, False, False, True]])
    drawn = feasible(gymnasium.spaces.MultiDiscrete([3, 1]), masks, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, [[0, 0]])


def test_the_shadow_and_the_timed_environment_stay_equal():
    first, second = batch(ID, 3, 1), batch(ID, 3, 1)
    first.begin()
    second.begin()
    chance = np.random.default_rng(0)
    for _ in range(20):
        actions = feasible(first.space, first.masks(), chance)
        first.step(actions)
        second.step(actions)
        np.testing.assert_array_equal(first.masks(), second.masks())


@pytest.mark.parametrize(("shell", "lanes"), [(single, 1), (batch, 8)])
def test_a_speed_lies_between_its_slowest_and_its_fastest_window(shell, lanes):
    row = speed(lambda: shell(ID, lanes, 1), lanes, BRIEF)
    assert 0.0 < row["slowest"] <= row["steps_per_s"] <= row["fastest"]
    assert row["resets_per_s"] > 0.0


@pytest.mark.parametrize(("shell", "lanes"), [(single, 1), (batch, 8), (sb3, 4)])
def test_another_environment_is_timed_as_it_is(shell, lanes, porch):
    pytest.importorskip("stable_baselines3")
    assert speed(lambda: shell(porch, lanes, 1), lanes, BRIEF)["steps_per_s"] > 0.0


def test_the_machine_is_named_with_its_packages():
    seen = machine()
    assert "numba" in seen["packages"]
    assert int(seen["cores"]) >= 1


def test_the_second_start_finds_what_the_first_compiled():
    cold, warm = startup(ID)
    assert (cold["start"], warm["start"]) == ("cold", "warm")
    assert warm["make_reset_step_s"] < cold["make_reset_step_s"]


def test_ppo_spends_a_part_of_its_time_in_the_environment():
    pytest.importorskip("stable_baselines3")
    row = ppo_share(ID, 64, BRIEF)
    assert 0.0 < row["environment_share"] < 1.0
    assert row["steps"] == 64 * 128


def test_a_peer_is_timed_by_its_id():
    assert peer_speed("gymnasium", "CartPole-v1", BRIEF) > 100.0


def test_the_serving_engine_is_timed_at_loads_that_it_can_bear():
    rows = serving_speeds(requests=400, repeats=1)
    assert [row["load"] for row in rows] == [0.5, 0.8]
    for row in rows:
        assert row["iterations_per_request"] > row["iterations_per_event"] > 1.0
        assert row["slowest"] <= row["requests_per_core_s"] <= row["fastest"]


def test_drawn_lengths_are_whole_within_their_limits_and_have_the_traces_mean():
    prompts = drawn(named_lengths("azure_conv").prompt, 4142, 200_000, np.random.default_rng(0))
    assert np.array_equal(prompts, np.floor(prompts))
    assert prompts.min() >= 1.0
    assert prompts.max() == 4142.0
    assert prompts.mean() == pytest.approx(1146.0, rel=0.02)  # the fit's own mean


def test_the_whole_benchmark_fills_every_table(monkeypatch):
    row = {"steps_per_s": 1000.0, "slowest": 900.0, "fastest": 1100.0, "steps_per_core_s": 1000.0, "resets_per_s": 10.0}
    monkeypatch.setattr("mei_gym.benchmark.startup", lambda id: [{"start": "cold"}])
    monkeypatch.setattr("mei_gym.benchmark.speed", lambda make, lanes, effort: dict(row))
    monkeypatch.setattr("mei_gym.benchmark.serving_speeds", lambda requests, repeats: [{"load": 0.5}])
    monkeypatch.setattr("mei_gym.benchmark.ppo_share", lambda id, lanes, effort: {"lanes": lanes})
    monkeypatch.setattr("mei_gym.benchmark.peer_speed", lambda module, id, effort: 10.0)
    monkeypatch.setattr("mei_gym.benchmark.find_spec", lambda module: module)
    heard = []
    result = benchmark(ID, quick=True, say=heard.append)
    shells = [(row["shell"], row["lanes"]) for row in result["speeds"]]
    assert ("gymnasium.make", 1) in shells
    assert {lanes for name, lanes in shells if name == "gymnasium.make_vec"} == {1, 16, 256, 4096}
    assert ("SB3 VecEnv", 64) in shells
    assert all(rows for _, rows in tables(result))
    assert all(peer["ratio"] == 100.0 for peer in result["peers"])
    assert len(heard) == 2 + len(result["speeds"]) + len(result["training"]) + len(result["peers"])
