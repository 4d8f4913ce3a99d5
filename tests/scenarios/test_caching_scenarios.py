"""Scenarios of EdgeCaching: what ships is as it says, overrides reach the rules, and what is wrong is refused."""

import gymnasium
import numpy as np
import pytest
from caching_world import BLOCKS, MODELS, SHIPPED, WRITTEN_OUT

from mei_gym.envs.edge_caching import TASK
from mei_gym.scenarios.edge_caching import names, resolve
from mei_gym.scenarios.library import library_of_part
from mei_gym.scenarios.resolve import ScenarioError
from mei_gym.workload.library import bytes_of_set

ID = "mei/EdgeCaching-v0"
APPLICATIONS = {"mobile_health", "humanoid_robot", "virtual_assistant", "autonomous_driving"}


def parameters(**overrides):
    return TASK.parameters(TASK.resolve("default", overrides))


def test_the_default_and_the_four_applications_ship():
    assert names()[0] == "default"
    assert set(names()) == {"default", *APPLICATIONS}


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_a_scenario_of_one_application_has_no_other(name):
    scenario = resolve(name, {})
    assert list(scenario.applications) == [name]
    assert 20 < len(scenario.summary) < 140


@pytest.mark.parametrize("name", names())
def test_the_summaries_count_right_and_no_server_holds_the_library(name):
    scenario = resolve(name, {})
    params = TASK.parameters(scenario)
    counts = {"default": (7, 39, 84), "mobile_health": (7, 30, 60), "humanoid_robot": (7, 34, 48),
              "virtual_assistant": (7, 64, 140), "autonomous_driving": (12, 35, 96)}  # fmt: skip
    assert (params.servers, params.models, params.users) == counts[name]
    library = library_of_part(scenario.library)
    coarse = [library.variants_of(model)[-1] for model in range(params.models)]
    assert bytes_of_set(library, coarse) > scenario.servers.store_bytes
    assert params.quality_loss[:, 0].tolist() == [0.0] * len(library.bases)
    assert (np.diff(params.quality_loss, axis=1) > 0.0).all()


def test_an_override_reaches_the_rules_through_gymnasium_make():
    env = gymnasium.make(
        ID, users=9, eviction="lru", servers={"store_bytes": 9e9}, popularity={"law": "tenants", "ring_share": 0.0}
    )
    params = env.unwrapped.lanes.params
    assert (params.users, params.eviction, params.store_limit_bytes, params.popularity_ring) == (9, 1, 9e9, 0)
    assert np.diff(params.popularity_log_weight)[0] == pytest.approx(-1.5 * np.log(2.0))


def test_a_law_of_popularity_is_overridden_alone():
    assert resolve("default", {"popularity": {"law": "tenants"}}).popularity.law == "tenants"
    with pytest.raises(ScenarioError, match=r"^unknown popularity 'zipff': did you mean 'zipf'\? Known are zipf,"):
        parameters(popularity={"law": "zipff"})
    law = parameters(popularity={"exponent": 0.8, "offset": 2.0}).popularity_log_weight
    assert law[:2].tolist() == pytest.approx([-0.8 * np.log(3.0), -0.8 * np.log(4.0)])


def test_shares_of_models_written_out_are_what_is_asked_for():
    popularity = {"shares": [0.4, 0.3, 0.15, 0.1, 0.05], "drift_sd": 0.0, "newcomers_per_s": 0.0, "ring_share": 0.0}
    env = gymnasium.make(ID, library=WRITTEN_OUT, popularity=popularity).unwrapped
    env.reset(seed=0)
    params, state = env.lanes.params, env.lanes.state
    assert (params.models, params.precisions, params.blocks) == (5, 1, len(BLOCKS))
    assert env.action_space == gymnasium.spaces.Discrete(6)
    for site in range(params.servers):
        assert np.diff(state.popularity_cumulative[0, site], prepend=0.0) == pytest.approx(popularity["shares"])
    for _ in range(400):
        env.step(0)
    asked = state.asked_all[0] / state.asked_all[0].sum()
    assert asked == pytest.approx(popularity["shares"], abs=0.1)
    assert not env.lanes.out.observation[0, 16 + 5 * 9 :].any()  # rows without a model


def test_values_are_drawn_anew_for_each_episode_sizes_among_them():
    drawn = {
        "requests_per_s": {"low": 0.5, "high": 2.0},
        "users": {"choices": [30, 60]},
        "servers": {"store_bytes": {"low": 12e9, "high": 24e9}},
        "cloud_price": {"low": 0.2, "high": 0.8},
    }
    env = gymnasium.make_vec(ID, num_envs=6, **drawn)
    seen = set()
    for _ in range(3):
        env.reset()
        for lane in range(6):
            params = env.unwrapped.lanes.params_of(lane)
            assert 12e9 <= params.store_limit_bytes <= 24e9
            seen.add((params.users, round(params.cloud_price, 6), params.arrival_base_per_s[0]))
        for _ in range(20):
            observation, reward, _, _, info = env.step(np.full(6, 5))
            assert np.isfinite(observation).all()
            assert (reward <= info["ceiling"] + 1e-9).all()
    assert len(seen) > 12
    assert {users for users, _, _ in seen} == {30, 60}


LARGE = [
    {
        "network": {
            "topology": "poisson",
            "sites": {"rings": None, "width_m": 2e3, "height_m": 2e3, "count": 50, "seed": 1},
        },
        "users": 500,
        "library": {"families": {**SHIPPED, "big": {"base": "Llama-2-7B", "adapters": 989, "tuned": 10}}},
    },
    {"network": {"sites": {"rings": 4}, "served": 50}, "users": 500},
]


@pytest.mark.parametrize("large", LARGE)
def test_fifty_servers_five_hundred_users_and_a_thousand_models_need_no_other_code(large):
    env = gymnasium.make(ID, requests_per_s=7.0, **large).unwrapped
    observation, info = env.reset(seed=0)
    params = env.lanes.params
    assert (params.servers, params.users) == (50, 500)
    assert params.models in (39, 1000)
    rng = np.random.default_rng(0)
    for _ in range(110):
        assert env.observation_space.contains(observation)
        observation, reward, _, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        assert np.isfinite(reward)
        assert info["corrected"] == 0.0
    assert info["held"] >= 5  # the pipe from the cloud bounds them
    assert (env.lanes.state.stored_bytes[0] <= params.store_limit_bytes).all()


def written(**values):
    return {"library": {**WRITTEN_OUT, **values}}


def asked_by(*shares):
    return {**written(), "popularity": {"shares": list(shares)}}


def family(**values):
    return {"library": {"families": {"own": {"base": "Qwen2.5-7B", **values}}}}


FOUR = {"library": {"stored_bits": {3: 3.9}}}
REFUSED = [
    (written(models={"A": ["base1", "bse2"]}), r"^The model 'A' refers to the block 'bse2'; did you mean 'base2'\?"),
    (written(blocks={"a": -1.0}), r"^The block 'a' has -1\.0 bytes; a finite number above 0 is accepted\.$"),
    (written(base="Llama-9"), r"no model 'Llama-9'; did you mean 'Llama-3-8B'\?"),
    (written(base=""), r"a library of models with blocks needs a base, the language model that they run as"),
    ({"library": {"models": MODELS}}, r"a library of models with blocks needs a base"),
    ({"library": {"blocks": {"a": 1e9}}}, r"a library has blocks \(a\) and no models made of them"),
    (
        {"library": {"families": {"llama2": {"adapters": {"low": 1, "high": 5}}}}},
        r"library\.families\.llama2\.adapters is the same in every episode and cannot be drawn",
    ),
    ({"network": {"backhaul": "dsl"}}, r"the servers' wires are those of backhaul"),
    ({"requests_per_s": 1e-9}, r"requests_per_s: input should be greater than or equal to 0\.001"),
    ({"servers": {"store_bytes": 1e6}}, r"^servers\.store_bytes is 1e\+06; at least the library's smallest block, 4"),
    ({"servers": {"store_bytes": 5e8}}, r"^servers\.store_bytes is 5e\+08; at least the smallest model, 9\.4"),
    ({"servers": {"accelerator_bytes": 5e8}}, r"^servers\.accelerator_bytes is 5e\+08; at least the smallest model"),
    ({"servers": {"answers_at_once": 65}}, r"servers\.answers_at_once: .*less than or equal to 64 \(given: 65\)"),
    ({"servers": {"device": "h101"}}, r"no device 'h101'; did you mean 'h100-sxm'\?"),
    ({"servers": {"load_from": "tape"}}, r"servers\.load_from: .*'ram_to_gpu_pinned' \(given: 'tape'\)"),
    ({"users": 0}, r"^Scenario value users: .*greater than or equal to 1 \(given: 0\)"),
    ({"popularity": {"shares": [0.5, 0.4]}}, r"^The popularity has 2 shares; 39, one a model, are accepted\.$"),
    (asked_by(0.5, 0.2, 0.1, 0.1, 0.05), r"^The popularity's shares add up to 0\.95; 1"),
    (asked_by(0.5, 0.5, 0, 0, 0), r"^The popularity has the share 0; shares above 0"),
    ({"popularity": {"lwa": "zipf"}}, r"^There is no scenario value 'popularity\.lwa'; did you mean 'law'\?"),
    ({"usres": 3}, r"^There is no scenario value 'usres'; did you mean 'users'\?"),
    ({"store_bytes": 1e10}, r"^'store_bytes' is a value of 'servers'; give it as servers="),
    ({"eviction": "fifo"}, r"^Scenario value eviction: .*'lru', 'lfu', 'greedy_dual' or 'chosen' \(given: 'fifo'\)"),
    (FOUR, r"^library\.stored_bits has 4 precisions; up to 3 are accepted\.$"),
    ({"library": {"stored_bits": {4: None, 5: 5.5}}}, r"^no precision of 5 bits; there are 16, 8, 4"),
    (family(), r"^Nothing is published of Qwen2\.5-7B at 8 bits for the family own; quality_of can be one of"),
    (family(quality_of="Llama-4"), r"^no model 'Llama-4'; did you mean 'Llama-3-8B'\?"),
    (family(frozen=[1.5]), r"library\.families\.own\.frozen\.0: .*less than or equal to 1 \(given: 1\.5\)"),
    ({"backhaul": {"layout": "ring"}}, r"There is no layout of the backhaul 'ring'; known are mesh, star\."),
    ({"backhaul": {"wires": {"cloud_rate": 1}}}, r"no backhaul value 'cloud_rate'; did you mean 'cloud_rate_bps'\?"),
    ({"applications": {"virtual_assistant": {"share": 0.5}}}, r"shares add up to 1\.1; 1 is needed"),
    ({"applications": {"virtual_assistant": {"mobility": "fly"}}}, r"There is no mobility 'fly'; known are gauss"),
    ({"lateness": 1.0}, r"lateness: .*greater than 1"),
    ({"network": {"served": 99}}, r"^served is 99; 0 for all, or up to the 7 sites that there are\.$"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "said"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(overrides, said):
    with pytest.raises(ScenarioError, match=said) as refusal:
        parameters(**overrides)
    assert "\n" not in str(refusal.value)
