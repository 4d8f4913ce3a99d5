"""Laws of EdgeCaching over whole episodes: chance, time, rewards, masks, the ceiling, and what a server is told."""

from math import exp

import gymnasium
import numpy as np
import pytest
from caching_world import A, C
from caching_world import World as Laid

from mei_gym import heuristics
from mei_gym.catalogue import scenarios
from mei_gym.envs.edge_caching import TASK
from mei_gym.envs.edge_caching.fields import ROW_FIELDS, SERVER_FIELDS
from mei_gym.envs.lanes import Lanes
from mei_gym.heuristics.policy import World
from mei_gym.oracle.seeds import lane_seeds

ID, EVICTION = "mei/EdgeCaching-v0", "mei/EdgeCachingEviction-v0"
SCENARIOS = scenarios(ID)
NAMES = heuristics.names(ID)


def played(name: str, world: World, seeds: range, steps: int):
    """A heuristic's lanes, step by step."""
    policy = heuristics.make(name, world)
    lanes = Lanes(TASK, policy.world.scenario, len(seeds))
    lanes.reset(lane_seeds(seeds))
    for _ in range(steps):
        lanes.step(policy.decide(lanes))
        yield lanes


def told(lanes: Lanes, name: str) -> np.ndarray:
    """f8[lane]: a number of info."""
    return lanes.out.info[:, TASK.info.index(name)].copy()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_heuristic_passes_the_ceiling_of_a_step_and_none_is_corrected(scenario):
    world = heuristics.world(ID, scenario)
    hits, steps = dict.fromkeys(NAMES, 0.0), 42 if scenario == "default" else 21
    for name in NAMES:
        for lanes in played(name, world, range(3), steps):
            assert (lanes.out.reward <= told(lanes, "ceiling") + 1e-9).all()
            assert not told(lanes, "corrected").any()
            hits[name] += told(lanes, "hits").sum()
    assert hits["no_cache"] == 0.0
    assert hits["marginal"] > hits["random"] > 0.0


def test_every_policy_meets_the_same_requests_users_and_newcomers():
    world = heuristics.world(ID, popularity={"newcomers_per_s": 0.02})
    runs = [played(name, world, range(2), 100) for name in ("no_cache", "random", "marginal", "trimcaching_gen", "lru")]
    for together in zip(*runs):
        first, states = together[0], [lanes.state for lanes in together]
        for name in ("ceiling", "requests", "handovers", "retired", "time_s", "server"):
            assert all(np.array_equal(told(lanes, name), told(first, name)) for lanes in together)
        for name in ("request_s", "request", "asked", "asked_all", "user_x_m", "user_site", "user_seen_s",
                     "popularity_cumulative", "shown_model"):  # fmt: skip
            assert all(np.array_equal(getattr(state, name), getattr(states[0], name)) for state in states), name
    assert told(together[0], "time_s").tolist() == [200.0] * 2
    assert not np.array_equal(states[0].held_bits, states[1].held_bits)


def test_servers_decide_in_turn_one_an_epochs_share():
    env = gymnasium.make(ID)
    _, info = env.reset(seed=0)
    assert (info["server"], info["time_s"]) == (0.0, 0.0)
    for step in range(1, 30):
        info = env.step(0)[4]
        assert info["server"] == step % 7
        assert info["time_s"] == pytest.approx(step * 14.0 / 7)


@pytest.mark.parametrize("id", [ID, EVICTION])
def test_what_the_mask_forbids_fetches_nothing_and_what_it_allows_is_carried_out(id):
    env = gymnasium.make(id).unwrapped
    _, info = env.reset(seed=2)
    rng = np.random.default_rng(0)
    lanes, victims = env.lanes, 25 if id == EVICTION else 1
    forbidden = allowed = threw = 0
    for step in range(400):
        mask = info["action_mask"]
        feasible = step % 3 != 2 or mask[3 * victims :].all()
        action = int(rng.choice(np.flatnonzero(mask if feasible else ~mask)))
        choice, victim = divmod(action, victims)
        row, precision = divmod(choice, 3)
        server = int(info["server"])
        model = int(lanes.state.shown_model[0, row - 1]) if row else -1
        loser = int(lanes.state.shown_model[0, victim - 1]) if victim and row else -1
        held = np.isfinite(lanes.state.held_from_s[0, server]).copy()
        info = env.step(action)[4]
        after = np.isfinite(lanes.state.held_from_s[0, server])
        if row == 0:
            assert info["corrected"] == 0.0
            assert info["fetch_model"] == -1.0
            continue
        assert info["corrected"] == float(not feasible)
        if feasible:
            allowed += 1
            assert (info["fetch_model"], info["fetch_bits"]) == (model, (16, 8, 4)[precision])
            if not info["retired"]:
                assert after[3 * model + precision]
                assert held.sum() + 1 - info["evicted"] == after.sum()
            if loser >= 0:
                threw += 1
                kept = np.flatnonzero(after[3 * loser : 3 * loser + 3])
                assert set(kept) <= ({precision} if loser == model else set())
        else:
            forbidden += 1
            assert info["fetch_model"] == -1.0
            assert info["fetched_cloud_bytes"] == info["fetched_edge_bytes"] == info["evicted"] == 0.0
            assert not (after & ~held).any()
    assert min(allowed, forbidden) > 50
    assert (threw > 50) == (id == EVICTION)


def test_the_reward_is_the_sum_of_its_parts_and_the_parts_are_what_info_counts():
    params = heuristics.world(ID).params
    for lanes in played("random", heuristics.world(ID), range(4), 200):
        parts = np.array([told(lanes, name) for name in TASK.reward_parts])
        assert lanes.out.reward == pytest.approx(parts.sum(axis=0), abs=1e-12)
        answers, price, backhaul, energy = parts
        assert price == pytest.approx(-0.5 * told(lanes, "cloud") - 0.1 * told(lanes, "relayed"), abs=1e-12)
        assert backhaul == pytest.approx(
            -2e-11 * told(lanes, "fetched_cloud_bytes") - 5e-12 * told(lanes, "fetched_edge_bytes"), abs=1e-12
        )
        assert energy == pytest.approx(-params.energy_price_per_j * told(lanes, "energy_j"), abs=1e-12)
        who = {name: told(lanes, name) for name in ("requests", "local", "relayed", "cloud", "lost", "late", "hits")}
        assert (who["requests"] == who["local"] + who["relayed"] + who["cloud"] + who["lost"]).all()
        assert (who["hits"] <= who["local"] + who["relayed"]).all()
        assert (answers <= who["requests"] - who["lost"] + 1e-12).all()


def test_a_newcomer_finds_no_copy_no_memory_and_no_request_of_what_it_replaced():
    env = gymnasium.make(ID, popularity={"newcomers_per_s": 0.05}).unwrapped
    env.reset(seed=1)
    rng, state = np.random.default_rng(0), env.lanes.state
    seen = state.popularity_version[0].copy()
    found = copies = 0
    for _ in range(400):
        before = np.isfinite(state.held_from_s[0]).reshape(7, 39, 3).any(axis=2).any(axis=0)
        info = env.step(int(rng.choice(np.flatnonzero(env.lanes.out.mask[0]))))[4]
        new = np.flatnonzero(state.popularity_version[0] != seen)
        seen = state.popularity_version[0].copy()
        assert info["retired"] == len(new)
        for model in new:
            found += 1
            copies += before[model]
            assert not np.isfinite(state.held_from_s[0, :, 3 * model : 3 * model + 3]).any()
            assert not state.held_bits[0, :, model].any()
            assert not state.asked[0, :, model].any()
            assert not state.missed[0, :, model].any()
            assert state.asked_all[0, model] == 0.0
            assert (state.clock_s[0] - state.asked_s[0, :, model] == env.lanes.params.memory_s).all()
    assert found > 20
    assert copies > 5


def test_what_a_server_remembers_fades_by_its_memory_once_an_epoch():
    world = Laid()
    world.ask(1, A, at_s=0.0)
    world.ask(1, C, at_s=0.0)
    kept = exp(-14.0 / 200.0)
    for _ in range(3):  # three servers: an epoch
        world.step(0)
    assert world.state.asked[0, 1].tolist() == pytest.approx([kept, 0.0, kept, 0.0, 0.0])
    assert world.state.missed[0, 1, A] == pytest.approx(kept)
    assert world.state.site_asked[0].tolist() == pytest.approx([0.0, 2 * kept, 0.0])
    assert world.state.asked_all[0].tolist() == pytest.approx([kept, 0.0, kept, 0.0, 0.0])
    assert world.state.site_cloud[0, 1] == pytest.approx(2 * kept)


def test_an_episode_begins_with_a_memory_of_requests_that_nobody_served():
    env = gymnasium.make(ID).unwrapped
    env.reset(seed=0)
    state, params = env.lanes.state, env.lanes.params
    assert params.history_requests == round(1.0 * 200.0 / 7)
    assert (state.site_asked[0] == params.history_requests).all()
    assert np.array_equal(state.asked[0], state.missed[0])
    assert np.array_equal(state.asked[0].sum(axis=0), state.asked_all[0])
    assert not np.isfinite(state.held_from_s[0]).any()
    assert not state.stored_bytes[0].any()


def shown_twin(lanes: Lanes, lane: int) -> dict[str, float]:
    """What the deciding server should be told, in SI, written again from the page with sets and NumPy."""
    state, params = lanes.state, lanes.params
    server, now_s = int(state.decision[lane]) % params.servers, float(state.clock_s[lane])
    held = np.isfinite(state.held_from_s[lane])
    bits = (held.reshape(-1, params.models, params.precisions) * params.library_bits).max(axis=2)
    uses = [
        set(params.variant_block[params.variant_first_block[each] : params.variant_first_block[each + 1]].tolist())
        for each in range(params.variants)
    ]
    there = set().union(*(uses[each] for each in np.flatnonzero(held[server])))
    running = (state.running_until_s[lane] > now_s) & (np.arange(params.answers_at_once) < state.running[lane][:, None])
    asked = state.site_asked[lane]
    twin = {
        "free_store": 1.0 - sum(params.block_bytes[block] for block in there) / params.store_limit_bytes,
        "store_bytes": params.store_limit_bytes,
        "landing_s": max(0.0, state.landing_s[lane, server] - now_s),
        "cloud_pipe_wait_s": max(0.0, state.pipe_free_s[lane, 1] - now_s),
        "site_rate_hz": asked[server] / params.memory_s,
        "network_rate_hz": asked.sum() / params.memory_s,
        "running": running[server].sum(),
        "running_elsewhere": (running.sum() - running[server].sum()) / (params.servers - 1),
        "prompt_wait_s": max(0.0, state.server_free_s[lane, server] - now_s),
        "hits_here": state.site_hits[lane, server] / asked[server],
        "hits_elsewhere": state.site_relayed[lane, server] / asked[server],
        "to_cloud": state.site_cloud[lane, server] / asked[server],
        "users_here": (params.site_air[state.user_site[lane]] == server).mean(),
        "held": held[server].sum(),
        "day": (now_s / params.day_s) % 1.0,
    }
    keys = state.asked[lane, server] + state.asked_all[lane] / params.servers
    order = np.argsort(-keys, kind="stable")[: params.rows]
    assert order.tolist() == state.shown_model[lane, : params.rows].tolist()
    others = np.delete(bits, server, axis=0).max(axis=0)
    for row, model in enumerate(order):
        twin |= {
            f"row_{row:02d}_popularity_here": state.asked[lane, server, model] / asked[server],
            f"row_{row:02d}_missed_here": state.missed[lane, server, model] / asked[server],
            f"row_{row:02d}_popularity_all": state.asked_all[lane, model] / asked.sum(),
            f"row_{row:02d}_unasked_s": now_s - state.asked_s[lane, server, model],
            f"row_{row:02d}_bits_here": bits[server, model],
            f"row_{row:02d}_bits_elsewhere": others[model],
        }
        for precision in range(params.precisions):
            variant = model * params.precisions + precision
            lacking = sum(params.block_bytes[block] for block in uses[variant] - there)
            never = params.variant_bytes[variant] > min(params.store_limit_bytes, params.accelerator_limit_bytes)
            twin[f"row_{row:02d}_missing_bytes_{precision}"] = np.inf if never else lacking
    return twin


def test_a_server_is_told_what_its_page_says():
    names = [field.name for field in TASK.fields]
    untold, never = set(names), 0
    for step, lanes in enumerate(played("random", heuristics.world(ID), range(2), 120)):
        if step % 6:
            continue
        for lane in range(2):
            twin = shown_twin(lanes, lane)
            sensed = dict(zip(names, lanes.state.sensed[lane].tolist()))
            for name, value in twin.items():
                assert sensed[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name
            untold -= set(twin)
            never += sum(value == np.inf for value in twin.values())
            assert np.isfinite(lanes.out.observation).all()
    assert untold == {"loaded"}
    assert never > 0
    assert len(names) == len(SERVER_FIELDS) + 24 * len(ROW_FIELDS) == 232


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_observations_stay_in_their_range_and_rows_without_a_model_are_nothing(scenario):
    for name in ("random", "marginal"):
        world = heuristics.world(ID, scenario)
        for lanes in played(name, world, range(4), 60):
            shown = lanes.out.observation
            assert np.isfinite(shown).all()
            assert (shown >= 0.0).all()
            assert (shown <= 1.0).all()
    assert shown.std(axis=0).any()
    small = Laid().params
    assert small.rows == 5
