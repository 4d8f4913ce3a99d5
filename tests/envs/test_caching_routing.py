"""Answers and fetches of EdgeCaching worked by hand: who answers, how long it takes, and when bytes have arrived."""

from math import inf, log

import numpy as np
import pytest
from caching_world import GB, A, B, C, D, E, World

from mei_gym.profiles.loading import loading_bytes_per_s

PROMPT, ANSWER, REACH_S = 700.0, 101.0, 0.04
EDGE_S, CLOUD_S = 0.005, 0.03  # one way, of the default backhaul; both at 10 Gbit/s
TTFT_S, TPOT_S = 0.2, 0.04  # targets of the virtual assistant


def prefill_s(world: World, precision: int = 0) -> float:
    return float(np.interp(PROMPT, world.params.prompt_knot_tokens, world.params.whole_prefill_s[0, precision]))


def prefill_j(world: World, precision: int = 0) -> float:
    return float(np.interp(PROMPT, world.params.prompt_knot_tokens, world.params.whole_prefill_j[0, precision]))


def decode_s(world: World, batch: int, precision: int = 0) -> float:
    return float(world.params.whole_decode_s[0, precision, batch])


def idle_s(world: World) -> float:
    """An answer at the user's own site, idle and with the model loaded."""
    return REACH_S + prefill_s(world) + (ANSWER - 1) * decode_s(world, 1)


def wires_s(latency_s: float) -> float:
    """A prompt of four bytes a token at 10 Gbit/s, and back."""
    return 2 * latency_s + 8 * 4 * PROMPT / 10e9


def ask(world: World, site: int, model: int, at_s: float = 0.0) -> dict[str, float]:
    return world.ask(site, model, at_s, PROMPT, ANSWER, REACH_S)


def holding(server: int, *models: int, **overrides) -> World:
    """A world in which a server holds and has loaded some models."""
    world = World(**overrides)
    for model in models:
        world.arrived(server, model)
        world.load(server, model)
    return world


def test_an_idle_server_with_the_model_loaded_takes_the_way_the_prompt_and_the_tokens():
    world = holding(0, A)
    info = ask(world, 0, A)
    assert info["latency_s"] == pytest.approx(idle_s(world), rel=1e-12)
    assert (info["local"], info["hits"], info["requests"], info["load_s"]) == (1.0, 1.0, 1.0, 0.0)
    energy_j = prefill_j(world) + (ANSWER - 1) * world.params.whole_decode_j[0, 0, 1]
    assert info["energy_j"] == pytest.approx(energy_j, rel=1e-12)
    assert info["reward_energy"] == pytest.approx(-2e-4 * energy_j, rel=1e-12)
    assert (info["reward_answers"], info["reward_price"]) == (1.0, 0.0)


def test_weights_that_the_accelerator_lacks_are_loaded_first_and_shared_ones_are_not():
    world = World()
    for model in (A, B):
        world.arrived(0, model)
    rate = loading_bytes_per_s("h100-sxm", "ram_to_gpu_pinned")
    first, second = ask(world, 0, A), ask(world, 0, B, at_s=100.0)
    assert first["load_s"] == pytest.approx(5 * GB / rate)
    assert first["latency_s"] == pytest.approx(idle_s(world) + 5 * GB / rate)
    assert second["load_s"] == pytest.approx(1 * GB / rate)
    assert second["latency_s"] == pytest.approx(idle_s(world) + 1 * GB / rate)


def test_a_prompt_waits_until_those_before_it_are_loaded_and_run_and_no_longer():
    world = World()
    world.arrived(0, A)
    load_s = ask(world, 0, A)["load_s"]
    second = ask(world, 0, A, at_s=0.01)
    wait_s = load_s + prefill_s(world) - 0.01
    assert second["latency_s"] == pytest.approx(
        REACH_S + wait_s + prefill_s(world) + (ANSWER - 1) * decode_s(world, 2), rel=1e-12
    )
    assert world.state.server_free_s[0, 0] == pytest.approx(load_s + 2 * prefill_s(world), rel=1e-12)


def test_answers_of_one_base_share_an_iteration_and_those_of_two_take_turns():
    other = {"base": "Qwen2.5-7B", "quality_of": "Llama-3-8B", "adapters": 0}
    llama = {"base": "Llama-3-8B", "adapters": 1}
    bare = dict.fromkeys(("llama3", "llama2", "mistral", "qwen7", "qwen1"))
    library = {"families": {**bare, "one": llama, "two": other}}
    world = World(library=library, servers={"store_bytes": 40 * GB, "accelerator_bytes": 40 * GB})
    for model in range(3):
        world.arrived(0, model)
        world.load(0, model)
    world.state.server_free_s[0, 0] = 0.0
    paces = []
    for second, model in enumerate((0, 1, 2)):  # base, its adapter, the other base
        at_s = 0.2 * second  # the prompts before have run
        latency_s = ask(world, 0, model, at_s)["latency_s"]
        base = int(world.params.model_base[model])
        prompt_s = np.interp(PROMPT, world.params.prompt_knot_tokens, world.params.whole_prefill_s[base, 0])
        paces.append((latency_s - REACH_S - prompt_s) / (ANSWER - 1))
    llama_s, other_s = world.params.whole_decode_s[0, 0], world.params.whole_decode_s[1, 0]
    assert paces == pytest.approx([llama_s[1], llama_s[2], llama_s[2] + other_s[1]], rel=1e-9)
    assert world.state.running[0, 0] == 3
    assert ask(world, 0, 0, at_s=60.0)["latency_s"] == pytest.approx(idle_s(world))  # all have ended
    assert world.state.running[0, 0] == 1


def test_another_sites_server_answers_over_the_wires_at_the_price_of_a_relay():
    world = holding(1, A)
    info = ask(world, 0, A)
    assert info["latency_s"] == pytest.approx(idle_s(world) + wires_s(EDGE_S), rel=1e-12)
    assert (info["relayed"], info["local"], info["reward_price"]) == (1.0, 0.0, -0.1)
    world = holding(1, A)
    world.arrived(0, A)
    world.load(0, A)
    assert ask(world, 0, A)["local"] == 1.0


def test_without_a_holder_the_cloud_answers_in_a_batch_of_sixteen_at_its_price():
    world = World()
    info = ask(world, 0, A)
    latency_s = REACH_S + wires_s(CLOUD_S) + prefill_s(world) + (ANSWER - 1) * decode_s(world, 16)
    assert info["latency_s"] == pytest.approx(latency_s, rel=1e-12)
    assert (info["cloud"], info["reward_price"], info["reward_answers"], info["energy_j"]) == (1.0, -0.5, 1.0, 0.0)


def test_a_late_answer_is_worth_less_by_the_logarithm_and_nothing_at_lateness_deadlines():
    deadline_s = TTFT_S + (ANSWER - 1) * TPOT_S
    for shares, worth in ((1.0, 1.0), (1.5, 1.0 - log(1.5) / log(2.0)), (1.99, 1.0 - log(1.99) / log(2.0)), (2.1, 0.0)):
        world = holding(0, A, energy_price_per_j=0.0)
        reach_s = shares * deadline_s - idle_s(world) + REACH_S - 1e-9
        info = world.ask(0, A, 0.0, PROMPT, ANSWER, reach_s)
        assert info["reward_answers"] == pytest.approx(worth, abs=1e-6)
        assert info["late"] == float(1.0 < shares < 2.0)
        assert info["hits"] == float(shares <= 1.0)
        assert info["lost"] == float(shares > 2.0)  # nobody answers what is worth nothing


def test_a_dead_link_is_nobodys_and_leaves_the_ceiling_at_nothing():
    world = holding(0, A)
    info = world.ask(0, A, 0.0, PROMPT, ANSWER, inf)
    assert (info["lost"], info["ceiling"], info["reward_answers"], info["latency_s"]) == (1.0, 0.0, 0.0, 0.0)
    assert world.state.missed[0, 0, A] == world.state.asked[0, 0, A] == 1.0
    assert world.state.running[0, 0] == 0


def test_a_model_answers_from_the_moment_when_its_last_block_has_arrived():
    world = World()
    world.fetch(0, A)
    whole_s = world.state.held_from_s[0, 0, A]
    assert whole_s == pytest.approx(8 * 5 * GB / 10e9 + CLOUD_S)
    assert ask(world, 0, A, at_s=whole_s - 1e-6)["cloud"] == 1.0
    assert ask(world, 0, A, at_s=whole_s)["local"] == 1.0


def test_a_server_full_of_answers_is_passed_over():
    world = World(servers={"answers_at_once": 1, "store_bytes": 10 * GB, "accelerator_bytes": 8 * GB})
    for server in (0, 2):
        world.arrived(server, A)
        world.load(server, A)
    assert [ask(world, 0, A)[who] for who in ("local", "relayed", "cloud")] == [1.0, 1.0, 1.0]


def test_few_bits_cost_quality_by_the_applications_weight_and_the_better_of_two_answers():
    bare = dict.fromkeys(("llama3", "llama2", "mistral", "qwen7", "qwen1"))
    families = {**bare, "one": {"base": "Llama-3-8B"}}
    world = World(library={"families": families}, energy_price_per_j=0.0, servers={"store_bytes": 40 * GB})
    loss = world.params.quality_loss[0]
    assert loss.tolist() == pytest.approx([0.0, 0.0004, 0.0282])  # llama.cpp, PR 6936: ratios of Llama-3-8B
    for precision in (2, 1):  # what is held in more bits answers
        world.arrived(0, 0, precision)
        world.load(0, 0, precision)
        world.state.server_free_s[0, 0] = 0.0
        info = ask(world, 0, 0, at_s=100.0 * (3 - precision))
        assert info["quality_loss"] == loss[precision]
        assert info["reward_answers"] == pytest.approx(1.0 - 3.0 * loss[precision], rel=1e-12)
    assert world.ask(0, 0, 900.0, PROMPT, ANSWER, REACH_S)["ceiling"] == 1.0  # in 16 bits


def test_the_ceiling_is_the_own_server_idle_and_loaded_whoever_answers():
    world = holding(0, A)
    bare = World()
    for site, model, at_s in ((0, A, 0.0), (0, A, 0.0), (1, A, 0.01), (2, C, 50.0)):
        there, nowhere = ask(world, site, model, at_s), ask(bare, site, model, at_s)
        assert there["ceiling"] == nowhere["ceiling"]
        for info in (there, nowhere):
            assert info["reward_answers"] + info["reward_price"] + info["reward_energy"] <= info["ceiling"]


def test_blocks_from_the_cloud_pass_its_pipe_one_after_the_other_for_all_servers():
    world = World()
    world.fetch(0, A)
    world.fetch(1, C)  # 3.5 GB behind 5
    assert world.state.held_from_s[0, 0, A] == pytest.approx(4.0 + CLOUD_S)
    assert world.state.held_from_s[0, 1, C] == pytest.approx(4.0 + 2.8 + CLOUD_S)
    world.fetch(0, B)  # its base is on the way already; its own gigabyte comes last
    assert world.state.held_from_s[0, 0, B] == pytest.approx(4.0 + 2.8 + 0.8 + CLOUD_S)
    assert world.cloud_pipe_free_s() == pytest.approx(7.6)
    assert world.state.landing_s[0, 0] == world.state.held_from_s[0, 0, B]


def test_a_block_comes_from_another_server_if_it_is_whole_there_and_costs_a_quarter():
    world = World()
    world.arrived(1, B)
    info = world.fetch(0, A)
    assert (info["fetched_edge_bytes"], info["fetched_cloud_bytes"]) == (4 * GB, 1 * GB)
    assert info["reward_backhaul"] == pytest.approx(-(5e-12 * 4 * GB + 2e-11 * 1 * GB))
    assert world.state.held_from_s[0, 0, A] == pytest.approx(3.2 + EDGE_S)
    world = World()
    world.fetch(1, B)  # on its way there
    assert world.fetch(0, A)["fetched_edge_bytes"] == 0.0
    world.state.clock_s[0] = world.state.block_from_s[0, 1].max()
    assert world.fetch(2, A)["fetched_edge_bytes"] == 4 * GB


def test_of_two_servers_the_one_whose_spoke_is_free_sooner_sends():
    world = World()
    for server in (0, 1):
        world.arrived(server, E)
    world.state.pipe_free_s[0, world.params.backhaul_pipe[0, 2]] = 2.0
    world.fetch(2, E)
    assert world.state.held_from_s[0, 2, E] == pytest.approx(1.6 + EDGE_S)
    assert world.state.pipe_free_s[0, world.params.backhaul_pipe[1, 2]] == pytest.approx(1.6)
    assert world.state.pipe_free_s[0, world.params.backhaul_pipe[0, 2]] == 2.0


def test_a_fetch_is_feasible_if_it_fits_is_not_held_and_the_clouds_pipe_is_not_promised_for_an_epoch():
    world = World(servers={"store_bytes": 4.5 * GB, "accelerator_bytes": 8 * GB})

    def feasible() -> set[int]:
        world.sense()
        row = world.mask()
        assert row[0]
        return {int(world.state.shown_model[0, choice - 1]) for choice in np.flatnonzero(row[1:]) + 1}

    assert feasible() == {C, D, E}  # A and B take five gigabytes
    world.fetch(0, E)
    assert feasible() == {C, D}
    epoch_s = world.params.epoch_s
    world.state.pipe_free_s[0, :] = epoch_s
    assert feasible() == {C, D}
    world.state.pipe_free_s[0, :] = epoch_s * 1.001
    assert feasible() == set()
