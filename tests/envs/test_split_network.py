"""SplitInference in the world around it: sites and pipes, ways to share the air, traces, and what cannot be."""

import gymnasium
import numpy as np
import pytest
from split_world import CALM, World

import mei_gym  # noqa: F401 (registers the ids)
from mei_gym.scenarios.split_inference import names

ID = "mei/SplitInference-v0"
TWO_SITES = {"topology": "poisson", "sites": {"width_m": 300.0, "height_m": 300.0, "count": 4, "seed": 2}, "served": 0}
BEHIND = {"backhaul": "wireless", "wires": {"cloud_rate_bps": 8e6, "cloud_latency_s": 0.05}, "server_at": "backhaul"}


def episode(steps=400, action=0, **overrides):
    """Infos of an episode that always takes the same action."""
    env = gymnasium.make(ID, disable_env_checker=True, **overrides)
    env.reset(seed=3)
    return [env.step(action)[4] for _ in range(steps)], env.unwrapped


def test_users_of_several_sites_are_handed_over_and_each_site_has_its_own_air():
    infos, env = episode(network=TWO_SITES)
    sites = {int(info["site"]) for info in infos}
    assert sites == set(range(4))
    assert infos[-1]["handovers_total"] > 10
    assert env.lanes.state.link_clock.shape == (1, 4)
    still, _ = episode(network=TWO_SITES, device_classes={n: {"speed_mps": 0.0} for n in
                       ("phone", "laptop", "robot", "vehicle")})  # fmt: skip
    assert still[-1]["handovers_total"] == 0


def test_a_pipe_to_the_server_adds_its_latency_and_its_bytes_to_every_request():
    near, far = World(**CALM, users=1, requests_per_s=0.05), World(**CALM, users=1, requests_per_s=0.05, network=BEHIND)
    assert far.sensed("round_trip_s") == pytest.approx(near.sensed("round_trip_s") + 0.1)
    assert far.sensed("pipe_s_per_byte") == 1e-6
    tokens = near.sensed("prompt_tokens")
    bytes_per_token = near.params.prompt_bytes_per_token[int(near.sensed("application"))]
    late, early = far.decide(0)["forecast_ttft_s"], near.decide(0)["forecast_ttft_s"]
    assert late - early == pytest.approx(0.1 + 1e-6 * tokens * bytes_per_token, rel=1e-6)


def test_what_was_forecast_of_a_quiet_pipe_is_what_happens():
    world = World(5, **CALM, users=1, requests_per_s=0.02, network=BEHIND)
    info = world.decide(0)
    forecast_s = info["forecast_ttft_s"]
    assert info["first_tokens"] == 1
    assert info["ttft_s"] == pytest.approx(forecast_s, rel=0.25)


def test_a_pipe_shared_by_many_is_slower_than_one_each():
    slow = {**TWO_SITES, **BEHIND, "wires": {"cloud_rate_bps": 4e6}}
    own = {**TWO_SITES, "backhaul": "wireless", "wires": {"edge_rate_bps": 4e6, "edge_latency_s": 0.03}}
    shared, apart = (
        np.mean([info["ttft_s"] for info in episode(network=net, requests_per_s=8.0)[0] if info["first_tokens"]])
        for net in (slow, own)
    )
    assert shared > apart


def test_equal_rates_help_the_far_user_and_equal_time_the_near_one():
    kinds = [
        episode(300, action=31, radio={"sharing": sharing}, patience_s=60.0)[0] for sharing in ("equal", "max_min")
    ]
    assert [info["uplink_bps"] for info in kinds[0]] == [info["uplink_bps"] for info in kinds[1]]
    assert [info["ttft_s"] for info in kinds[0]] != [info["ttft_s"] for info in kinds[1]]


def test_shortest_first_brings_more_first_tokens_in_time_under_overload():
    met = {}
    for order in ("fcfs", "shortest"):
        infos, _ = episode(900, requests_per_s=40.0, server={"queue_order": order, "running_limit": 32})
        met[order] = sum(info["ttft_met"] for info in infos)
    assert met["shortest"] > met["fcfs"]


def test_a_trace_is_replayed_row_by_row_from_where_the_episode_begins(tmp_path):
    rng = np.random.default_rng(0)
    times_s = np.cumsum(rng.exponential(0.1, 500))
    prompts, answers = rng.integers(5, 3000, 500), rng.integers(1, 900, 500)
    file = tmp_path / "mine.csv"
    rows = "".join(f"{t:.6f},{p},{a}\n" for t, p, a in zip(times_s, prompts, answers))
    file.write_text("t_s,in_tokens,out_tokens\n" + rows, encoding="utf-8")
    infos, _ = episode(200, scenario="virtual_assistant", trace=str(file))
    seen = [(int(info["prompt_tokens"]), int(info["answer_tokens"])) for info in infos]
    pairs = list(zip(prompts.tolist(), answers.tolist()))
    first = pairs.index(seen[0])
    assert seen == [pairs[(first + k) % 500] for k in range(200)]
    gaps_s = np.diff([info["time_s"] for info in infos])
    expected_s = [times_s[(first + k + 2) % 500] - times_s[(first + k + 1) % 500] for k in range(199)]
    inside = np.array(expected_s) > 0.0  # but for the one gap from the last row to the first
    np.testing.assert_allclose(gaps_s[inside], np.array(expected_s)[inside], atol=1e-5)


def test_a_trace_is_played_at_the_scenarios_rate_where_that_is_said(tmp_path):
    file = tmp_path / "slow.csv"
    file.write_text("t_s,in_tokens,out_tokens\n" + "".join(f"{5 * k},100,10\n" for k in range(60)), encoding="utf-8")
    infos, _ = episode(100, arrivals={"trace": str(file), "trace_at_rate": True}, requests_per_s=4.0)
    assert np.mean(np.diff([info["time_s"] for info in infos])) == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("name", names())
def test_every_scenario_serves_somebody_and_stays_finite(name):
    infos, env = episode(150, scenario=name)
    assert sum(info["answered"] for info in infos) > 5
    assert np.isfinite([list(info[part] for part in env.task.reward_parts) for info in infos]).all()


WRONG = [
    ({"radio": {"cell": {"resource_blocks": -5}}}, "resource_blocks is -5"),
    ({"radio": {"cell": {"fading": "rician"}}}, "no fading 'rician'"),
    ({"radio": {"sharing": "fair"}}, "radio.sharing"),
    ({"network": {"topology": "hexagon"}}, "did you mean 'hexagonal'"),
    ({"network": {"served": 9}}, "served is 9"),
    ({"network": {"backhaul": "fiber"}}, "did you mean 'fibre'"),
    ({"network": {"server_at": "backhaul"}}, "names no backhaul"),
    ({"arrivals": {"own": "poison"}}, "did you mean 'poisson'"),
    ({"arrivals": {"own_law": {"gap_cv": -1.0}}}, "gap_cv of the own arrivals is -1"),
    ({"arrivals": {"own_law": {"cv": 1.0}}}, "no value 'cv' of the own arrivals"),
    ({"device_classes": {"phone": {"mobility": "manhatten"}}}, "did you mean 'manhattan'"),
    ({"device_classes": {"phone": {"mobility": "manhattan"}}}, "needs the region 'rectangle'"),
    ({"trace": "/nowhere/trace.csv"}, "trace"),
    ({"server": {"queue_order": "longest"}}, "server.queue_order"),
    ({"server": {"requests_at_once": {"low": 64, "high": 128}}}, "cannot be drawn"),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_a_world_that_cannot_be_is_refused_in_one_sentence(wrong, said):
    with pytest.raises(ValueError, match=said) as refusal:
        gymnasium.make(ID, **wrong)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("row", ["3.0,nan,5", "0.5,10,5", "4.0,10"])
def test_a_trace_with_a_wrong_line_is_refused_with_its_number(tmp_path, row):
    file = tmp_path / "bad.csv"
    file.write_text(f"t_s,in_tokens,out_tokens\n1.0,10,5\n2.0,10,5\n{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"[Ll]ine 4"):
        gymnasium.make(ID, trace=str(file))
