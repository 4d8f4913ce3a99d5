"""Stores of EdgeCaching: every byte once, whatever is fetched and thrown out, and what goes when room is needed."""

from math import inf

import numpy as np
import pytest
from caching_world import BLOCKS, GB, SHIPPED, A, B, C, D, E, World
from hypothesis import given, settings
from hypothesis import strategies as st

from mei_gym.scenarios.library import library_of_part
from mei_gym.workload.library import Library, bytes_of_set

SMALL = {"base": "Qwen2.5-1.5B", "adapters": 2, "tuned": 1, "quality_of": "Llama-3-8B"}
FAMILIES = {
    "library": {"families": {**SHIPPED, "small": SMALL}},
    "servers": {"store_bytes": 5 * GB, "accelerator_bytes": 3.2 * GB},
}
RULES = ("value", "lru", "lfu", "greedy_dual", "chosen")
WORLDS: dict[str, World] = {}


def emptied(rule: str) -> World:
    """A world of four models in three precisions that share a base, with empty stores; laid once for a rule."""
    if rule not in WORLDS:
        WORLDS[rule] = World(**FAMILIES, eviction=rule)
    world = WORLDS[rule]
    for server in range(3):
        for variant in world.held(server):
            world.evict(server, *divmod(variant, 3))
    return world


def keeps_its_books(world: World, library: Library) -> None:
    """Every store and accelerator against sets of names."""
    state, params = world.state, world.params
    names = list(library.block_bytes)
    for server in range(3):
        held = world.held(server)
        loaded = set(np.flatnonzero(state.loaded_used_s[0, server] >= 0.0).tolist())
        assert loaded <= held
        assert state.held[0, server] == len(held)
        assert state.stored_bytes[0, server] == bytes_of_set(library, held) <= params.store_limit_bytes
        assert state.loaded_bytes[0, server] == bytes_of_set(library, loaded) <= params.accelerator_limit_bytes
        for holders, there in ((state.block_holders, held), (state.loaded_holders, loaded)):
            assert holders[0, server].tolist() == [sum(name in library.uses[each] for each in there) for name in names]
        for variant in held:
            whole_s = max(state.block_from_s[0, server, names.index(name)] for name in library.uses[variant])
            assert state.held_from_s[0, server, variant] >= whole_s
        for model in range(params.models):
            bits = [params.library_bits[variant % 3] for variant in held if variant // 3 == model]
            assert state.held_bits[0, server, model] == max(bits, default=0.0)


@settings(max_examples=60, deadline=None)
@given(
    rule=st.sampled_from(RULES),
    asked=st.lists(st.integers(0, 20), min_size=12, max_size=12),
    deeds=st.lists(
        st.tuples(st.sampled_from(("fetch", "fetch", "load", "evict")), st.integers(0, 2), st.integers(0, 11)),
        max_size=30,
    ),
)
def test_whatever_is_fetched_loaded_and_thrown_out_a_store_takes_the_bytes_of_the_union(rule, asked, deeds):
    world = emptied(rule)
    library = library_of_part(world.scenario.library)
    world.state.asked[0, :, :] = np.array(asked).reshape(3, 4)
    for second, (deed, server, variant) in enumerate(deeds):
        model, precision = divmod(variant, 3)
        if deed == "fetch" and variant not in world.held(server):
            before = bytes_of_set(library, {*world.held(server), variant}) - bytes_of_set(library, world.held(server))
            info = world.fetch(server, model, precision, victim=second % 4 if rule == "chosen" else -1)
            assert variant in world.held(server)
            assert info["fetched_cloud_bytes"] + info["fetched_edge_bytes"] == before
        elif variant in world.held(server):
            if deed == "load":
                lacking = bytes_of_set(library, {*loaded(world, server), variant}) - world.state.loaded_bytes[0, server]
                assert world.load(server, model, precision, second) == lacking / world.params.load_bytes_per_s
                assert variant in loaded(world, server)
            elif deed == "evict":
                world.evict(server, model, precision)
                assert variant not in world.held(server)
        keeps_its_books(world, library)


def loaded(world: World, server: int) -> set[int]:
    """Variants in the accelerator."""
    return set(np.flatnonzero(world.state.loaded_used_s[0, server] >= 0.0).tolist())


def test_a_store_as_large_as_what_it_is_to_hold_holds_it_though_weights_take_fractions_of_bits():
    library = library_of_part(World(**FAMILIES).scenario.library)
    everything = set(range(12))
    size = bytes_of_set(library, everything)
    world = World(**{**FAMILIES, "servers": {"store_bytes": size, "accelerator_bytes": size}})
    for turn in (1, -1):
        for variant in sorted(everything)[::turn]:
            world.fetch(0, *divmod(variant, 3))
            world.load(0, *divmod(variant, 3))
        assert world.held(0) == loaded(world, 0) == everything
        assert world.state.stored_bytes[0, 0] == world.params.store_limit_bytes
        for variant in everything:
            world.evict(0, *divmod(variant, 3))
        assert world.state.stored_bytes[0, 0] == world.state.loaded_bytes[0, 0] == 0.0


def filled(rule: str, *models: int, **overrides) -> World:
    """A world whose server 0, of ten gigabytes, holds some models, decided for in this order a second apart."""
    world = World(eviction=rule, **overrides)
    for second, model in enumerate(models):
        world.state.clock_s[0] = second
        world.arrived(0, model)
    return world


def test_by_value_the_block_of_the_least_demand_a_byte_goes_and_those_variants_with_it():
    world = filled("value", A, B, C)  # 9.5 GB; demand a GB: base1 2/4, a and b 1, base2 2/3, c 4
    world.state.asked[0, 0] = [1.0, 1.0, 2.0, 0.0, 0.0]
    assert world.fetch(0, E)["evicted"] == 2.0
    assert world.held(0) == {C, E}
    world = filled("value", A, B, C)  # base1 is asked for twice as often: 4/4, a and b 2; C goes, for base2's 2/3
    world.state.asked[0, 0] = [2.0, 2.0, 2.0, 0.0, 0.0]
    assert world.fetch(0, E)["evicted"] == 1.0
    assert world.held(0) == {A, B, E}


def test_by_value_what_is_held_in_fewer_bits_too_is_asked_for_in_the_most_alone():
    world = World(**FAMILIES)
    world.arrived(0, 0, 0)
    world.arrived(0, 0, 2)
    world.state.asked[0, 0] = [5.0, 0.0, 0.0, 0.0]
    world.fetch(0, 1, 1)  # 3.1 + .9 + 1.6 GB are more than 5: the base in 4 bits has no demand
    assert world.held(0) == {0, 4}


@pytest.mark.parametrize("rule", RULES)
def test_what_the_incoming_model_shares_with_those_that_go_is_not_fetched_again(rule):
    world = filled(rule, A, C, servers={"store_bytes": 9 * GB})
    world.state.asked[0, 0] = [0.0, 0.0, 9.0, 0.0, 0.0]
    info = world.fetch(0, B, victim=A if rule == "chosen" else -1)
    assert world.held(0) == {B, C}
    assert info["fetched_cloud_bytes"] == BLOCKS["b"]
    assert world.state.held_from_s[0, 0, B] < inf


def test_what_the_incoming_model_shares_with_those_that_leave_the_accelerator_is_not_loaded_again():
    world = filled("value", A, B, E)
    rate = world.params.load_bytes_per_s
    assert world.load(0, A, now_s=1.0) == 5 * GB / rate
    assert world.load(0, E, now_s=2.0) == 2 * GB / rate
    assert world.load(0, B, now_s=3.0) == 1 * GB / rate  # 8 GB are full: nothing has to leave yet
    assert loaded(world, 0) == {A, B, E}
    world = filled("value", A, B, E, servers={"accelerator_bytes": 7 * GB})
    for second, (model, gigabytes) in enumerate(((A, 5), (E, 2), (B, 1), (A, 1))):
        assert world.load(0, model, now_s=second) == gigabytes * GB / rate
    assert loaded(world, 0) == {A, B}


def test_the_accelerator_throws_out_what_answered_least_lately():
    world = filled("value", A, C, E, servers={"store_bytes": 20 * GB, "accelerator_bytes": 8 * GB})
    for second, model in enumerate((E, A, E)):
        world.load(0, model, now_s=second)
    world.load(0, C, now_s=3.0)  # 5 + 2 + 3.5 GB are more than 8
    assert loaded(world, 0) == {C, E}
    world.evict(0, E)
    assert loaded(world, 0) == {C}


def test_lru_throws_out_what_answered_least_lately_or_was_decided_for_before():
    world = filled("lru", C, D, E)
    world.ask(0, C, at_s=10.0)
    assert world.state.used_s[0, 0, [C, D, E]].tolist() == [10.0, 1.0, 2.0]
    world.fetch(0, A)  # 5 GB more than 6: D and E go, then there is room for 3.5 + 5
    assert world.held(0) == {A, C}


def test_lfu_throws_out_what_answered_least_often_since_it_was_decided_for():
    world = filled("lfu", C, D, E)
    for second in range(3):
        world.ask(0, D, at_s=10.0 + 10 * second)
    world.ask(0, E, at_s=50.0)
    assert world.state.uses[0, 0, [C, D, E]].tolist() == [1.0, 4.0, 2.0]
    world.fetch(0, A)  # C goes: 5.5 GB are left, half a GB too much
    assert world.held(0) == {A, D}
    world.evict(0, D)
    world.fetch(0, D)
    assert world.state.uses[0, 0, D] == 1.0


def test_greedy_dual_weighs_uses_against_bytes_and_inflates_by_what_left():
    world = filled("greedy_dual", C, E)
    world.ask(0, C, at_s=10.0)
    assert world.state.priority[0, 0, [C, E]].tolist() == pytest.approx([2 / 3.5, 1 / 2])
    world.fetch(0, A)  # 5.5 + 5 GB: the least, E, leaves
    assert world.held(0) == {A, C}
    assert world.state.inflation[0, 0] == 0.5
    assert world.state.priority[0, 0, A] == pytest.approx(0.5 + 1 / 5)
    assert world.state.priority[0, 0, C] == pytest.approx(2 / 3.5)
    world.fetch(0, E)  # C, used twice, leaves before A, which came later
    assert world.held(0) == {A, E}
    assert world.state.inflation[0, 0] == pytest.approx(2 / 3.5)


def test_chosen_throws_the_named_model_out_first_and_what_is_still_too_much_by_value():
    world = filled("chosen", A, B, C)
    world.state.asked[0, 0] = [1.0, 1.0, 2.0, 0.0, 0.0]
    assert world.fetch(0, E, victim=C)["evicted"] == 1.0
    assert world.held(0) == {A, B, E}
    world = filled("chosen", A, B, C)
    world.state.asked[0, 0] = [9.0, 9.0, 2.0, 0.0, 0.0]
    info = world.fetch(0, E, victim=B)  # 9.5 - 1 + 2 GB: half a GB too much
    assert info["evicted"] == 2.0
    assert world.held(0) == {A, E}


@pytest.mark.parametrize("rule", RULES)
def test_nothing_leaves_while_there_is_room(rule):
    world = filled(rule, A, C)  # 8.5 GB
    assert world.fetch(0, B)["evicted"] == 0.0  # 9.5
    assert world.fetch(0, D)["evicted"] == 0.0  # 10
    assert world.held(0) == {A, B, C, D}
    assert world.state.stored_bytes[0, 0] == world.params.store_limit_bytes
